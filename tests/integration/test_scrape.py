"""Scraping a replica over real HTTP: every outcome of the ledger, every fault, kills, and two runs at once."""

import hashlib
import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ask import ask
from customers import customers
from outages.breaker import Breaker
from outages.client import retry_after
from outages.errors import OutagesError
from outages.fingerprint import workflow_version
from outages.store import read_lines

from replica.faults import DRIFT
from replica.process import ReplicaHandle, replica_process

from .scrapes import CONTACT, Scrapes, contents

NOW = "2025-07-05T12:00:00Z"
DAY = [("2025-06-01", hora) for hora in range(24)]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaHandle]:
    with replica_process(tmp_path_factory.mktemp("replica") / "log.jsonl", seed=1, now=NOW) as replica:
        yield replica


@pytest.fixture
def replica(server: ReplicaHandle) -> Iterator[ReplicaHandle]:
    server.clear()
    server.set_now(NOW)
    yield server
    server.clear()


@pytest.fixture
def scrapes(tmp_path: Path, replica: ReplicaHandle) -> Scrapes:
    return Scrapes(tmp_path, replica)


@pytest.fixture
def play(replica: ReplicaHandle) -> Callable[..., None]:
    """Add a fault: at one hour of 1 June, or everywhere."""

    def add(fault: str, hora: int | None = None, times: int | None = None, **options: Any) -> None:
        match = {} if hora is None else {"fecha": "2025-06-01", "hora": hora}
        replica.faults([{"fault": fault, "match": match, "times": times, **options}])

    return add


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


# A plain month, and what is never asked again.


def test_a_plain_day_is_asked_once_in_order_and_kept_verbatim(scrapes: Scrapes) -> None:
    answers = scrapes()
    assert scrapes.asked() == DAY
    assert [(one.fecha, one.hora) for one in answers] == DAY
    assert {(one.outcome, one.source, one.status, one.encoding) for one in answers} == {
        ("observed", "replica", 200, "utf-8")
    }
    for one in answers:
        assert one.sha256 == hashlib.sha256(one.body.encode()).hexdigest()
        assert one.asked_at is not None
        assert one.answered_at is not None
        assert NOW[:10] <= one.asked_at <= one.answered_at
        assert one.server_date == "Sat, 05 Jul 2025 12:00:00 GMT"
    assert len(json.loads(answers[0].body)) > 50
    state = json.loads((scrapes.answers / "2025-06.state.json").read_text())
    assert state == {"turn": 1, "open": {}}


def test_a_second_call_asks_nothing_and_seals_the_same_bytes(scrapes: Scrapes) -> None:
    scrapes()
    sealed = scrapes.bronze.read_bytes()
    scrapes.bronze.unlink()
    scrapes.requests()
    scrapes()
    assert scrapes.requests() == []
    assert scrapes.bronze.read_bytes() == sealed


def test_an_open_month_grows_by_the_new_hours_only(scrapes: Scrapes) -> None:
    scrapes.through = "2025-06-01T09:00:00Z"
    scrapes()
    assert scrapes.asked() == DAY[:5]
    scrapes.through = "2025-06-01T10:00:00Z"
    scrapes()
    assert scrapes.asked() == DAY[5:6]


def test_hour_0_is_asked_as_hour_0(scrapes: Scrapes) -> None:
    scrapes.hours = [0, 12]
    scrapes()
    assert [line["body"] for line in scrapes.requests()] == [
        {"anho": 2025, "mes": 6, "dia": 1, "hora": 0},
        {"anho": 2025, "mes": 6, "dia": 1, "hora": 12},
    ]


def test_the_hour_that_spring_skips_is_not_asked(scrapes: Scrapes, replica: ReplicaHandle) -> None:
    replica.set_now("2025-10-05T12:00:00Z")
    scrapes.month, scrapes.through, scrapes.now = "2025-09", "2025-09-08T03:00:00Z", "2025-10-05T12:00:00Z"
    scrapes.hours = [0, 12]
    scrapes()
    asked = scrapes.asked()
    assert ("2025-09-07", 0) not in asked
    assert ("2025-09-07", 12) in asked
    assert len(asked) == 13


def test_the_requests_tell_who_asks(scrapes: Scrapes) -> None:
    scrapes.hours = [0, 12]
    scrapes()
    agents = {line["user_agent"] for line in scrapes.requests()}
    assert agents == {f"chile-outages/{workflow_version()} (+{CONTACT})"}


@pytest.mark.parametrize("contact", ["", "   "])
def test_the_service_is_not_asked_without_a_contact(scrapes: Scrapes, contact: str) -> None:
    scrapes.kind, scrapes.http = "sec", {"contact": contact}
    error = refused(scrapes, "CONTACT")
    assert "source.contact" in error.message
    assert scrapes.requests() == []
    assert not scrapes.answers.exists()
    scrapes.http = {}
    assert {one.source for one in scrapes()} == {"sec"}


def test_the_rate_is_kept(scrapes: Scrapes) -> None:
    scrapes.http = {"rate": 20, "concurrency": 4}
    scrapes()
    lines = scrapes.requests()
    assert len(lines) == 24
    assert sum(seconds(lines)) >= 23 / 20 * 0.95


def test_several_are_asked_at_once_and_none_twice(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("latency", ms=400)
    scrapes.http = {"concurrency": 8}
    begin = time.monotonic()
    scrapes()
    assert time.monotonic() - begin < 24 * 0.4 * 0.6
    assert sorted(scrapes.asked()) == DAY


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


# Drift.


@pytest.mark.parametrize("kind", sorted(DRIFT))
@pytest.mark.parametrize("month", ["2025-06", "2025-04"])
def test_drift_stops_the_job_at_once(scrapes: Scrapes, replica: ReplicaHandle, kind: str, month: str) -> None:
    scrapes.month, scrapes.through = month, f"{month}-02T04:00:00Z"
    replica.faults([{"fault": "drift", "kind": kind, "row": 7, "match": {"fecha": f"{month}-01", "hora": 3}}])
    field, row = {
        "added": ("NIVEL_TENSION", 0), "removed": ("NOMBRE_COMUNA", 0), "renamed": ("CLIENTES_AFECTADOS", 0),
        "retyped": ("NOMBRE_COMUNA", 7), "wrapped": ("'d'", None),
    }.get(kind, ("CLIENTES_AFECTADOS", 7))  # fmt: skip
    with pytest.raises(OutagesError) as caught:
        scrapes()
    error = caught.value
    assert error.code.startswith("DRIFT_")
    assert f"hour {month}-01T03" in error.message
    assert field in error.message
    assert row is None or f"row {row}" in error.message
    assert error.facts["hour"] == f"{month}-01T03"
    assert scrapes.asked() == [(f"{month}-01", hora) for hora in range(4)]
    assert not scrapes.bronze.exists()
    kept = Path(str(error.facts["quarantine"]))
    assert kept.parent == scrapes.quarantine / month
    assert json.loads(kept.read_bytes())
    assert [one.outcome for one in scrapes.kept()] == ["observed"] * 3 + ["drift"]
    assert breaker(scrapes).state()["failures"] == 1


@pytest.mark.parametrize(
    ("fault", "code", "begin"),
    [("html", "DRIFT_HTML", b"<html>"), ("truncated", "DRIFT_NOT_JSON", b"[{")],
)
def test_pages_and_cut_answers_are_drift_and_kept(
    scrapes: Scrapes, play: Callable[..., None], fault: str, code: str, begin: bytes
) -> None:
    play(fault, 3)
    error = refused(scrapes, code)
    assert scrapes.asked() == DAY[:4]
    assert Path(str(error.facts["quarantine"])).read_bytes().startswith(begin)


def test_drift_stops_requests_that_run_at_the_same_time(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("latency", ms=50)
    play("drift", 3, kind="added")
    scrapes.http = {"concurrency": 4}
    refused(scrapes, "DRIFT_FIELDS")
    assert len(scrapes.asked()) <= 8


def test_an_hour_that_drifted_is_asked_again(
    scrapes: Scrapes, play: Callable[..., None], replica: ReplicaHandle
) -> None:
    play("drift", 3, kind="added")
    refused(scrapes, "DRIFT_FIELDS")
    scrapes.requests()
    replica.clear()
    scrapes()
    assert scrapes.asked() == DAY[3:]


@pytest.mark.parametrize("kind", ["digits", "null", "blank", "huge", "nowhere", "nobody"])
def test_odd_values_are_taken_as_they_are(scrapes: Scrapes, play: Callable[..., None], kind: str) -> None:
    play("value", 3, kind=kind)
    assert {one.outcome for one in scrapes()} == {"observed"}


# Implausible and empty answers, revisions, encodings.


def test_a_tiny_answer_is_asked_three_times_at_once_and_then_a_gap(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("tiny", 20)
    answers = scrapes()
    assert scrapes.asked() == [*DAY[:20], DAY[20], DAY[20], DAY[20], *DAY[21:]]
    tiny = [one for one in answers if one.hora == 20]
    assert [(one.outcome, one.version, len(json.loads(one.body))) for one in tiny] == [
        ("implausible", n, 3) for n in range(3)
    ]
    scrapes()
    assert scrapes.requests() == []


def test_a_tiny_answer_may_come_right(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("tiny", 20, times=1)
    assert [one.outcome for one in scrapes() if one.hora == 20] == ["implausible", "observed"]


def test_many_tiny_answers_in_a_row_stop_the_month_until_it_is_accepted(
    scrapes: Scrapes, play: Callable[..., None]
) -> None:
    for hora in range(8, 21):
        play("tiny", hora)
    error = refused(scrapes, "IMPLAUSIBLE_RUN")
    assert "2025-06-01T08" in error.message
    assert len(scrapes.asked()) == 24 + 2 * 13
    scrapes.accept = True
    assert len(scrapes()) == 24 + 2 * 13
    assert scrapes.requests() == []


def test_in_an_accepted_month_every_answer_counts(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("tiny", 20)
    scrapes.accept = True
    assert {one.outcome for one in scrapes()} == {"observed"}
    assert scrapes.asked() == DAY


def test_the_last_day_of_the_month_before_tells_what_is_usual(scrapes: Scrapes, play: Callable[..., None]) -> None:
    scrapes.month, scrapes.through, scrapes.hours = "2025-05", "2025-06-01T04:00:00Z", [23]
    scrapes()
    scrapes.month, scrapes.through, scrapes.hours = "2025-06", "2025-06-01T05:00:00Z", "all"
    play("tiny", 0)
    assert [one.outcome for one in scrapes()] == ["implausible"] * 3


def test_an_empty_hour_is_asked_once_in_each_of_three_runs(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("empty", 5)
    asked = []
    for _ in range(4):
        answers = scrapes()
        asked.append(len(scrapes.requests()))
    assert asked == [24, 1, 1, 0]
    assert [(one.outcome, one.body) for one in answers if one.hora == 5] == [("empty", "[]")] * 3
    assert json.loads((scrapes.answers / "2025-06.state.json").read_text())["open"] == {}


def test_an_empty_hour_may_be_filled_later(scrapes: Scrapes, play: Callable[..., None]) -> None:
    play("empty", 5, times=1)
    scrapes()
    state = json.loads((scrapes.answers / "2025-06.state.json").read_text())
    assert state["open"] == {"2025-06-01T05": "2025-06-01T10:00:00+00:00"}
    scrapes.now = "2025-07-05T13:00:00Z"
    assert [one.outcome for one in scrapes() if one.hora == 5] == ["empty", "observed"]


def test_revisions_are_found_by_asking_once_more_after_48_hours(scrapes: Scrapes, replica: ReplicaHandle) -> None:
    scrapes.hours, scrapes.through, scrapes.now = [0, 12], "2025-06-22T05:00:00Z", "2025-06-22T12:00:00Z"
    replica.set_now(scrapes.now)
    scrapes()
    assert len(scrapes.requests()) == 43
    state = json.loads((scrapes.answers / "2025-06.state.json").read_text())
    young = [("2025-06-20", 12), ("2025-06-21", 0), ("2025-06-21", 12), ("2025-06-22", 0)]
    assert list(state["open"]) == [f"{fecha}T{hora:02d}" for fecha, hora in young]
    scrapes.now = "2025-06-22T16:30:00Z"  # 12 h of the 20th was over 47.5 hours ago
    scrapes()
    assert scrapes.requests() == []
    scrapes.now = "2025-06-24T12:00:00Z"
    replica.set_now(scrapes.now)
    answers = scrapes()
    assert scrapes.asked() == young
    revised = [
        (one.fecha, one.hora) for one, again in pairwise(answers) if one.label == again.label and one.body != again.body
    ]
    assert revised == [("2025-06-20", 12), ("2025-06-21", 0)]
    scrapes()
    assert scrapes.requests() == []


def test_a_body_in_cp1252_is_decoded_and_said(scrapes: Scrapes, play: Callable[..., None], tmp_path: Path) -> None:
    whole = Scrapes(tmp_path / "whole", scrapes.replica)()
    play("cp1252", 3)
    answers = scrapes()
    assert Counter(one.encoding for one in answers) == {"utf-8": 23, "cp1252": 1}
    assert contents(answers) == contents(whole)
    assert answers[3].sha256 == hashlib.sha256(answers[3].body.encode("cp1252")).hexdigest()


# Kills, full disks, two at once.


def same_as_undisturbed(scrapes: Scrapes, tmp_path: Path) -> None:
    undisturbed = Scrapes(
        tmp_path / "undisturbed", scrapes.replica, scrapes.month, scrapes.through, http={"concurrency": 4}
    )
    assert contents(list(read_lines(scrapes.bronze))) == contents(undisturbed())


def kill_and_rerun(scrapes: Scrapes, tmp_path: Path, kills: int, longest: float) -> None:
    """Kill a scrape at random moments, each rerun asking no hour that was recorded; then let one end."""
    moments = random.Random(7)
    for _ in range(kills):
        recorded = {(one.fecha, one.hora) for one in scrapes.kept()}
        process = scrapes.start()
        begun = len(scrapes.replica.requests())
        deadline = time.monotonic() + 60
        while len(scrapes.replica.requests()) == begun and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, longest))
        process.kill()
        process.communicate()
        assert recorded.isdisjoint(scrapes.asked())
    recorded = {(one.fecha, one.hora) for one in scrapes.kept()}
    scrapes()
    assert recorded.isdisjoint(scrapes.asked())
    same_as_undisturbed(scrapes, tmp_path)


def test_a_scrape_that_is_killed_loses_only_what_was_under_way(scrapes: Scrapes, tmp_path: Path) -> None:
    scrapes.through, scrapes.http = "2025-06-04T04:00:00Z", {"rate": 40, "concurrency": 4}
    kill_and_rerun(scrapes, tmp_path, 3, 0.9)


@pytest.mark.slow
def test_twenty_kills_in_a_month(scrapes: Scrapes, tmp_path: Path) -> None:
    scrapes.through, scrapes.http = "2025-07-01T04:00:00Z", {"rate": 60, "concurrency": 4}
    kill_and_rerun(scrapes, tmp_path, 20, 0.9)


def test_two_scrapes_at_once(scrapes: Scrapes, play: Callable[..., None], tmp_path: Path) -> None:
    play("latency", ms=60)
    process = scrapes.start()
    try:
        deadline = time.monotonic() + 60
        while not scrapes.requests() and time.monotonic() < deadline:
            time.sleep(0.01)
        second = Scrapes(scrapes.folder, scrapes.replica, http={"attempts": 1})
        assert "two scrapes of one month" in refused(second, "STORE_BUSY").message
        second.month = "2025-05"
        assert "another run is asking" in refused(second, "SOURCE_BUSY").message
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert len(list(read_lines(scrapes.bronze))) == 24
    same_as_undisturbed(scrapes, tmp_path)


def test_a_torn_last_frame_is_said_and_its_hours_are_asked_again(
    scrapes: Scrapes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    scrapes.through = "2025-06-01T09:00:00Z"
    scrapes()
    scrapes.through = "2025-06-02T04:00:00Z"
    scrapes()
    scrapes.requests()
    path = scrapes.answers / "2025-06.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-3])
    scrapes()
    assert scrapes.asked() == DAY[5:]
    assert "a torn last frame of" in capsys.readouterr().err
    same_as_undisturbed(scrapes, tmp_path)


def test_a_torn_frame_of_the_month_before_keeps_nobody_from_scraping(scrapes: Scrapes) -> None:
    scrapes.month, scrapes.through, scrapes.hours = "2025-05", "2025-06-01T04:00:00Z", [23]
    scrapes()
    path = scrapes.answers / "2025-05.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-3])
    scrapes.month, scrapes.through = "2025-06", "2025-06-02T04:00:00Z"
    assert len(scrapes()) == 1


def test_a_full_disk_says_so_and_the_scrape_goes_on_once_there_is_room(scrapes: Scrapes, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        scrapes.store = disk / "answers"
        scrapes.through = "2025-06-01T09:00:00Z"
        before = contents(scrapes())
        scrapes.bronze.unlink()
        scrapes.through = "2025-06-02T04:00:00Z"
        room = subprocess.run(["dd", "if=/dev/zero", f"of={disk}/ballast", "bs=4096"], capture_output=True)
        assert room.returncode == 1
        error = refused(scrapes, "STORE_WRITE")
        assert "No space left on device" in error.message
        assert contents(scrapes.kept()) == before
        (disk / "ballast").unlink()
        assert len(scrapes()) == 24
        same_as_undisturbed(scrapes, tmp_path)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_the_replica_meets_no_other_source(scrapes: Scrapes) -> None:
    scrapes()
    scrapes.bronze.unlink()
    scrapes.requests()
    scrapes.kind = "sec"
    refused(scrapes, "MIXED_SOURCES")
    assert scrapes.requests() == []


# Customers.


@pytest.fixture
def count(scrapes: Scrapes, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    def count(
        asked: str | None = "2025-07", kind: str = "replica", contact: str = CONTACT, **http: Any
    ) -> pl.DataFrame:
        table, files = tmp_path / "customers.parquet", []
        if asked:
            files = [tmp_path / f"{asked}.json"]
            ask(files[0], asked, str(scrapes.answers), kind, NOW, True, scrapes.manners() | {"contact": contact} | http)
        customers(table, files, ["2025-05", "2025-07"], None)
        return pl.read_parquet(table)

    return count


def test_customers_are_asked_once_a_month_of_running(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    table = count()
    lines = scrapes.requests()
    assert Counter(line["endpoint"] for line in lines) == {"GetClientesRegional": 16, "GetClientesNacional": 1}
    assert {line["status"] for line in lines} == {200}
    assert table.height == 34
    own = table.filter(pl.col("mes") == "2025-07")
    assert own["estado"].to_list() == ["own"] * 17
    country = own.filter(pl.col("codigo_region") == "CL")["clientes"].item()
    assert own.filter(pl.col("codigo_region") != "CL")["clientes"].sum() == country
    assert set(table.filter(pl.col("mes") == "2025-05")["estado"]) == {"carried"}
    assert count().equals(table)
    assert scrapes.requests() == []
    count("2025-08")
    assert len(scrapes.requests()) == 17


def test_nobody_is_asked_for_customers_without_a_month(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    table = count(None)
    assert scrapes.requests() == []
    assert set(table["estado"]) == {"none"}
    assert table["clientes"].null_count() == 34


def test_customers_of_a_torn_write_are_asked_again(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    whole = count()
    path = scrapes.answers / "customers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]) + lines[9][:20])
    scrapes.requests()
    assert count().equals(whole)
    assert len(scrapes.requests()) == 17
    assert count().equals(whole)
    assert scrapes.requests() == []


def test_the_service_is_not_asked_for_customers_without_a_contact(
    scrapes: Scrapes, count: Callable[..., pl.DataFrame]
) -> None:
    with pytest.raises(OutagesError) as caught:
        count(kind="sec", contact=" ")
    assert caught.value.code == "CONTACT"
    assert scrapes.requests() == []


def test_customers_of_the_replica_meet_no_other_source(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    count()
    scrapes.requests()
    for month, kind in (("2025-08", "sec"), ("2025-07", "recorded")):
        with pytest.raises(OutagesError) as caught:
            count(month, kind)
        assert caught.value.code == "MIXED_SOURCES"
    assert scrapes.requests() == []


def test_customers_that_cannot_be_had_leave_the_store_as_it_was(
    scrapes: Scrapes, count: Callable[..., pl.DataFrame], replica: ReplicaHandle
) -> None:
    match = {"endpoint": "GetClientesNacional"}
    for fault, code in (("html", "CUSTOMERS_DRIFT"), ("500", "SOURCE_FAILED")):
        replica.faults([{"fault": fault, "match": match}])
        with pytest.raises(OutagesError) as caught:
            count(attempts=2)
        assert caught.value.code == code
        assert breaker(scrapes).state()["failures"] == 1
        assert not (scrapes.answers / "customers.jsonl").exists()
        replica.clear()
    replica.faults([{"fault": "500", "match": match, "times": 1}])
    assert count()["estado"].to_list()[-1] == "own"


def test_a_block_while_asking_for_customers_opens_the_breaker_for_all(
    scrapes: Scrapes, count: Callable[..., pl.DataFrame], replica: ReplicaHandle
) -> None:
    replica.faults([{"fault": "block", "match": {"endpoint": "GetClientesRegional"}}])
    with pytest.raises(OutagesError) as caught:
        count()
    assert caught.value.code == "SOURCE_BLOCKED"
    assert len(scrapes.requests()) == 1
    refused(scrapes, "BREAKER_OPEN")
    assert scrapes.requests() == []
