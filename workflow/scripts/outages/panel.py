"""The hourly panel: customers without supply by hour and commune, and the state of every hour beside it.

A commune that the panel does not name had 0 customers out in an hour that the table of hours tells as observed; in a
gap, or an hour that was not asked, nothing is known. Units: customers; hours are begins of hours, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import OutagesError

if TYPE_CHECKING:
    import polars as pl


def hours(states: Sequence[Path], receipts: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Every hour of the months, with its month and the hours that a snapshot of that month stands for."""
    import polars as pl

    months = [
        pl.read_parquet(path).with_columns(
            mes=pl.lit(receipt["month"]), paso_horas=pl.lit(receipt["step_hours"], pl.Int32)
        )
        for path, receipt in zip(states, receipts, strict=True)
    ]
    return pl.concat(months).sort("hora_utc")


def panel(silver: Sequence[Path], known: pl.DataFrame) -> pl.DataFrame:
    """One row per hour and commune that the hour's answer names, sorted by both; `known` is what `hours` gives.

    Companies and start dates are summed. Raises RELEASE_TOTALS when an hour's communes do not sum to the country's
    customers, or when an hour that was not observed has any.
    """
    import polars as pl

    months = [
        pl.scan_parquet(path)
        .group_by("hora_utc", "codigo_comuna")
        .agg(
            pl.col("formato", "nombre_region", "nombre_comuna").first(),
            pl.col("clientes_afectados", "clientes_reportados").sum(),
            # Shape B does not tell when an outage began: whether it is a ghost cannot be known.
            clientes_fantasma=pl.when(pl.col("formato").first() == "A").then(
                pl.col("clientes_afectados").filter("fantasma").sum()
            ),
        )
        .collect(engine="streaming")
        .sort("hora_utc", "codigo_comuna")
        for path in silver
    ]
    found = pl.concat(months)  # in order of months, which share no hour
    sums = found.group_by("hora_utc").agg(sum=pl.col("clientes_afectados").sum())
    both = known.select("hora_utc", "clientes").join(sums, on="hora_utc", how="full", coalesce=True)
    wrong = both.filter(
        pl.when(pl.col("clientes").is_null())
        .then(pl.col("sum").is_not_null())
        .otherwise(pl.col("clientes") != pl.col("sum").fill_null(0))
    )
    if wrong.height:
        hour = wrong["hora_utc"].min()
        message = f"Communes and country differ in {wrong.height} hours, first {hour!s}: run with -R dedupe."
        raise OutagesError("RELEASE_TOTALS", message, hour=str(hour), hours=wrong.height)
    return found
