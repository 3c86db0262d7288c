"""The move of the window: what is new into the hot table of a target, what leaves it into the archive first.

Hot table and archive together hold every version that ever was in the table, at whatever instant this dies: what is
replaced or deleted there is first archived, read back and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from . import capacity, cold
from .clock import iso
from .errors import OutagesError
from .fingerprint import REPOSITORY
from .hot import Bounds, Hot, Version, bounds, digest_of, leaving, window_rows
from .names import Names
from .reporting import log, say
from .targets import Target


def move(
    target: Target, golden: Path, silver: Sequence[Path], states: Sequence[Path], archive: Path, limit: float | None
) -> tuple[dict[str, Any], OutagesError | None]:
    """Bring a target's hot table in line with our rows of the window; what was done, and why not all of it was.

    `archive` is the folder of the cold files, held by `cold.exclusive`; `limit` the target's size in MB, or None.
    """
    within = bounds(states)
    hot = Hot(target)
    told: dict[str, Any] = {"window": None, "rows": 0, "target": hot.name, "host": hot.host}
    if not within:
        return told, None
    names = Names.load(REPOSITORY / "resources").regions
    regions = {code: region.nombre_region for code, region in names.items()}
    rows = window_rows(within, golden, silver, states, regions)
    done, held_back = _move(hot, rows, within, archive, limit)
    ends = {"after": iso(within.start), "to": iso(within.newest)}
    return told | done | {"window": ends, "rows": rows.height}, held_back


def _move(
    hot: Hot, rows: pl.DataFrame, within: Bounds, folder: Path, limit: float | None
) -> tuple[dict[str, Any], OutagesError | None]:
    """Archive what leaves, put what is new, delete what left; what was done, and the error for what was not put."""
    sizes = hot.sizes()
    theirs = hot.versions()
    ours = dict(rows.select("clave", "huella").iter_rows())
    newer = {name for name, version in theirs.items() if version.fin > within.newest}
    if newer:
        log().warning("window_behind", code="WINDOW_BEHIND", rows=len(newer), newest=iso(within.newest))
        say(f"  WINDOW_BEHIND: {hot.host} holds {len(newer):,} rows newer than ours, which stay as they are")
    new = [name for name, huella in ours.items() if name not in newer and _huella(theirs, name) != huella]
    reasons = leaving(theirs, ours, within)
    full = limit is not None and capacity.is_full(sizes, limit)
    if full:  # what leaves still may: it makes room inside the table, which the next rows take
        reasons = {name: reason for name, reason in reasons.items() if reason != "replaced"}
    left = hot.rows({name: theirs[name].huella for name in reasons})
    files = {}
    if left.height:
        why = pl.col("clave").replace_strict(reasons, return_dtype=pl.String).alias("motivo")
        files = cold.archive(folder, left.with_columns(why))
    # Only what was archived is replaced or deleted: these very rows, whoever else is at work.
    archived = dict(left.select("clave", "sello").iter_rows())
    gone = {name: theirs[name].huella for name in archived if reasons[name] != "replaced"}
    put, held_back = _put(hot, rows.filter(pl.col("clave").is_in(new)), archived, limit)
    hot.remove({name: archived[name] for name in gone})
    if put or gone:
        theirs_now = _check(hot, {name: ours[name] for name in put}, gone)
        sizes = hot.sizes()
    else:
        theirs_now = theirs
    capacity.warn(sizes, limit, hot.host)
    done = {
        "upserted": len(put),
        "archived": len(archived),
        "deleted": len(gone),
        "unchanged": len(set(ours) & set(theirs)) - len(set(new) & set(theirs)),
        "newer": len(newer),
        "digest": digest_of(theirs_now),
        "cold": files,
        "sizes": sizes,
    }
    return done, held_back


def _put(
    hot: Hot, rows: pl.DataFrame, before: Mapping[str, str], limit: float | None
) -> tuple[list[str], OutagesError | None]:
    """Put rows as long as they fit, by the size that the server tells before each call; their keys, and why no more."""
    told: tuple[dict[str, int], int] = {}, 0

    def fits(more: int) -> bool:
        nonlocal told
        if limit is None:
            return True
        told = hot.sizes(), more
        return not capacity.is_full(told[0], limit, more)

    sent = hot.put(rows, before, fits)["clave"].to_list()
    if limit is None or len(sent) == rows.height:
        return sent, None
    return sent, capacity.refuse(told[0], limit, hot.host, told[1], len(sent))


def _check(hot: Hot, put: dict[str, str], gone: dict[str, str]) -> dict[str, Version]:
    """Read back: what was put is there, what was deleted is not. All that is there."""
    after = hot.versions()
    missing = [name for name, huella in put.items() if _huella(after, name) != huella]
    still = [name for name, huella in gone.items() if _huella(after, name) == huella]
    if missing or still:
        message = (
            f"{hot.host} does not hold what was put ({len(missing)}) or still holds what was deleted ({len(still)}): "
            "is another run at work on it? Run again; nothing is lost."
        )
        raise OutagesError("WINDOW_MISMATCH", message, missing=missing[:20], still=still[:20], host=hot.host)
    return after


def _huella(versions: Mapping[str, Version], name: str) -> str | None:
    return versions[name].huella if name in versions else None
