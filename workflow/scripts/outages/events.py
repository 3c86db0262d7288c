"""From observations to events with their high-water marks.

Shape A: an event is (commune, company, start date). Shape B: within a commune, an event opens at a snapshot with
at least `open_customers` and goes on until `close_snapshots` observed snapshots in a row lie below. Gaps neither
count nor reset; missing snapshots in a row that stand for more than `max_gap_hours`, or a change of shape, cut.
Definitions and worked cases: docs/methodology.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from .errors import OutagesError

GOLDEN_SCHEMA: dict[str, Any] = {
    "inicio": pl.Datetime("us", "UTC"), "hash_id": pl.String, "fecha_dt": pl.Date, "fecha_inicio": pl.Date,
    "formato": pl.String, "codigo_comuna": pl.String, "nombre_region": pl.String, "nombre_comuna": pl.String,
    "nombre_empresa": pl.String, "clientes_afectados": pl.Int64, "clientes_hora": pl.Int64,
    "fin": pl.Datetime("us", "UTC"), "observaciones": pl.Int64, "horas_sin_dato": pl.Int64,
    "inicio_desconocido": pl.Boolean, "fin_desconocido": pl.Boolean, "fantasma": pl.Boolean, "recortado": pl.Boolean,
}  # fmt: skip
PLACE = ["codigo_comuna", "nombre_region", "nombre_comuna"]


def timeline(states: Iterable[tuple[Path, int]], max_gap_hours: int) -> pl.DataFrame:
    """The hours that the patterns ask for, in order, from (hours file, step in hours) of each month.

    Columns: hora_utc, fecha, formato, step, k (number of the snapshot among the observed ones), stretch (number
    of the run of snapshots that nothing cuts), first and last (numbers k of that run's ends), missing (hours
    without data up to and including this one). Only observed hours are kept.
    """
    steps = pl.DataFrame(
        [(str(path), step) for path, step in states], schema={"file": pl.String, "step": pl.Int64}, orient="row"
    )
    hours = (
        pl.scan_parquet(steps["file"].to_list(), include_file_paths="file")
        .filter(pl.col("motivo") != "not in pattern")
        .join(steps.lazy(), on="file")
        .select("hora_utc", "fecha", "estado", "motivo", "formato", "step")
        .collect()
        .sort("hora_utc")
    )
    seen = pl.col("estado") == "observed"
    hours = hours.with_columns(missing=pl.when(seen).then(0).otherwise(pl.col("step")).cum_sum()).filter(seen)
    # Hours of the pattern, not of the clock: nothing is missing where it is changed.
    unknown = pl.col("missing") - pl.col("missing").shift(1)
    cut = (unknown > max_gap_hours) | (pl.col("formato") != pl.col("formato").shift(1))
    return (
        hours.with_columns(k=pl.int_range(pl.len(), dtype=pl.Int64), stretch=cut.fill_null(False).cum_sum())
        .with_columns(first=pl.col("k").min().over("stretch"), last=pl.col("k").max().over("stretch"))
        .drop("estado", "motivo")
    )


def events(silver: list[Path], hours: pl.DataFrame, open_customers: int, close_snapshots: int) -> pl.DataFrame:
    """All events of both shapes, sorted by (inicio, hash_id), with the columns of GOLDEN_SCHEMA.

    Customers are the high-water mark of an event, `clientes_hora` the sum of value x step over its snapshots.
    """
    places = pl.scan_parquet(silver).select(PLACE).unique().collect(engine="streaming")
    found = pl.concat(
        [_of_shape_a(silver, hours), _of_shape_b(silver, hours, open_customers, close_snapshots)], how="diagonal"
    )
    ends = hours.select("k", "hora_utc", "fecha", "missing", "first", "last")
    begun = ends.select(k_begin="k", inicio="hora_utc", fecha_dt="fecha", missing_begin="missing", first="first")
    ended = ends.select(k_end="k", fin="hora_utc", missing_end="missing", last="last")
    # An event of shape B has ended when enough snapshots follow in its stretch, one of shape A when any does.
    after = pl.when(pl.col("formato") == "B").then(close_snapshots).otherwise(1)
    golden = (
        found.join(places, on="codigo_comuna")
        .join(begun, on="k_begin")
        .join(ended, on="k_end")
        .with_columns(
            horas_sin_dato=pl.col("missing_end") - pl.col("missing_begin"),
            inicio_desconocido=pl.col("k_begin") == pl.col("first"),
            fin_desconocido=pl.col("k_end") + after > pl.col("last"),
        )
    )
    golden = golden.with_columns(hash_id=_hashes(golden)).select(list(GOLDEN_SCHEMA)).cast(pl.Schema(GOLDEN_SCHEMA))
    if golden["hash_id"].n_unique() != golden.height:
        raise OutagesError("EVENT_IDS", "two events have one hash_id: the definition of an event has been broken")
    return golden.sort("inicio", "hash_id")


def _of_shape_a(silver: list[Path], hours: pl.DataFrame) -> pl.DataFrame:
    """Month by month, which needs the memory of one; then the parts of events that go on over months are joined."""
    key = ["codigo_comuna", "nombre_empresa", "fecha_inicio"]
    columns = ["hora_utc", "formato", *key, "clientes_afectados", "fantasma", "recortado"]
    snapshots = hours.select("hora_utc", "k", "step")
    parts = []
    for path in silver:
        rows = pl.read_parquet(path, columns=columns).filter(pl.col("formato") == "A")
        parts.append(
            rows.join(snapshots, on="hora_utc", maintain_order="left")
            .group_by(key)
            .agg(
                k_begin=pl.col("k").first(),
                k_end=pl.col("k").last(),
                clientes_afectados=pl.col("clientes_afectados").max(),
                clientes_hora=(pl.col("clientes_afectados") * pl.col("step")).sum(),
                observaciones=pl.len().cast(pl.Int64),
                fantasma=pl.col("fantasma").last(),
                recortado=pl.col("recortado").any(),
            )
        )
    # An event is a ghost when its last observation is: the parts in order of time.
    return (
        pl.concat(parts)
        .sort("k_end")
        .group_by(key)
        .agg(
            formato=pl.lit("A"),
            k_begin=pl.col("k_begin").min(),
            k_end=pl.col("k_end").max(),
            clientes_afectados=pl.col("clientes_afectados").max(),
            clientes_hora=pl.col("clientes_hora").sum(),
            observaciones=pl.col("observaciones").sum(),
            fantasma=pl.col("fantasma").last(),
            recortado=pl.col("recortado").any(),
        )
    )


def _of_shape_b(silver: list[Path], hours: pl.DataFrame, open_customers: int, close_snapshots: int) -> pl.DataFrame:
    snapshots = hours.lazy().select("hora_utc", pl.col("k", "stretch", "step").cast(pl.Int32))
    values = (
        pl.scan_parquet(silver)
        .filter(pl.col("formato") == "B")
        .select("hora_utc", "recortado", commune=pl.col("codigo_comuna").cast(pl.Int32), v="clientes_afectados")
        .join(snapshots, on="hora_utc")
        .drop("hora_utc")
        .collect(engine="streaming")
        .sort("commune", "k")
        .with_row_index("row")
    )
    goes_on = (
        (pl.col("commune") == pl.col("commune").shift(1))
        & (pl.col("stretch") == pl.col("stretch").shift(1))
        & (pl.col("k") - pl.col("k").shift(1) <= close_snapshots)
    )
    above = values.filter(pl.col("v") >= open_customers).with_columns(opens=~goes_on.fill_null(False))
    above = above.with_columns(event=pl.col("opens").cum_sum())
    spans = above.group_by("event").agg(
        of=pl.col("commune").first(), k_begin=pl.col("k").min(), k_end=pl.col("k").max()
    )
    # What lies below within an event belongs to it: each value goes to the last event opened before it.
    inside = (
        values.join(above.filter("opens").select("row", "opens"), on="row", how="left", maintain_order="left")
        .with_columns(event=pl.col("opens").fill_null(False).cum_sum())
        .join(spans, on="event")
        .filter((pl.col("commune") == pl.col("of")) & (pl.col("k") <= pl.col("k_end")))
    )
    first = pl.col("commune", "k_begin", "k_end").first()
    return (
        inside.group_by("event")
        .agg(
            first,
            clientes_afectados=pl.col("v").max(),
            clientes_hora=(pl.col("v") * pl.col("step")).sum(),
            recortado=pl.col("recortado").any(),
        )
        .select(
            pl.col("k_begin", "k_end").cast(pl.Int64),
            "clientes_afectados",
            "clientes_hora",
            "recortado",
            codigo_comuna=pl.col("commune").cast(pl.String).str.zfill(5),
            formato=pl.lit("B"),
            nombre_empresa=pl.lit("UNKNOWN"),
            fecha_inicio=pl.lit(None, pl.Date),
            observaciones=(pl.col("k_end") - pl.col("k_begin") + 1).cast(pl.Int64),
            fantasma=pl.lit(False),
        )
    )


def _hashes(golden: pl.DataFrame) -> pl.Series:
    """MD5 of "{commune}|{company}|{start date}" (A) or "{commune}|UNKNOWN|{UTC hour of opening}" (B), as hex."""
    began = pl.when(pl.col("formato") == "A").then(pl.col("fecha_inicio").dt.strftime("%Y-%m-%d"))
    opened = pl.col("inicio").dt.strftime("%Y-%m-%dT%H")
    keys = golden.select(pl.concat_str(["codigo_comuna", "nombre_empresa", began.otherwise(opened)], separator="|"))
    return pl.Series(
        [hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() for key in keys.to_series()], dtype=pl.String
    )
