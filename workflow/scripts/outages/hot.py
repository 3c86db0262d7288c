"""The hot table `interrupciones_hot`: events and sums by hour and region of the last 30 days, in the publishing target.

A row is known by `clave` (`E:{hash_id}`, `H:{hour}:{region}`) and `huella`, the MD5 of its content: equal rows are not
sent again. A row that was read also has `sello`, the MD5 of all that the target holds of it, and is replaced or deleted
only where that is still so. Hence two runs at once, or one that was killed and comes again, take nothing from each
other, nor from somebody who changes a row by hand: what somebody else has put there stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .clock import HOUR, local
from .errors import OutagesError
from .targets import Target

if TYPE_CHECKING:
    import polars as pl

SETUP = "workflow/supabase/0002_interrupciones_hot.sql"
WINDOW = timedelta(days=30)
BATCH = 2_000  # rows in one call, about 1 MB of JSON
PAGE = 10_000  # keys in one answer, about 1 MB


class Version(NamedTuple):
    """What the target tells of a row: its digest and its last hour."""

    huella: str
    fin: datetime


class Bounds(NamedTuple):
    """The window: hours after `start` up to `newest`; `covered` is the first hour that our months tell of."""

    start: datetime
    newest: datetime
    covered: datetime


class Hot:
    """The hot table of a target, through the SQL functions of its set-up; every call may be sent twice."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.name, self.host = target.name, target.host

    def versions(self) -> dict[str, Version]:
        """Every row by its key, page by page."""
        found: dict[str, Version] = {}
        after = ""
        while page := self._call("hot_claves", desde=after, cuantas=PAGE):
            found |= {key: Version(huella, datetime.fromisoformat(fin)) for key, huella, fin in page}
            after = page[-1][0]
        return found

    def rows(self, pairs: Mapping[str, str]) -> pl.DataFrame:
        """The rows that still are those of the pairs of key and digest, each with `sello`."""
        import polars as pl

        told = [row for part in _parts(pairs) for row in self._call("hot_filas", pares=part)]
        if any("sello" not in row for row in told):  # a project that was set up before there was one
            raise self._not_set_up("hot_filas")
        texts = {name: pl.String() if kind.is_temporal() else kind for name, kind in schema().items()}
        texts["sello"] = pl.String()
        frame = pl.DataFrame({name: [row[name] for row in told] for name in texts}, schema=texts)
        moment = pl.col("inicio", "fin").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC")
        return frame.with_columns(moment, pl.col("fecha_inicio").str.to_date())

    def put(
        self, rows: pl.DataFrame, before: Mapping[str, str], fits: Callable[[int], bool] = lambda size: True
    ) -> pl.DataFrame:
        """Insert rows, or put them in the place of those that `before` names by key and `sello`, and of no others.

        `fits` is asked before each call whether so many bytes may come (as JSON, which is more than they take there);
        the first no ends it. The rows that were sent.
        """
        import polars as pl

        moment = pl.col("inicio", "fin").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
        texts = rows.with_columns(moment, pl.col("fecha_inicio").dt.strftime("%Y-%m-%d"))
        sent = 0
        for part in texts.iter_slices(BATCH):
            told = part.to_dicts()
            if not fits(len(json.dumps(told, ensure_ascii=False).encode())):
                break
            known = {key: before[key] for key in part["clave"] if key in before}
            self._call("hot_poner", filas=told, antes=known)
            sent += part.height
        return rows.head(sent)

    def remove(self, pairs: Mapping[str, str]) -> int:
        """Delete the rows that still are those of the pairs of key and `sello`; how many the last sending took."""
        return sum(self._call("hot_quitar", pares=part) for part in _parts(pairs))

    def sizes(self) -> dict[str, int]:
        """Bytes of the database and of the published tables, as the server tells them."""
        told = self._call("hot_medidas")
        return {name: int(size) for name, size in sorted(told.items()) if size is not None}

    def _call(self, function: str, **arguments: Any) -> Any:
        try:
            return self._target.rpc(function, arguments)
        except OutagesError as error:
            if error.code != "PUBLISH_TABLE":
                raise
            raise self._not_set_up(function) from error

    def _not_set_up(self, function: str) -> OutagesError:
        message = f"{self.host} lacks interrupciones_hot or a function of it: run {SETUP} in Supabase's SQL editor."
        return OutagesError("WINDOW_SETUP", message, host=self.host, function=function)


def schema() -> dict[str, Any]:
    """Columns of the table in its order, as Polars types."""
    import polars as pl

    moment, text, number, flag = pl.Datetime("us", "UTC"), pl.String(), pl.Int64(), pl.Boolean()
    return {
        "clave": text, "huella": text, "tipo": text, "inicio": moment, "fin": moment, "codigo_region": text,
        "nombre_region": text, "codigo_comuna": text, "nombre_comuna": text, "nombre_empresa": text,
        "fecha_inicio": pl.Date(), "formato": text, "estado": text, "clientes_afectados": number,
        "clientes_hora": number, "observaciones": number, "horas_sin_dato": number, "inicio_desconocido": flag,
        "fin_desconocido": flag, "fantasma": flag, "recortado": flag,
    }  # fmt: skip


def digests(rows: pl.DataFrame) -> pl.Series:
    """`huella` of each row: MD5 of all its other columns as text."""
    import polars as pl

    kinds = schema()
    moments = [pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.f") for name in ("inicio", "fin")]
    others = [
        pl.col(name).dt.strftime("%Y-%m-%d") if kind == pl.Date else pl.col(name).cast(pl.String)
        for name, kind in kinds.items()
        if name not in ("huella", "inicio", "fin")
    ]
    texts = rows.select(pl.concat_str([part.fill_null("\\N") for part in (*moments, *others)], separator="\x1f"))
    found = [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts.to_series()]
    return pl.Series("huella", found, pl.String)


def digest_of(versions: Mapping[str, Version]) -> str:
    """sha256 of all keys with their digests: equal tables, equal values."""
    total = hashlib.sha256()
    for key, version in sorted(versions.items()):
        total.update(f"{key}\x1f{version.huella}\n".encode())
    return total.hexdigest()


def bounds(states: Sequence[Path]) -> Bounds | None:
    """The window that ends with the newest observed hour of the pattern; None when no hour was observed.

    `states` are results/silver/{month}.hours.parquet in the order of their months. No clock is asked.
    """
    import polars as pl

    for path in reversed(states):
        seen = pl.col("estado") == "observed"
        newest: Any = _hours([path]).filter(seen).select(pl.col("hora_utc").max()).collect().item()
        if newest is not None:
            covered: Any = pl.scan_parquet(states[0]).select(pl.col("hora_utc").min()).collect().item()
            return Bounds(newest - WINDOW, newest, covered)
    return None


def window_rows(
    within: Bounds, golden: Path, silver: Sequence[Path], states: Sequence[Path], regions: Mapping[str, str]
) -> pl.DataFrame:
    """Our rows of the window, sorted by key: an event by its last hour, customers by hour and region by their hour.

    Every region (name by code) has a row of each hour that was observed, 0 when nobody was out, or that is a gap, and
    then without a number; an hour that was not asked has none.
    """
    import polars as pl

    inside = pl.col("hora_utc").is_between(within.start, within.newest, closed="right")
    months = {local(moment).strftime("%Y-%m") for moment in (within.start + HOUR, within.newest)}
    first, last = min(months), max(months)
    silver, states = ([path for path in paths if first <= path.name[:7] <= last] for paths in (silver, states))
    region = pl.col("codigo_comuna").str.head(2)
    sums = (
        pl.scan_parquet(silver)
        .filter(inside)
        .group_by("hora_utc", region.alias("codigo_region"))
        .agg(pl.col("clientes_afectados").sum())
    )
    names = pl.LazyFrame({"codigo_region": list(regions), "nombre_region": list(regions.values())})
    hours = (
        _hours(states)
        .filter(inside, pl.col("estado") != "unasked")
        .select("hora_utc", "estado", "formato")
        .join(names, how="cross")
        .join(sums, on=["hora_utc", "codigo_region"], how="left")
        .select(
            "codigo_region", "nombre_region", "formato", "estado",
            clave=pl.concat_str(
                pl.lit("H:"), pl.col("hora_utc").dt.strftime("%Y-%m-%dT%HZ:"), pl.col("codigo_region")
            ),
            tipo=pl.lit("hora"),
            inicio="hora_utc",
            fin="hora_utc",
            clientes_afectados=pl.when(pl.col("estado") == "observed").then(pl.col("clientes_afectados").fill_null(0)),
        )
    )  # fmt: skip
    events = (
        pl.scan_parquet(golden)
        .filter(pl.col("fin") > within.start)
        .drop("fecha_dt")
        .with_columns(clave=pl.concat_str(pl.lit("E:"), "hash_id"), tipo=pl.lit("evento"), codigo_region=region)
        .drop("hash_id")
    )
    rows = pl.concat([events, hours], how="diagonal").with_columns(huella=pl.lit("")).collect()
    rows = rows.select(list(schema())).cast(pl.Schema(schema())).sort("clave")
    return rows.with_columns(digests(rows))


def leaving(theirs: Mapping[str, Version], ours: Mapping[str, str], within: Bounds) -> dict[str, str]:
    """Why rows of the target leave it, by key.

    "old": before the window. "superseded": in hours that our months tell of, but no longer among our rows. "replaced":
    we have another version. Rows after our newest hour are of somebody who knows more: they stay as they are.
    """
    found = {}
    for key, version in theirs.items():
        if version.fin > within.newest or ours.get(key) == version.huella:
            continue
        if key in ours:
            found[key] = "replaced"
        elif version.fin <= within.start:
            found[key] = "old"
        elif version.fin >= within.covered:
            found[key] = "superseded"
    return found


def _hours(states: Sequence[Path]) -> pl.LazyFrame:
    """The hours of the pattern, as events take them."""
    import polars as pl

    return pl.scan_parquet(list(states)).filter(pl.col("motivo") != "not in pattern")


def _parts(pairs: Mapping[str, str]) -> Iterator[dict[str, str]]:
    keys = sorted(pairs)
    for begin in range(0, len(keys), BATCH):
        yield {key: pairs[key] for key in keys[begin : begin + BATCH]}
