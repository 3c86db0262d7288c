"""Scraping over real HTTP when answers do not come: retries, hours that fail, the breaker."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from outages.client import retry_after

from replica.process import ReplicaHandle

from .scrapes import DAY, Scrapes, breaker, refused, seconds

# Retries.


@pytest.mark.parametrize("status", ["429", "500", "502", "503", "504"])
def test_named_errors_are_tried_again(scrapes: Scrapes, play: Callable[..., None], status: str) -> None:
    play(status, 3, times=2, retry_after=0)
    answers = scrapes()
    assert Counter(scrapes.asked())["2025-06-01", 3] == 3
    assert {one.outcome for one in answers} == {"observed"}
    assert breaker(scrapes).state()["state"] == "closed"


def test_reset_and_broken_off_connections_are_tried_again(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("reset", 3, times=2)
    play("truncated", 5, times=1, kind="connection")
    assert len(scrapes()) == 24
    counts = Counter(scrapes.asked())
    assert (counts["2025-06-01", 3], counts["2025-06-01", 5], counts.total()) == (3, 2, 27)


def test_retry_after_in_seconds_is_kept_by_every_request(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("429", 3, times=1, retry_after=2)
    scrapes.http = {"concurrency": 4, "rate": 50}
    scrapes()
    lines = scrapes.requests()
    refusal = next(line for line in lines if line["status"] == 429)
    moment = datetime.fromisoformat(refusal["time"])
    later = [(datetime.fromisoformat(line["time"]) - moment).total_seconds() for line in lines]
    assert [wait for wait in later if 0.1 < wait < 1.99] == []
    assert sum(wait >= 1.99 for wait in later) >= 15


def test_retry_after_as_a_date_is_kept(scrapes: Scrapes, play: Callable[..., None]) -> None:
    moment = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    play("503", 3, times=1, retry_after=format_datetime(moment, usegmt=True))
    scrapes()
    again = [line for line in scrapes.requests() if line["hora"] == 3][1]
    assert datetime.fromisoformat(again["time"]) >= moment - timedelta(milliseconds=10)


def test_a_retry_after_of_hours_is_not_waited_for(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("429", 3, retry_after=7200)
    begin = time.monotonic()
    refused(scrapes, "HOURS_FAILED")
    assert time.monotonic() - begin < 60
    assert Counter(scrapes.asked())["2025-06-01", 3] == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7.0), (" 7 ", 7.0), ("0", 0.0), ("9" * 400, float("inf")), (None, None), ("", None), ("soon", None),
     ("-1", None), ("1.5", None), ("²", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
     ("Wed, 21 Oct 2015 07:28:00 +99999999999999", None)],
)  # fmt: skip
def test_headers_of_retry_after(header: str | None, expected: float | None) -> None:
    assert retry_after(header) == expected


def test_a_client_error_is_never_tried_again(scrapes: Scrapes, tmp_path: Path) -> None:
    scrapes.http = {"url": scrapes.replica.url + "/nowhere"}  # 404, which the replica does not log
    scrapes.hours = [12]
    error = refused(scrapes, "HOURS_FAILED")
    assert error.facts["hours"] == ["2025-06-01T12"]
    kept = scrapes.kept()
    assert [(one.outcome, one.status) for one in kept] == [("failed", 404)]
    assert breaker(scrapes).state()["failures"] == 1


def test_a_bad_request_is_never_tried_again(scrapes: Scrapes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outages.asking.request_body", lambda label: {"anho": 2025, "mes": 13, "dia": 1, "hora": 1})
    scrapes.hours = [12]
    refused(scrapes, "HOURS_FAILED")
    assert [line["status"] for line in scrapes.requests()] == [400]


# Hours that fail.


def test_a_failed_hour_keeps_no_other_from_being_asked_and_is_asked_next(
    scrapes: Scrapes, play: Callable[..., None], replica: ReplicaHandle
) -> None:
    play("500", 5)
    play("502", 9)
    error = refused(scrapes, "HOURS_FAILED")
    assert error.facts["hours"] == ["2025-06-01T05", "2025-06-01T09"]
    assert "2 of 24 hours failed, the first 2025-06-01T05" in error.message
    counts = Counter(scrapes.asked())
    assert (counts["2025-06-01", 5], counts["2025-06-01", 9], len(counts)) == (3, 3, 24)
    kept = {one.hora: (one.outcome, one.status, one.body) for one in scrapes.kept()}
    assert (kept[5], kept[9]) == (("failed", 500, ""), ("failed", 502, ""))
    assert sum(outcome == "observed" for outcome, _, _ in kept.values()) == 22
    replica.clear()
    assert len(scrapes()) == 26
    assert scrapes.asked() == [DAY[5], DAY[9]]


def test_an_hour_that_failed_on_three_days_is_a_gap(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("504", 5)
    for day in (5, 6):
        scrapes.now = f"2025-07-{day:02d}T12:00:00Z"
        refused(scrapes, "HOURS_FAILED")
    scrapes.now = "2025-07-06T18:00:00Z"
    refused(scrapes, "HOURS_FAILED")  # the same day does not count twice
    scrapes.now = "2025-07-07T12:00:00Z"
    refused(scrapes, "HOURS_FAILED")
    scrapes.requests()
    scrapes.now = "2025-07-08T12:00:00Z"
    assert [one.outcome for one in scrapes() if one.hora == 5] == ["failed"] * 4
    assert scrapes.requests() == []


def test_a_hanging_answer_ends_in_a_failed_hour(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("hang", 5)
    scrapes.http = {"timeout": 0.3, "attempts": 2, "concurrency": 4}
    error = refused(scrapes, "HOURS_FAILED")
    assert error.facts["hours"] == ["2025-06-01T05"]
    assert Counter(scrapes.asked())["2025-06-01", 5] == 2
    assert [one.status for one in scrapes.kept() if one.outcome == "failed"] == [None]


def test_connections_that_are_always_reset_end_in_a_failed_hour(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("reset", 5)
    refused(scrapes, "HOURS_FAILED")
    assert Counter(scrapes.asked())["2025-06-01", 5] == 3


def test_a_server_that_is_not_there_opens_the_breaker(scrapes: Scrapes) -> None:
    scrapes.http = {"url": "http://127.0.0.1:1/x", "attempts": 2}
    refused(scrapes, "BREAKER_OPEN")
    assert [one.outcome for one in scrapes.kept()] == ["failed"] * 5


# The breaker.


def test_five_failures_in_a_row_open_the_breaker(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("500")
    scrapes.http = {"attempts": 1}
    error = refused(scrapes, "BREAKER_OPEN")
    assert "status 500" in error.message
    assert scrapes.asked() == DAY[:5]
    refused(scrapes, "BREAKER_OPEN")
    assert scrapes.requests() == []


def test_a_403_opens_the_breaker_at_once_and_nothing_leaves(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("block", 3)
    refused(scrapes, "SOURCE_BLOCKED")
    assert scrapes.asked() == DAY[:4]
    assert [one.outcome for one in scrapes.kept()] == ["observed"] * 3 + ["blocked"]
    assert breaker(scrapes).state()["state"] == "open"
    for month in ("2025-06", "2025-05"):  # every month, every run
        scrapes.month = month
        error = refused(scrapes, "BREAKER_OPEN")
        assert "keeps every request back until" in error.message
    assert scrapes.requests() == []


def test_a_challenge_page_blocks_too(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("challenge", 3)
    error = refused(scrapes, "SOURCE_BLOCKED")
    assert "challenge page" in error.message
    assert scrapes.asked() == DAY[:4]
    assert breaker(scrapes).state()["state"] == "open"
    refused(scrapes, "BREAKER_OPEN")
    assert scrapes.requests() == []


def test_answers_under_way_do_not_close_a_breaker_that_a_block_opened(
    scrapes: Scrapes, play: Callable[..., None]
) -> None:
    play("block", 3)
    scrapes.http = {"concurrency": 8}
    refused(scrapes, "SOURCE_BLOCKED")
    assert breaker(scrapes).state()["state"] == "open"


def let_the_pause_pass(scrapes: Scrapes) -> None:
    path = scrapes.answers / "breaker.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"until": time.time() - 1}))


def test_after_the_pause_one_probe_goes_alone_and_closes_it(
    scrapes: Scrapes, play: Callable[..., None], replica: ReplicaHandle
) -> None:
    play("block", 3, times=1)
    refused(scrapes, "SOURCE_BLOCKED")
    scrapes.requests()
    let_the_pause_pass(scrapes)
    scrapes.http = {"concurrency": 4}
    play("latency", ms=300, times=1)
    assert len(scrapes()) == 25
    lines = scrapes.requests()
    assert seconds(lines)[0] >= 0.3
    assert len(lines) == 21
    assert breaker(scrapes).state()["state"] == "closed"


@pytest.mark.parametrize("fault", ["503", "reset", "html", "block"])
def test_after_the_pause_a_failing_probe_is_one_request_and_reopens_it(
    scrapes: Scrapes, play: Callable[..., None], fault: str
) -> None:
    play("block", 3, times=1)
    refused(scrapes, "SOURCE_BLOCKED")
    scrapes.requests()
    let_the_pause_pass(scrapes)
    play(fault)
    scrapes.http = {"concurrency": 4}
    code = {"html": "DRIFT_HTML", "block": "SOURCE_BLOCKED"}.get(fault, "BREAKER_OPEN")
    refused(scrapes, code)
    assert len(scrapes.requests()) == 1
    state = breaker(scrapes).state()
    assert (state["state"], state["until"] > time.time() + 1700) == ("open", True)
