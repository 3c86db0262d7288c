"""What became of each job, run by run: one line of JSON a job in results/logs/history.jsonl.

Snakemake removes a job's log before the job starts, so the logs tell of the last time only. Nothing here trims
the file: a job is some 200 bytes, a year of hourly rounds some 15 MB. Reading is for whoever reports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .files import json_bytes

PATH = Path("results/logs/history.jsonl")
#: Name of the variable by which the jobs of a run know its number; set by the run, inherited by its jobs.
RUN = "OUTAGES_RUN"
#: What every line of a job has.
JOB = frozenset({"timestamp", "stage", "month", "outcome"})
#: Characters of a message that are kept: a line is for reports, the whole text is in the job's log.
MESSAGE = 500


def line_of(
    stage: str,
    month: str | None,
    outcome: str,
    code: str | None = None,
    message: str | None = None,
    seconds: float | None = None,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The line of a job that ended now: `outcome` is done, failed or interrupted."""
    return {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run": os.environ.get(RUN),
        "stage": stage,
        "month": month,
        "outcome": outcome,
        "code": code,
        "message": message[:MESSAGE] if message else None,
        "seconds": None if seconds is None else round(seconds, 3),
        "counts": dict(counts or {}),
    }


def append(line: Mapping[str, Any], path: Path) -> None:
    """Add one line by one write, which the lines of jobs at the same time do not part. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json_bytes(line)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(f"{path}: only a part of the line was written")
    finally:
        os.close(descriptor)


def lines(path: Path, keys: frozenset[str] = JOB) -> Iterator[dict[str, Any]]:
    """The lines that have these keys, in their order; where a full disk cut one off, it is passed over."""
    if not path.exists():
        return
    with path.open("rb") as opened:
        for text in opened:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and keys <= line.keys():
                yield line
