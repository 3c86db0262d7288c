"""Stage 2: customers per region and month, the denominators of every rate.

From what the source told in the calendar months of running, and a configured table of official values, which
counts first in its months. Unit: customers.
"""

from pathlib import Path

import polars as pl
from outages.denominators import read_values, regions_of, table
from outages.files import write_parquet
from outages.fingerprint import REPOSITORY
from outages.names import Names
from outages.reporting import run, tell

SCHEMA = {
    "mes": pl.String, "codigo_region": pl.String, "nombre_region": pl.String, "clientes": pl.Int64,
    "estado": pl.String, "mes_valor": pl.String, "fuente": pl.String,
}  # fmt: skip


def customers(customers: Path, asked: list[Path], months: list[str], official: str | None) -> None:
    """Write one row per month and region, and country; without any known value null customers, state "none"."""
    regions = regions_of(Names.load(REPOSITORY / "resources"))
    rows = table(months, regions, read_values(asked, official, regions))
    known = sum(row["clientes"] is not None for row in rows)
    tell(f"{len(months)} months; {known:,} of {len(rows):,} values known")
    write_parquet(pl.DataFrame(rows, schema=SCHEMA), customers)


if "snakemake" in globals():
    run(customers, snakemake)
