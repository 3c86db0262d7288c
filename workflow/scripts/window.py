"""Stage 6: the last 30 days into interrupciones_hot of the publishing target; what leaves it into cold Parquet first.

The window ends with the newest observed hour, whatever the clock shows. Unit: one row per event, and one per hour and
region. Hot table and archive together hold every version that ever was in the table, at whatever instant this dies:
what is replaced or deleted there is first archived, read back and compared.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outages import capacity, cold
from outages.clock import iso
from outages.errors import OutagesError
from outages.files import read_json, write_json
from outages.fingerprint import REPOSITORY
from outages.hot import Bounds, Hot, bounds, leaving, window_rows
from outages.names import Names
from outages.reporting import log, run, say, tell
from outages.targets import Secret, SupabaseTarget, Target, WarehouseTarget, refuse_half, refuse_synthetic

if TYPE_CHECKING:
    import polars as pl


def window(
    golden: Path,
    silver: list[Path],
    states: list[Path],
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

    `archive` is the folder of the cold files. `limits` are the targets' sizes in MB (`publishing` of the
    configuration): beyond 95 % rows that leave still do, and then the stage fails without having put any. `url` and
    `key` name a Supabase project, else the warehouse is the target.
    """
    refuse_half(url, key)
    synthetic = any("replica" in read_json(path)["sources"] for path in receipts)
    refuse_synthetic(synthetic, url, allow_synthetic)
    within = bounds(states)
    told: dict[str, Any] = {"window": None, "synthetic": synthetic}
    held_back: OutagesError | None = None
    with cold.exclusive(Path(archive)), _target(url, key, database_url, Path(cluster)) as target:
        hot = Hot(target)
        told |= {"target": hot.name, "host": hot.host}
        if within:
            names = Names.load(REPOSITORY / "resources").regions
            regions = {code: region.nombre_region for code, region in names.items()}
            rows = window_rows(within, golden, silver, states, regions)
            moves, held_back = _move(hot, rows, within, Path(archive), capacity.limit_of(limits, hot.name))
            told |= moves | {"window": {"after": iso(within.start), "to": iso(within.newest)}}
    if held_back:
        raise held_back
    log().info("window", **told)
    if within:
        tell(f"{told['upserted']:,} rows put, {told['archived']:,} archived, {told['deleted']:,} deleted")
    write_json(told, moved)


def _move(
    hot: Hot, rows: "pl.DataFrame", within: Bounds, folder: Path, limit: float | None
) -> tuple[dict[str, Any], OutagesError | None]:
    """Archive what leaves, put what is new, delete what left; what was done, and the error for what was not put."""
    import polars as pl

    sizes = hot.sizes()
    theirs = hot.versions()
    ours = dict(rows.select("clave", "huella").iter_rows())
    newer = {name for name, version in theirs.items() if version.fin > within.newest}
    if newer:
        log().warning("window_behind", code="WINDOW_BEHIND", rows=len(newer), newest=iso(within.newest))
        say(f"  WINDOW_BEHIND: {hot.host} holds {len(newer):,} rows newer than ours, which stay as they are")
    new = [name for name, huella in ours.items() if name not in newer and _huella(theirs, name) != huella]
    reasons = leaving(theirs, ours, within)
    held_back = None
    if new and limit is not None and capacity.is_full(sizes, limit):
        # What leaves still may: it makes room inside the table, which the next rows take.
        held_back, new = capacity.refuse(sizes, limit, hot.host), []
        reasons = {name: reason for name, reason in reasons.items() if reason != "replaced"}
    left = hot.rows({name: theirs[name].huella for name in reasons})
    files = {}
    if left.height:
        why = pl.col("clave").replace_strict(reasons, return_dtype=pl.String).alias("motivo")
        files = cold.archive(folder, left.with_columns(why))
    # Only what was archived is replaced or deleted: of these very versions, whoever else is at work.
    archived = dict(left.select("clave", "huella").iter_rows())
    gone = {name: huella for name, huella in archived.items() if reasons[name] != "replaced"}
    hot.put(rows.filter(pl.col("clave").is_in(new)), archived)
    hot.remove(gone)
    if new or gone:
        _check(hot, {name: ours[name] for name in new}, gone)
        sizes = hot.sizes()
    capacity.warn(sizes, limit, hot.host)
    done = {
        "upserted": len(new),
        "archived": len(archived),
        "deleted": len(gone),
        "unchanged": len(set(ours) & set(theirs)) - len(set(new) & set(theirs)),
        "newer": len(newer),
        "cold": files,
        "sizes": sizes,
    }
    return done, held_back


def _check(hot: Hot, put: dict[str, str], gone: dict[str, str]) -> None:
    """Read back: what was put is there, what was deleted is not."""
    after = hot.versions()
    missing = [name for name, huella in put.items() if _huella(after, name) != huella]
    still = [name for name, huella in gone.items() if _huella(after, name) == huella]
    if missing or still:
        message = (
            f"{hot.host} does not hold what was put ({len(missing)}) or still holds what was deleted ({len(still)}): "
            "is another run at work on it? Run again; nothing is lost."
        )
        raise OutagesError("WINDOW_MISMATCH", message, missing=missing[:20], still=still[:20], host=hot.host)


def _huella(versions: Any, name: str) -> str | None:
    return versions[name].huella if name in versions else None


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
