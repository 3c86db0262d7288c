"""What each observed hour tells of each region, summed once per month: all that indices and shares need.

Summed again for each figure, the observations of 108 months took 5 s of every run; these sums have a twentieth of
their rows. Units: customers, observations. Definitions: docs/methodology.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from .once import read_once

#: Columns of results/silver/{month}.regions.parquet, sorted by the first two.
REGIONS_SCHEMA: dict[str, Any] = {
    "hora_utc": pl.Datetime("us", "UTC"), "nombre_region": pl.String, "clientes": pl.Int64,
    "clientes_fantasma": pl.Int64, "clientes_desconocidos": pl.Int64, "alzas": pl.Int64, "observaciones": pl.Int64,
    "fantasmas": pl.Int64, "con_fecha": pl.Int64,
}  # fmt: skip
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
PAIR = ["codigo_comuna", "nombre_empresa"]
_ASKED = pl.col("motivo") != "not in pattern"


def observed(states: Frame) -> Frame:
    """The hours of the pattern that were observed."""
    return states.filter((pl.col("estado") == "observed") & _ASKED)


def by_region(observations: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Sums by region of each hour of the pattern that was observed; a region that an hour does not name has no row.

    `alzas` are the positive increments, by commune and company, since the snapshot before: 0 in the first of another
    shape, to which nothing can have risen, and null in the first of the month, of which this month cannot tell.
    """
    seen = observed(states).sort("hora_utc")
    snapshots = seen.select(
        "hora_utc",
        k=pl.int_range(pl.len(), dtype=pl.Int64),
        fresh=(pl.col("formato") != pl.col("formato").shift(1)).fill_null(True),
    )
    rows = observations.lazy().join(snapshots.lazy(), on="hora_utc")
    customers, ghost = pl.col("clientes_afectados"), pl.col("fantasma")
    sums = rows.group_by("hora_utc", "nombre_region").agg(
        clientes=customers.sum(),
        clientes_fantasma=customers.filter(ghost).sum(),
        clientes_desconocidos=customers.filter(pl.col("codigo_comuna").str.ends_with("000")).sum(),
        observaciones=pl.len().cast(pl.Int64),
        fantasmas=ghost.sum().cast(pl.Int64),
        con_fecha=(pl.col("formato") == "A").sum().cast(pl.Int64),
    )
    values = rows.group_by(*PAIR, "k").agg(pl.col("hora_utc", "nombre_region", "fresh").first(), v=customers.sum())
    values = values.sort(*PAIR, "k")
    # A commune that the snapshot before does not name had 0 customers out in it.
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in PAIR)
    next_one = same & (pl.col("k") == pl.col("k").shift(1) + 1)
    before = pl.when(next_one).then(pl.col("v").shift(1)).otherwise(0)
    risen = pl.when(~pl.col("fresh")).then((pl.col("v") - before).clip(lower_bound=0)).otherwise(0)
    rises = values.with_columns(risen=risen).group_by("hora_utc", "nombre_region").agg(alzas=pl.col("risen").sum())
    first = seen["hora_utc"].head(1)
    return (
        sums.join(rises, on=["hora_utc", "nombre_region"])
        .with_columns(alzas=pl.when(~pl.col("hora_utc").is_in(first.implode())).then("alzas"))
        .select(list(REGIONS_SCHEMA))
        .cast(pl.Schema(REGIONS_SCHEMA))
        .sort("hora_utc", "nombre_region")
        .collect()
    )


def asked_hours(states: Sequence[Path], receipts: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """The hours that the patterns ask for, of all months, in order.

    Columns: hora_utc, fecha, mes (YYYY-MM), step (hours), observed, over (not still to come), formato, revisiones.
    """
    steps = pl.DataFrame(
        [(one["month"], one["step_hours"]) for one in receipts],
        schema={"mes": pl.String, "step": pl.Int64},
        orient="row",
    )
    return (
        read_once(states)
        .filter(_ASKED)
        .select(
            "hora_utc",
            "fecha",
            "formato",
            "revisiones",
            mes=pl.col("fecha").dt.strftime("%Y-%m"),
            observed=pl.col("estado") == "observed",
            over=pl.col("motivo") != "not yet",
        )
        .join(steps.lazy(), on="mes")
        .collect()
        .sort("hora_utc")
    )


def rises_between_months(silver: Sequence[Path], hours: pl.DataFrame) -> pl.DataFrame:
    """The rises of each month's first snapshot over the last one before it: hora_utc, nombre_region, alzas.

    `hours` are those of `asked_hours`. After a change of shape nothing can be told to have risen.
    """
    seen = hours.filter("observed").with_columns(
        before=pl.col("hora_utc").shift(1), same=pl.col("formato") == pl.col("formato").shift(1)
    )
    first = seen.filter((pl.col("mes") != pl.col("mes").shift(1)) & "same").select("hora_utc", "before")
    ends = pl.concat([first["hora_utc"], first["before"]])
    if not first.height:
        return pl.DataFrame(schema={name: REGIONS_SCHEMA[name] for name in ("hora_utc", "nombre_region", "alzas")})
    values = (
        pl.scan_parquet(list(silver))
        .filter(pl.col("hora_utc").is_in(ends.implode()))
        .group_by("hora_utc", *PAIR)
        .agg(pl.col("nombre_region").first(), v=pl.col("clientes_afectados").sum())
        .collect(engine="streaming")
    )
    held = values.select(*PAIR, before="hora_utc", was="v")
    return (
        values.join(first, on="hora_utc")
        .join(held, on=[*PAIR, "before"], how="left")
        .with_columns(risen=(pl.col("v") - pl.col("was").fill_null(0)).clip(lower_bound=0))
        .group_by("hora_utc", "nombre_region")
        .agg(alzas=pl.col("risen").sum())
    )
