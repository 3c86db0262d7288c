"""The month in progress against the replica: what is pending, what is asked, and when a month is closed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from replica.process import ReplicaHandle, replica_process

from .workflow_runs import Work, checkout

MANNERS = {"contact": "tests", "rate": 0, "concurrency": 8, "timeout": 20, "attempts": 2, "wait": 0.01, "wait_max": 0.1}


@pytest.fixture(scope="module")
def live(place: Path) -> Iterator[tuple[Work, ReplicaHandle]]:
    """A live configuration over the replica whose June 2025 is in progress; two hours a day are asked."""
    with replica_process(place / "replica.log", world="demo", now="2025-06-21T16:30:00Z") as replica:
        config: dict[str, Any] = {
            "months": {"first": "2025-06", "last": "auto", "live": True},
            "hours": [0, 12],
            "source": {"kind": "replica", "url": replica.url, **MANNERS},
        }
        yield Work(place / "work", checkout(place / "code"), config), replica


def at(live: tuple[Work, ReplicaHandle], now: str) -> Work:
    """The same directory at another time of the run and of the replica."""
    work, replica = live
    work.config["now"] = now
    replica.set_now(now)
    return work


def asked(live: tuple[Work, ReplicaHandle]) -> list[str]:
    """Labels asked so far, in order."""
    return [f"{line['fecha']}T{line['hora']:02d}" for line in live[1].requests("GetPorFecha")]


def test_a_dry_run_asks_nobody(live: tuple[Work, ReplicaHandle]) -> None:
    pending = at(live, "2025-06-21T16:30:00Z").pending()
    assert "Scraping 2025-06" in pending
    assert live[1].requests() == []


def test_the_open_month_grows_to_the_last_complete_hour(live: tuple[Work, ReplicaHandle]) -> None:
    """2025-06-21 12 h local is 16:00Z to 17:00Z."""
    at(live, "2025-06-21T16:30:00Z").must()
    first = asked(live)
    assert len(first) == len(set(first)) == 41
    assert max(first) == "2025-06-21T00"
    assert at(live, "2025-06-21T16:59:00Z").pending() == []
    work = at(live, "2025-06-21T17:00:00Z")
    assert "Scraping 2025-06" in work.pending()
    work.must()
    # Beside the new hour, the one of two days before has just settled.
    assert asked(live)[len(first) :] == ["2025-06-19T12", "2025-06-21T12"]
    receipt = json.loads((work.folder / "results/silver/2025-06.json").read_text())
    assert receipt["hours"] == {"observed": 42, "gap": 0, "unasked": 18}


def test_an_hour_is_asked_again_once_when_it_is_48_hours_old(live: tuple[Work, ReplicaHandle]) -> None:
    before = len(asked(live))
    work = at(live, "2025-06-23T17:00:00Z")
    work.must()
    young = ["2025-06-20T00", "2025-06-20T12", "2025-06-21T00", "2025-06-21T12"]
    grown = ["2025-06-22T00", "2025-06-22T12", "2025-06-23T00", "2025-06-23T12"]
    assert sorted(asked(live)[before:]) == [*young, *grown]
    assert work.pending() == []
    states = pl.read_parquet(work.folder / "results/silver/2025-06.hours.parquet")
    revised = states.filter(pl.col("revisiones") > 0).select("fecha", "hora").rows()
    assert [(str(fecha), hora) for fecha, hora in revised] == [("2025-06-20", 12), ("2025-06-21", 0)]


def test_a_closed_month_is_never_asked_again(live: tuple[Work, ReplicaHandle]) -> None:
    work = at(live, "2025-07-05T12:00:00Z")
    work.must()
    closed = [label for label in asked(live) if label < "2025-07-01T00"]
    work = at(live, "2025-09-10T12:30:00Z")
    work.must("results/bronze/2025-06.jsonl.zst")
    assert [label for label in asked(live) if label < "2025-07-01T00"] == closed
    # A new calendar month asks for customers anew; that hides no other reason to run.
    work.config["quality"] = {"ghost_days": 3}
    pending = work.pending()
    assert "Customers of the regions, asked in 2025-09" in pending
    assert "Deduplicating 2025-06" in pending
    state = json.loads((work.folder / "answers/2025-06.state.json").read_text())
    assert state["open"] == {}
