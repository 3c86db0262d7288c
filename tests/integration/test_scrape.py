"""Scraping a replica over real HTTP: a plain month, what is never asked again, and how it is asked."""

import hashlib
import json
import time
from collections.abc import Callable

import pytest
from outages.fingerprint import workflow_version

from replica.process import ReplicaHandle

from .scrapes import CONTACT, DAY, NOW, Scrapes, refused, seconds


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


def test_the_replica_meets_no_other_source(scrapes: Scrapes) -> None:
    scrapes()
    scrapes.bronze.unlink()
    scrapes.requests()
    scrapes.kind = "sec"
    refused(scrapes, "MIXED_SOURCES")
    assert scrapes.requests() == []
