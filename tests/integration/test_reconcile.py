"""A live round compares itself with the national series and the source's clock, over HTTP."""

import json
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from replica.process import ReplicaHandle, replica_process

from .scrapes import Scrapes

NOW = "2025-06-21T16:30:00Z"


@pytest.fixture
def replica(tmp_path: Path):  # type: ignore[no-untyped-def]
    with replica_process(tmp_path / "replica.log", world="demo", now=NOW) as handle:
        yield handle


@pytest.fixture
def live(tmp_path: Path, replica: ReplicaHandle) -> Scrapes:
    structlog.reset_defaults()
    return Scrapes(
        tmp_path,
        replica,
        through="2025-06-21T16:00:00.000Z",
        now=NOW,
        hours=[0, 12],
        tolerance=0.1,
        http={"concurrency": 8},
    )


def record(live: Scrapes) -> list[dict[str, object]]:
    path = live.answers / "reconciliation.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_equal_hours_leave_nothing_and_a_closed_month_is_not_compared(live: Scrapes) -> None:
    live()
    assert [line["endpoint"] for line in live.replica.requests()].count("Get") == 1
    assert record(live) == []
    live.through = "2025-07-01T04:00:00.000Z"
    live.month, live.through = "2025-05", "2025-06-01T04:00:00.000Z"
    live()
    assert [line["endpoint"] for line in live.replica.requests()].count("Get") == 1


def test_small_differences_are_revisions_and_large_ones_errors(live: Scrapes) -> None:
    match = {"fecha": "2025-06-20", "endpoint": "GetPorFecha"}
    live.replica.faults([
        {"fault": "revision", "delta": 3, "match": match | {"hora": 0}, "times": None},
        {"fault": "revision", "delta": 900_000, "match": match | {"hora": 12}, "times": None},
    ])  # fmt: skip
    with capture_logs() as lines:
        live()
    assert [(line["hora"], line["ours"] - line["national"], line["verdict"]) for line in record(live)] == [  # type: ignore[operator]
        (0, 3, "revision"),
        (12, 900_000, "error"),
    ]
    coded = [line for line in lines if line.get("code") == "RECONCILE_DIFFERS"]
    assert [(line["fecha"], line["hora"]) for line in coded] == [("2025-06-20", 12)]


def test_a_series_that_cannot_be_read_is_said_and_stops_nothing(live: Scrapes) -> None:
    live.replica.faults([{"fault": "html", "match": {"endpoint": "Get"}, "times": None}])
    with capture_logs() as lines:
        assert live()
    assert [line["code"] for line in lines if line["event"] == "reconcile_failed"] == ["RECONCILE_FAILED"]


def test_a_clock_that_is_off_by_more_than_ten_minutes_is_said_once(live: Scrapes) -> None:
    live.replica.faults([{"fault": "clock_skew", "minutes": 11, "match": {}, "times": None}])
    with capture_logs() as lines:
        live()
    skew = [line["seconds"] for line in lines if line.get("code") == "CLOCK_SKEW"]
    assert len(skew) == 1
    assert 600 < skew[0] <= 660
