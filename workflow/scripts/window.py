"""Stage 6: the last 30 days into interrupciones_hot of the publishing target; what leaves it into cold Parquet first.

The window ends with the newest observed hour, whatever the clock shows. Unit: one row per event, and one per hour and
region. Hot table and archive together hold every version that ever was in the table, at whatever instant this dies:
what is replaced or deleted there is first archived, read back and compared.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from outages import capacity, cold
from outages.files import months_files, read_json, write_json
from outages.moving import move
from outages.reporting import log, run, tell
from outages.targets import Secret, SupabaseTarget, Target, WarehouseTarget, refuse_half, refuse_synthetic


def window(
    golden: Path,
    receipts: list[Path],
    moved: Path,
    archive: str,
    limits: dict[str, float | None],
    allow_synthetic: bool,
    cluster: str,
    url: str | None,
    key: Secret | None,
    database_url: Secret | None,
) -> None:
    """Bring the hot table in line with our rows of the window, and write the receipt `moved`.

    The files of each month lie beside its receipt; SILVER_CHANGED when one does not.
    `archive` is the folder of the cold files. `limits` are the targets' sizes in MB (`publishing` of the
    configuration): beyond 95 % rows that leave still do, and then the stage fails without having put any. `url` and
    `key` name a Supabase project, else the warehouse is the target.
    """
    refuse_half(url, key)
    silver, states = months_files(receipts, ".parquet"), months_files(receipts, ".hours.parquet")
    synthetic = any("replica" in read_json(path)["sources"] for path in receipts)
    refuse_synthetic(synthetic, url, allow_synthetic)
    with cold.exclusive(Path(archive)), _target(url, key, database_url, Path(cluster)) as target:
        told, held_back = move(target, golden, silver, states, Path(archive), capacity.limit_of(limits, target.name))
    told |= {"synthetic": synthetic}
    if held_back:
        raise held_back
    log().info("window", **told)
    if told["window"]:
        tell(f"{told['upserted']:,} rows put, {told['archived']:,} archived, {told['deleted']:,} deleted")
    write_json(told, moved)


@contextmanager
def _target(url: str | None, key: Secret | None, database_url: Secret | None, cluster: Path) -> Iterator[Target]:
    """Where the hot table is; in the warehouse all that follows is one transaction, which no other window meets."""
    if url and key:
        with closing(SupabaseTarget(url, key)) as supabase:
            yield supabase
        return
    from outages.warehouse import HOT, opened, transaction

    with opened(database_url.reveal() if database_url else None, cluster) as conn, transaction(conn, HOT):
        yield WarehouseTarget(conn)


if "snakemake" in globals():
    run(
        window,
        snakemake,
        url=(os.environ.get("SUPABASE_URL") or "").strip() or None,
        key=Secret.of(os.environ.get("SUPABASE_KEY")),
        database_url=Secret.of(os.environ.get("DATABASE_URL")),
    )
