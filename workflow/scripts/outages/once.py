"""The small tables of all months, read once in a job, however many figures need them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import polars as pl


class _Version(NamedTuple):
    """A file as it was: one that is written anew takes the place of another, and is another."""

    file: str
    inode: int
    changed_ns: int
    size: int


def read_once(paths: Sequence[Path]) -> pl.LazyFrame:
    """The rows of some Parquet files in their order, with the path of each row's file in the column `file`.

    For tables of some thousand rows a month, not for observations: what was read last is held in memory.
    """
    told = [(path, path.stat()) for path in paths]
    return _read(tuple(_Version(str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in told)).lazy()


# Two kinds of table are read by turns: the states of the hours, and the sums by region.
@lru_cache(maxsize=2)
def _read(versions: tuple[_Version, ...]) -> pl.DataFrame:
    return pl.scan_parquet([version.file for version in versions], include_file_paths="file").collect()
