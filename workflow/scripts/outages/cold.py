"""The cold archive: rows that left the hot table, one Parquet file per local month of their begin.

A file only grows: it is the union of all versions (key and digest) that were ever archived, each with why it left.
It is written aside, synced, read back and compared before it takes the place of the old one; whoever archives may
delete elsewhere only after `archive` has returned.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clock import local
from .errors import OutagesError
from .files import read_json, replacing, sha256, write_json
from .hot import digests, schema

if TYPE_CHECKING:
    import polars as pl

#: Why a row left: too old, no longer among the rows of its hours, or another version took its place.
REASONS = ("old", "superseded", "replaced")
#: Rows and sha256 of every file of the archive: how a file that is lost or was changed is noticed.
INDEX = "index.json"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Be the only one who archives there, whoever else was left over from a killed run; clear what that one left."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in folder.glob("*.part"):
            part.unlink()
        yield


def archive(folder: Path, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Add rows (columns of the hot table and `motivo`) to the files of their months; rows and sha256 of each file.

    Call it within `exclusive`. The digests are those of the content, whatever the target held for them. Raises
    COLD_DAMAGED when a file does not read, COLD_MISMATCH when one does not read back as it was written: both leave
    the old files in place.
    """
    import polars as pl

    months = pl.Series("mes", [local(moment).strftime("%Y-%m") for moment in rows["inicio"]], pl.String)
    rows = rows.with_columns(digests(rows), months)
    noted = _index(folder)
    told = {
        f"{month}.parquet": _merge(folder / f"{month}.parquet", rows.filter(mes=month).drop("mes"))
        for month in months.unique().sort()
    }
    if noted | told != noted:
        write_json(noted | told, folder / INDEX)
    return told


def verify(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Rows and sha256 of each file, and by name what is wrong with those that are lost, damaged or lack rows.

    A file that the index does not tell of, or that grew before a run was killed, is sound when its rows are.
    """
    found: dict[str, dict[str, Any]] = {}
    wrong: dict[str, str] = {}
    try:
        noted = _index(folder)
    except OutagesError as error:
        return found, {INDEX: error.message}
    for name in sorted({*noted, *(path.name for path in folder.glob("*.parquet"))}):
        path, before = folder / name, noted.get(name)
        if not path.exists():
            wrong[name] = "it is gone"
            continue
        try:
            rows, digest = read(path).height, sha256(path)
        except OutagesError as error:
            wrong[name] = error.message
            continue
        found[name] = {"rows": rows, "sha256": digest}
        if before and before != found[name] and rows <= before["rows"]:
            wrong[name] = f"it has {rows:,} rows, not the {before['rows']:,} that were archived"
    return found, wrong


def _index(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / INDEX
    try:
        noted: dict[str, dict[str, Any]] = read_json(path) if path.exists() else {}
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    return noted


def read(path: Path) -> pl.DataFrame:
    """The rows of one file of the archive, each compared with its digest."""
    import polars as pl

    try:
        rows = pl.read_parquet(path, memory_map=False)
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        raise _damaged(path, str(error)) from error
    if dict(rows.schema) != _columns():
        raise _damaged(path, "other columns")
    if not rows["huella"].equals(digests(rows)):
        raise _damaged(path, "a row is not that of its digest")
    return rows


def _merge(path: Path, rows: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    old = read(path) if path.exists() else pl.DataFrame(schema=_columns())
    merged = pl.concat([old, rows.select(old.columns)]).unique(["clave", "huella"], keep="first", maintain_order=True)
    merged = merged.sort("inicio", "clave", "huella")
    if merged.height > old.height:
        with replacing(path) as part:
            merged.write_parquet(part, compression="zstd", compression_level=3)
            _sync(part)
            _verify(part, merged)
        _sync(path.parent)  # the new name too is on the disk before anything is deleted elsewhere
    return {"rows": merged.height, "sha256": sha256(path)}


def _verify(part: Path, wanted: pl.DataFrame) -> None:
    """Read a file back and compare number of rows and digest of the contents."""
    found = read(part)
    if (found.height, _digest(found)) != (wanted.height, _digest(wanted)):
        message = (
            f"{part.name} does not hold what was written to it: nothing was deleted, the archive is as before. "
            "Look at the disk, then run again."
        )
        raise OutagesError("COLD_MISMATCH", message, rows=found.height, wanted=wanted.height)


def _digest(rows: pl.DataFrame) -> str:
    """Of all rows in their order: `huella` stands for the content, which `read` has compared with it."""
    total = hashlib.sha256()
    for line in rows.select("clave", "huella", "motivo").iter_rows():
        total.update("\x1f".join(line).encode() + b"\n")
    return total.hexdigest()


def _columns() -> dict[str, Any]:
    import polars as pl

    return schema() | {"motivo": pl.String()}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, why: str) -> OutagesError:
    message = f"{path} is damaged ({why}): restore it from a backup, or move it away. Nothing was deleted."
    return OutagesError("COLD_DAMAGED", message, file=str(path))
