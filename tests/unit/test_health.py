"""What counts as stale: each check at its limit."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages import health
from outages.health import Newest

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("limit", "live", "last", "hours"),
    [
        ("auto", True, "auto", 6),
        ("auto", True, "2025-04", 6),
        ("auto", False, "auto", 840),
        ("auto", False, "2025-04", None),
        (3, False, "2025-04", 3),
        (None, True, "auto", None),
    ],
)
def test_the_age_that_a_success_may_have(limit: Any, live: bool, last: str, hours: float | None) -> None:
    assert health.age_limit(limit, live, last) == hours


def test_a_success_is_stale_beyond_its_limit_only(tmp_path: Path) -> None:
    done = tmp_path / "all.done"
    assert health.last_success(done, NOW, None).state == "stale"
    done.touch()
    at = NOW.timestamp() - 6 * 3600
    os.utime(done, (at, at))
    states = [health.last_success(done, NOW, limit).state for limit in (6, 5.99, None)]
    assert states == ["ok", "stale", "ok"]
    assert health.last_success(done, NOW, 6).facts == {"at": "2026-03-02T06:00:00.000Z"}


def test_the_newest_observed_hour_is_found_in_whatever_month_it_is(tmp_path: Path) -> None:
    def month(name: str, states: list[str]) -> None:
        begin = datetime.fromisoformat(f"{name}-01T12:00:00+00:00")
        hours = [begin + timedelta(hours=number) for number in range(len(states))]
        frame = pl.DataFrame({"hora_utc": hours, "estado": states, "filas": range(len(states))})
        frame.with_columns(clientes=pl.col("filas") * 10).write_parquet(tmp_path / f"{name}.hours.parquet")

    assert health.find_newest(tmp_path, ["2026-01", "2026-02"]) is None
    month("2026-01", ["observed", "observed", "gap"])
    month("2026-02", ["gap", "unasked"])
    month("2026-04", ["observed"])  # not a month of the configuration
    found = health.find_newest(tmp_path, ["2026-01", "2026-02", "2026-03"])
    assert found == Newest(datetime(2026, 1, 1, 13, tzinfo=UTC), 1, 10)
    assert health.last_rows(found).value == 1


def test_the_newest_hour_counts_from_its_end_and_only_when_live() -> None:
    newest = Newest(NOW - timedelta(hours=7), 5, 50)
    states = [health.newest_hour(newest, NOW, limit).state for limit in (6, 5.9, None)]
    assert states == ["ok", "stale", "ok"]
    assert [health.newest_hour(None, NOW, limit).state for limit in (6, None)] == ["stale", "unknown"]


@pytest.mark.parametrize(
    ("state", "until", "found"),
    [("closed", None, "ok"), ("open", 60, "stale"), ("open", -60, "stale"), ("half-open", 60, "stale")],
)
def test_a_breaker_is_fine_only_when_closed(tmp_path: Path, state: str, until: int | None, found: str) -> None:
    moment = None if until is None else NOW.timestamp() + until
    path = tmp_path / "breaker.json"
    path.write_text(json.dumps({"state": state, "failures": 5, "until": moment, "reason": "a block"}))
    check = health.breaker(path, NOW)
    assert (check.state, check.value) == (found, state)
    assert ("the next run may ask once" in check.text) == (until == -60)
    assert health.breaker(tmp_path / "none.json", NOW).state == "ok"


def ended(stage: str, outcome: str, days: float = 0, **counts: int) -> dict[str, Any]:
    timestamp = (NOW - timedelta(days=days)).isoformat()
    return {"timestamp": timestamp, "stage": stage, "month": None, "outcome": outcome, "counts": counts}


def test_the_success_rate_is_that_of_the_weakest_stage_in_7_days() -> None:
    lines = [
        *[ended("load", "done")] * 98,
        ended("scrape", "done", 1, requests=10, failed_hours=0),
        ended("scrape", "failed", 6.9, requests=5, failed_hours=2),
        ended("scrape", "interrupted"),
        *[ended("scrape", "failed", 7.1)] * 50,
    ]
    check = health.success_rate(lines, NOW, 0.5)
    assert (check.state, check.value, check.facts["stage"]) == ("ok", 0.5, "scrape")
    assert (check.facts["done"], check.facts["ended"]) == (99, 100)
    assert check.facts["counts"] == {"requests": 15, "failed_hours": 2}
    assert check.text.endswith("; 2 failed hours, 15 requests")
    assert health.success_rate(lines, NOW, 0.51).state == "stale"
    assert health.success_rate([ended("scrape", "done", 8)], NOW, 0.5).state == "unknown"


def test_the_table_has_a_line_a_check_and_advice_below() -> None:
    checks = [health.Check("last_success", "ok", 1, "1.0 h ago", 6), health.Check("x", "stale", 1, "bad", None, "Do.")]
    lines = health.table(checks).splitlines()
    assert lines == [
        "ok       last success    1.0 h ago   (limit: 6.0 h)",
        "stale    x               bad",
        " " * 25 + "Do.",
    ]
