"""Stage 4: the silver rows of one month into PostgreSQL, replaced in one transaction.

Tables: observaciones, cobertura, cargas (docs/data-dictionary.md). Loading twice, in any order, or a corrected
month leaves what one clean load of the last files would.
"""

import os
from pathlib import Path

from outages.files import read_json, write_json
from outages.loading import load_month
from outages.reporting import log, run, tell
from outages.warehouse import opened


def load(
    silver: Path, states: Path, receipt: Path, loaded: Path, month: str, cluster: str, database_url: str | None
) -> None:
    """Load the month and write a receipt with the digests of what the database now holds.

    `cluster` is the folder of the embedded PostgreSQL, used when `database_url` is None.
    """
    told = read_json(receipt)
    with opened(database_url, Path(cluster)) as conn:
        result = load_month(conn, month, silver, states)
    write_json(result | {"bronze_sha256": told["bronze_sha256"]}, loaded)
    tell(f"{result['filas']:,} observations and {result['horas']:,} hours")
    log().info("loaded", rows=result["filas"], hours=result["horas"])


if "snakemake" in globals():
    run(load, snakemake, database_url=os.environ.get("DATABASE_URL"))
