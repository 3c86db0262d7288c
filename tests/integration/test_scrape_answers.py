"""What a scrape makes of odd answers: drift, implausible and empty ones, revisions, encodings."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from outages.errors import OutagesError

from replica.faults import DRIFT
from replica.process import ReplicaHandle

from .scrapes import DAY, Scrapes, breaker, contents, refused

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
