"""From observations to events with their high-water marks.

Shape A: an event is (commune, company, start date). Shape B: within a commune, an event opens at a snapshot with
at least `open_customers` and goes on until `close_snapshots` observed snapshots in a row lie below. Gaps neither
count nor reset; missing snapshots in a row that stand for more than `max_gap_hours`, or a change of shape, cut.
Definitions and worked cases: docs/methodology.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from .errors import OutagesError
from .once import read_once
from .openings import of_shape_b
from .parts import joined

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
    months = list(states)
    steps = pl.DataFrame(
        [(str(path), step) for path, step in months], schema={"file": pl.String, "step": pl.Int64}, orient="row"
    )
    hours = (
        read_once([path for path, _ in months])
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
        hours.with_columns(
            k=pl.int_range(pl.len(), dtype=pl.Int64), stretch=cut.fill_null(False).cum_sum().cast(pl.Int64)
        )
        .with_columns(first=pl.col("k").min().over("stretch"), last=pl.col("k").max().over("stretch"))
        .drop("estado", "motivo")
    )


def events(
    parts: Sequence[Path], silver: Sequence[Path], hours: pl.DataFrame, open_customers: int, close_snapshots: int
) -> pl.DataFrame:
    """All events of both shapes, sorted by (inicio, hash_id), with the columns of GOLDEN_SCHEMA.

    `parts` are the months' parts of events of shape A (parts.py), `silver` the observations of the months that hold
    shape B, `hours` those of `timeline`. Customers are the high-water mark of an event, `clientes_hora` the sum of
    value x step over its snapshots.
    """
    of_a = joined(parts).with_columns(formato=pl.lit("A"))
    of_b = of_shape_b(silver, hours, open_customers, close_snapshots).lazy()
    ends = hours.lazy().select("k", "hora_utc", "fecha", "missing", "first", "last")
    begun = ends.select(k_begin="k", inicio="hora_utc", fecha_dt="fecha", missing_begin="missing", first="first")
    ended = ends.select(k_end="k", fin="hora_utc", missing_end="missing", last="last")
    # An event of shape B has ended when enough snapshots follow in its stretch, one of shape A when any does.
    after = pl.when(pl.col("formato") == "B").then(close_snapshots).otherwise(1)
    golden = (
        pl.concat([of_a, of_b], how="diagonal")
        .join(begun, on="inicio", how="left")
        .join(ended, on="fin", how="left")
        .with_columns(
            horas_sin_dato=pl.col("missing_end") - pl.col("missing_begin"),
            inicio_desconocido=pl.col("k_begin") == pl.col("first"),
            fin_desconocido=pl.col("k_end") + after > pl.col("last"),
        )
        .select(list(GOLDEN_SCHEMA))
        .cast(pl.Schema(GOLDEN_SCHEMA))
        .sort("inicio", "hash_id")
        .collect()
    )
    if golden["fecha_dt"].null_count() or golden["fin_desconocido"].null_count():
        raise OutagesError("EVENT_HOURS", "an event begins or ends in an hour that nobody observed")
    names = golden["hash_id"]
    # Names differ where 64 bits of each do, which is told four times sooner.
    if names.hash().n_unique() != golden.height and names.n_unique() != golden.height:
        raise OutagesError("EVENT_IDS", "two events have one hash_id: the definition of an event has been broken")
    return golden
