"""Stage 3: the answers of one month in; observations, the state of each hour and a receipt out.

Units: customers without supply; hours are UTC beside the local label. Definitions: docs/methodology.md.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import polars as pl
from outages.clock import parse_iso, step_hours
from outages.denominators import read_values, regions_of, table
from outages.files import sha256, write_json, write_parquet
from outages.fingerprint import REPOSITORY
from outages.names import Names
from outages.parts import parts_of
from outages.regional import by_region
from outages.reporting import log, run, tell
from outages.silver import hour_states, observe, read_answers, reconcile
from outages.store import read_lines


def dedupe(
    bronze: Path,
    asked: list[Path],
    silver: Path,
    sums: Path,
    parts: Path,
    states: Path,
    receipt: Path,
    month: str,
    hours: list[int] | str,
    through: str,
    ghost_days: int,
    accept_implausible: bool,
    official: str | None,
) -> None:
    """Write the month's observations, their sums by region, the state of its hours, and a receipt.

    Also what the month tells of each event of shape A, `parts`. The receipt accounts for every source row.

    `asked` are the files of customers whose values count for the month, `official` the configured table of values.

    Raises an `OutagesError` when an answer has drifted or the rows do not add up; then nothing is written.
    """
    reading = read_answers(read_lines(bronze), accept_implausible)
    names = Names.load(REPOSITORY / "resources")
    known = table([month], regions_of(names), read_values(asked, official, names.regions))
    caps = {str(row["codigo_region"]): cast("int | None", row["clientes"]) for row in known}
    observations, counts = observe(reading, names, caps, ghost_days)
    hourly = hour_states(month, reading, observations, hours, parse_iso(through))
    told = reconcile(month, reading, observations, hourly, counts, hours, through)
    tables: dict[Path, Callable[[], pl.DataFrame]] = {
        silver: lambda: observations,
        parts: lambda: parts_of(observations, hourly, step_hours(hours)),
        sums: lambda: by_region(observations, hourly),
        states: lambda: hourly,
    }
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda path: write_parquet(tables[path](), path), tables))
    # The receipt stands for all files of the month: it differs when one of them does.
    files = {"bronze": bronze, "silver": silver, "regions": sums, "parts": parts, "hours": states}
    told |= {f"{name}_sha256": sha256(path) for name, path in files.items()}
    write_json(told, receipt)
    tell("hours: {observed:,} observed, {gap:,} without an answer, {unasked:,} not asked".format_map(told["hours"]))
    tell(f"{told['rows']['read']:,} rows to {told['observations']:,} observations")
    log().info("reconciled", **told["rows"], observations=told["observations"])


if "snakemake" in globals():
    run(dedupe, snakemake)
