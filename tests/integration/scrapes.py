"""Scrapes of a replica over HTTP for tests: arguments as the rule gives them, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from outages.breaker import Breaker
from outages.errors import OutagesError
from outages.store import Answer, Store, read_lines
from scrape import scrape

from replica.process import ReplicaHandle

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
CONTACT = "tests@example.org"
NOW = "2025-07-05T12:00:00Z"
DAY = [("2025-06-01", hora) for hora in range(24)]
_IN_A_PROCESS = """
import json, sys
from pathlib import Path
from scrape import scrape
told = json.load(sys.stdin)
scrape(bronze=Path(told.pop("bronze")), **told)
"""


@dataclass
class Scrapes:
    """One store and one replica: `Scrapes(folder, replica)(...)` scrapes; `asked()` tells what the replica saw."""

    folder: Path
    replica: ReplicaHandle
    month: str = "2025-06"
    through: str = "2025-06-02T04:00:00Z"
    now: str = NOW
    kind: str = "replica"
    hours: list[int] | str = "all"
    http: dict[str, Any] = field(default_factory=dict)
    accept: bool = False
    tolerance: float | None = None
    store: Path | None = None
    _seen: int = 0

    def __post_init__(self) -> None:
        """Start counting requests from now on."""
        self._seen = len(self.replica.requests())

    @property
    def answers(self) -> Path:
        return self.store or self.folder / "answers"

    @property
    def bronze(self) -> Path:
        return self.folder / "bronze" / f"{self.month}.jsonl.zst"

    @property
    def quarantine(self) -> Path:
        return self.folder / "quarantine"

    def manners(self) -> dict[str, Any]:
        """No limit but one request at once, and pauses of milliseconds."""
        return {
            "url": self.replica.url, "contact": CONTACT, "rate": 0, "concurrency": 1, "timeout": 10, "attempts": 3,
            "wait": 0.01, "wait_max": 0.05,
        } | self.http  # fmt: skip

    def arguments(self) -> dict[str, Any]:
        return {
            "bronze": str(self.bronze), "month": self.month, "store": str(self.answers),
            "source": {"kind": self.kind, "path": None, "pattern": None}, "hours": self.hours, "through": self.through,
            "turn": 1, "accept_implausible": self.accept, "now": self.now, "pretend": True, "http": self.manners(),
            "quarantine": str(self.quarantine), "tolerance": self.tolerance,
        }  # fmt: skip

    def __call__(self) -> list[Answer]:
        """Scrape, and return what bronze then holds."""
        scrape(**self.arguments() | {"bronze": self.bronze})
        return list(read_lines(self.bronze))

    def start(self) -> subprocess.Popen[str]:
        """Scrape in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-c", _IN_A_PROCESS], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": f"{SCRIPTS}{os.pathsep}{REPOSITORY}"},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.arguments()))
        process.stdin.close()
        process.stdin = None
        return process

    def kept(self) -> list[Answer]:
        """What the store holds."""
        return Store(self.answers, self.month).read()

    def requests(self) -> list[dict[str, Any]]:
        """Requests that the replica saw since the last call."""
        lines = self.replica.requests()
        new, self._seen = lines[self._seen :], len(lines)
        return new

    def asked(self) -> list[tuple[str, int]]:
        """Hours asked since the last call, in order, as the bodies named them."""
        bodies = [line["body"] for line in self.requests()]
        assert all(body.keys() == {"anho", "mes", "dia", "hora"} for body in bodies)
        return [(f"{b['anho']:04d}-{b['mes']:02d}-{b['dia']:02d}", b["hora"]) for b in bodies]


def contents(answers: list[Answer]) -> list[tuple[str, int, str]]:
    """What answers say: hour and body."""
    return [(one.fecha, one.hora, one.body) for one in answers]


def refused(scrapes: Scrapes, code: str) -> OutagesError:
    """The error that a scrape ends in; then there is no bronze."""
    with pytest.raises(OutagesError) as caught:
        scrapes()
    assert caught.value.code == code, str(caught.value)
    assert not scrapes.bronze.exists()
    return caught.value


def breaker(scrapes: Scrapes) -> Breaker:
    return Breaker(scrapes.answers / "breaker.json")


def seconds(lines: list[dict[str, Any]]) -> list[float]:
    """Seconds from each request to the next."""
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    return [(b - a).total_seconds() for a, b in pairwise(times)]
