"""Files written whole or not at all, and the digests that tell them apart."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .errors import OutagesError

if TYPE_CHECKING:
    import polars as pl


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of `path` when the block ends well, else nothing changes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def json_bytes(value: Any) -> bytes:
    """JSON with sorted keys and no NaN or Infinity, UTF-8, one newline at the end: equal values, equal bytes."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def write_json(value: Any, path: Path) -> None:
    """Write `value` as one line of canonical JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(json_bytes(value))


def read_json(path: Path) -> Any:
    """The value of a JSON file; a `ValueError` when it holds none."""
    return msgspec.json.decode(path.read_bytes())


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a sorted frame as zstd Parquet, whole or not at all; equal frames give equal bytes."""
    with replacing(path) as part:
        frame.write_parquet(part, compression="zstd", compression_level=3, statistics=True, row_group_size=250_000)


def months_files(receipts: Iterable[Path], kind: str) -> list[Path]:
    """The silver files of a kind (such as ".hours.parquet") of some months, each of which lies beside its receipt.

    A receipt stands for all files of its month, which one job writes with it. Raises SILVER_CHANGED for one that is
    missing.
    """
    files = [path.with_suffix(kind) for path in receipts]
    for file in files:
        if not file.exists():
            message = f"{file} is missing, which lay beside its receipt: run the whole workflow, which makes it again."
            raise OutagesError("SILVER_CHANGED", message, file=str(file))
    return files


def sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
