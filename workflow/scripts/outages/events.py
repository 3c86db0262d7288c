"""From observations to events with their high-water marks.

Shape A: an event is (commune, company, start date). Shape B: within a commune, an event opens at a snapshot with
at least `open_customers` and goes on until `close_snapshots` observed snapshots in a row lie below. Gaps neither
count nor reset; a stretch without an observed snapshot of more than `max_gap_hours` (beyond the step of the
pattern), or a change of shape, cuts. Definitions and worked cases: docs/methodology.md.
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


def timeline(states: Iterable[tuple[Path, int]], max_gap_hours: int) -> pl.DataFrame:
    """The hours that the patterns ask for, in order, from (hours file, step in hours) of each month.

    Columns: hora_utc, fecha, formato, step, k (number of the snapshot among the observed ones), stretch (number
    of the run of snapshots that nothing cuts), first and last (numbers k of that run's ends), missing (hours
    without data up to and including this one). Only observed hours are kept.
    """
    parts = [
        pl.read_parquet(path, columns=["hora_utc", "fecha", "estado", "motivo", "formato"])
        .filter(pl.col("motivo") != "not in pattern")
        .with_columns(step=pl.lit(step, pl.Int64))
        for path, step in states
    ]
    hours = pl.concat(parts).sort("hora_utc")
    seen = pl.col("estado") == "observed"
    hours = hours.with_columns(missing=pl.when(seen).then(0).otherwise(pl.col("step")).cum_sum()).filter(seen)
    apart = (pl.col("hora_utc") - pl.col("hora_utc").shift(1)).dt.total_hours()
    # Where the pattern changes, the longer step is the one that was due.
    step = pl.max_horizontal("step", pl.col("step").shift(1))
    cut = (apart - step > max_gap_hours) | (pl.col("formato") != pl.col("formato").shift(1))
    return (
        hours.with_columns(k=pl.int_range(pl.len(), dtype=pl.Int64), stretch=cut.fill_null(False).cum_sum())
        .with_columns(first=pl.col("k").min().over("stretch"), last=pl.col("k").max().over("stretch"))
        .drop("estado", "motivo")
    )


def events(silver: list[Path], hours: pl.DataFrame, open_customers: int, close_snapshots: int) -> pl.DataFrame:
    """All events of both shapes, sorted by (inicio, hash_id), with the columns of GOLDEN_SCHEMA.

    Customers are the high-water mark of an event, `clientes_hora` the sum of value x step over its snapshots.
    """
    seen = pl.scan_parquet(silver).join(hours.lazy().drop("fecha", "formato"), on="hora_utc")
    found = pl.concat([_of_shape_a(seen), _of_shape_b(seen, open_customers, close_snapshots)], how="diagonal")
    ends = hours.select("k", "hora_utc", "fecha", "missing", "first", "last")
    begun = ends.select(k_begin="k", inicio="hora_utc", fecha_dt="fecha", missing_begin="missing", first="first")
    ended = ends.select(k_end="k", fin="hora_utc", missing_end="missing", last="last")
    # An event of shape B has ended when enough snapshots follow in its stretch, one of shape A when any does.
    after = pl.when(pl.col("formato") == "B").then(close_snapshots).otherwise(1)
    golden = (
        found.join(begun, on="k_begin")
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


def _of_shape_a(seen: pl.LazyFrame) -> pl.DataFrame:
    last = pl.col("k") == pl.col("k").max()
    return (
        seen.filter(pl.col("formato") == "A")
        .group_by("codigo_comuna", "nombre_empresa", "fecha_inicio")
        .agg(
            formato=pl.lit("A"),
            nombre_region=pl.col("nombre_region").first(),
            nombre_comuna=pl.col("nombre_comuna").first(),
            k_begin=pl.col("k").min(),
            k_end=pl.col("k").max(),
            clientes_afectados=pl.col("clientes_afectados").max(),
            clientes_hora=(pl.col("clientes_afectados") * pl.col("step")).sum(),
            observaciones=pl.len().cast(pl.Int64),
            fantasma=pl.col("fantasma").filter(last).any(),
            recortado=pl.col("recortado").any(),
        )
        .collect(engine="streaming")
    )


def _of_shape_b(seen: pl.LazyFrame, open_customers: int, close_snapshots: int) -> pl.DataFrame:
    columns = ["codigo_comuna", "nombre_region", "nombre_comuna", "k", "stretch", "step", "clientes_afectados"]
    values = (
        seen.filter(pl.col("formato") == "B")
        .select(*columns, "recortado")
        .collect(engine="streaming")
        .sort("codigo_comuna", "k")
    )
    same = pl.col("codigo_comuna") == pl.col("codigo_comuna").shift(1)
    goes_on = (
        same
        & (pl.col("stretch") == pl.col("stretch").shift(1))
        & (pl.col("k") - pl.col("k").shift(1) <= close_snapshots)
    )
    above = values.filter(pl.col("clientes_afectados") >= open_customers).with_columns(
        event=(~goes_on.fill_null(False)).cum_sum()
    )
    spans = above.group_by("event").agg(
        codigo_comuna=pl.col("codigo_comuna").first(), k_begin=pl.col("k").min(), k_end=pl.col("k").max()
    )
    # What lies below within an event belongs to it: each value goes to the last event begun before it.
    inside = values.join_asof(
        spans.sort("k_begin"), left_on="k", right_on="k_begin", by="codigo_comuna", check_sortedness=False
    ).filter(pl.col("k") <= pl.col("k_end"))
    return inside.group_by("event").agg(
        formato=pl.lit("B"),
        codigo_comuna=pl.col("codigo_comuna").first(),
        nombre_region=pl.col("nombre_region").first(),
        nombre_comuna=pl.col("nombre_comuna").first(),
        nombre_empresa=pl.lit("UNKNOWN"),
        fecha_inicio=pl.lit(None, pl.Date),
        k_begin=pl.col("k_begin").first(),
        k_end=pl.col("k_end").first(),
        clientes_afectados=pl.col("clientes_afectados").max(),
        clientes_hora=(pl.col("clientes_afectados") * pl.col("step")).sum(),
        observaciones=(pl.col("k_end") - pl.col("k_begin") + 1).first(),
        fantasma=pl.lit(False),
        recortado=pl.col("recortado").any(),
    )


def _hashes(golden: pl.DataFrame) -> pl.Series:
    """MD5 of "{commune}|{company}|{start date}" (A) or "{commune}|UNKNOWN|{UTC hour of opening}" (B), as hex."""
    began = pl.when(pl.col("formato") == "A").then(pl.col("fecha_inicio").dt.strftime("%Y-%m-%d"))
    opened = pl.col("inicio").dt.strftime("%Y-%m-%dT%H")
    keys = golden.select(pl.concat_str(["codigo_comuna", "nombre_empresa", began.otherwise(opened)], separator="|"))
    return pl.Series(
        [hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() for key in keys.to_series()], dtype=pl.String
    )
