"""A small whole run against the replica, to be published: two months, both shapes, denominators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from replica.process import replica_process

from .workflow_runs import Work, checkout

MANNERS = {"contact": "tests", "rate": 0, "concurrency": 8, "timeout": 20, "attempts": 2, "wait": 0.01, "wait_max": 0.1}
MONTHS = ("2025-04", "2025-05")


@contextmanager
def replica_run(place: Path) -> Iterator[Work]:
    """A working directory whose source is a replica that is there as long as the context is."""
    with replica_process(place / "replica.log", world="demo", now="2025-07-01T00:00:00Z") as replica:
        config: dict[str, Any] = {
            "months": {"first": MONTHS[0], "last": MONTHS[-1]},
            "now": "2025-07-01T00:00:00Z",
            "hours": [12],
            "source": {"kind": "replica", "url": replica.url, **MANNERS},
        }
        yield Work(place / "run", checkout(place / "code"), config)
