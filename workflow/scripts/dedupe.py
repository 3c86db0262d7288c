"""Stage 3: the answers of one month in; observations, the state of each hour and a receipt out.

Units: customers without supply; hours are UTC beside the local label. Definitions: docs/methodology.md.
"""

from pathlib import Path

import polars as pl
from outages.clock import parse_iso
from outages.files import sha256, write_json, write_parquet
from outages.fingerprint import REPOSITORY
from outages.names import Names
from outages.reporting import log, run
from outages.silver import hour_states, observe, read_answers, reconcile
from outages.store import read_lines


def dedupe(
    bronze: Path,
    customers: Path,
    silver: Path,
    states: Path,
    receipt: Path,
    month: str,
    hours: list[int] | str,
    through: str,
    ghost_days: int,
    accept_implausible: bool,
) -> None:
    """Write the month's observations, the state of its hours, and a receipt that accounts for every source row.

    Raises an `OutagesError` when an answer has drifted or the rows do not add up; then nothing is written.
    """
    reading = read_answers(list(read_lines(bronze)), accept_implausible)
    own = pl.read_parquet(customers).filter(pl.col("mes") == month)
    caps = dict(own.select("codigo_region", "clientes").iter_rows())
    observations, counts = observe(reading, Names.load(REPOSITORY / "resources"), caps, ghost_days)
    table = hour_states(month, reading, observations, hours, parse_iso(through))
    told = reconcile(month, reading, observations, table, counts, hours, through)
    write_parquet(observations, silver)
    write_parquet(table, states)
    told |= {"bronze_sha256": sha256(bronze), "silver_sha256": sha256(silver), "hours_sha256": sha256(states)}
    write_json(told, receipt)
    log().info("reconciled", **told["rows"], observations=told["observations"])


if "snakemake" in globals():
    run(dedupe, snakemake)
