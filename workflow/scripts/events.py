"""Stage 5: observations of all months in; events with their high-water marks out, in Parquet and in the warehouse.

Unit: customers (high-water mark of an event) and customer-hours. Definitions: docs/methodology.md.
"""

import os
from pathlib import Path

import polars as pl
from outages import events as build
from outages.beside import beside
from outages.event_loading import put_events
from outages.files import months_files, read_json, sha256, write_parquet
from outages.loading import heal, prune, tell_healed
from outages.reporting import log, run, tell
from outages.store import refuse_mixed
from outages.warehouse import opened


def events(
    receipts: list[Path],
    loaded: list[Path],
    golden: Path,
    open_customers: int,
    close_snapshots: int,
    max_gap_hours: int,
    cluster: str,
    database_url: str | None,
) -> None:
    """Write golden_interrupciones.parquet and replace fact_interrupciones by the same rows.

    The files of each month lie beside its receipt; SILVER_CHANGED when one does not.
    Months that the database lacks, or holds from other files than the receipts name, are loaded first; those that
    are no longer among the receipts are taken out.
    """
    told = [read_json(path) for path in receipts]
    silver, parts, states = (months_files(receipts, kind) for kind in (".parquet", ".parts.parquet", ".hours.parquet"))
    refuse_mixed({source for receipt in told for source in receipt["sources"]}, str(silver[0].parent))
    hours = build.timeline(
        [(path, receipt["step_hours"]) for path, receipt in zip(states, told, strict=True)], max_gap_hours
    )
    of_b = [path for path, receipt in zip(silver, told, strict=True) if "B" in receipt["shapes"]]
    with opened(database_url, Path(cluster)) as conn, beside(conn) as start:
        # The database on one core, what is computed and written on the other.
        healing = start(heal, conn, told, silver[0].parent)
        found = build.events(parts, of_b, hours, open_customers, close_snapshots)
        tell_healed(healing())
        gone = prune(conn, [receipt["month"] for receipt in told])
        if gone:
            log().warning("months_taken_out", months=gone)
        writing = start(_written, found, golden)
        rows = put_events(conn, found, golden, writing)
    tell(f"{rows:,} events of {len(told)} months")
    log().info("events", rows=rows)


def _written(found: pl.DataFrame, golden: Path) -> str:
    """The digest of the file, once it is there."""
    write_parquet(found, golden)
    return sha256(golden)


if "snakemake" in globals():
    run(events, snakemake, database_url=os.environ.get("DATABASE_URL"))
