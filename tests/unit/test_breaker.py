"""The circuit breaker: every transition, what holds across processes and restarts, and files that are damaged."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from outages.breaker import FAILURES, OPEN_SECONDS, PROBE_SECONDS, Breaker, BreakerOpen


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(tmp_path: Path, clock: Clock) -> Breaker:
    return Breaker(tmp_path / "answers" / "breaker.json", clock)


def opened(breaker: Breaker) -> Breaker:
    breaker.failure("403", block=True)
    return breaker


def state(breaker: Breaker) -> str:
    return str(breaker.state()["state"])


def test_without_a_file_it_is_closed_and_success_writes_none(breaker: Breaker) -> None:
    assert breaker.permit() is False
    breaker.success()
    assert state(breaker) == "closed"
    assert not breaker.path.exists()


def test_five_failures_in_a_row_open_it(breaker: Breaker, clock: Clock) -> None:
    for count in range(1, FAILURES):
        breaker.failure("status 500")
        assert (state(breaker), breaker.state()["failures"]) == ("closed", count)
        assert breaker.permit() is False
    breaker.failure("status 502")
    assert breaker.state() == {"state": "open", "failures": 5, "until": clock.now + 1800, "reason": "status 502"}
    with pytest.raises(BreakerOpen, match=r"until 2025-06-15 15:36:40 UTC: it opened because status 502") as caught:
        breaker.permit()
    assert caught.value.code == "BREAKER_OPEN"


def test_a_success_between_failures_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.failure("status 500")
        breaker.success()
    assert breaker.state() == {"state": "closed", "failures": 0, "until": None, "reason": None}


def test_one_block_opens_it(breaker: Breaker) -> None:
    opened(breaker)
    assert state(breaker) == "open"
    with pytest.raises(BreakerOpen):
        breaker.permit()


def test_while_open_nothing_changes_it(breaker: Breaker, clock: Clock) -> None:
    before = opened(breaker).state()
    clock.now += 60
    breaker.failure("status 500")
    breaker.failure("403", block=True)
    breaker.success()  # of a request that had left before
    assert breaker.state() == before
    clock.now = before["until"] - 0.001
    with pytest.raises(BreakerOpen):
        breaker.permit()


def test_after_half_an_hour_exactly_one_probe_may_leave(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS
    assert breaker.permit() is True
    assert state(breaker) == "half-open"
    for _ in range(3):
        with pytest.raises(BreakerOpen, match="a probe is under way"):
            breaker.permit()


def test_the_probe_closes_it(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS
    breaker.permit()
    breaker.success()
    assert breaker.state() == {"state": "closed", "failures": 0, "until": None, "reason": None}
    assert breaker.permit() is False


@pytest.mark.parametrize("block", [False, True])
def test_the_probe_reopens_it(breaker: Breaker, clock: Clock, block: bool) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS + 5
    breaker.permit()
    breaker.failure("status 503", block=block)
    assert (state(breaker), breaker.state()["until"]) == ("open", clock.now + OPEN_SECONDS)
    with pytest.raises(BreakerOpen, match="status 503"):
        breaker.permit()
    clock.now += OPEN_SECONDS
    assert breaker.permit() is True


def test_a_probe_whose_process_died_is_given_up(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += OPEN_SECONDS
    breaker.permit()
    clock.now += PROBE_SECONDS - 1
    with pytest.raises(BreakerOpen):
        breaker.permit()
    clock.now += 1
    assert breaker.permit() is True


def test_a_restart_while_open_finds_it_open(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    again = Breaker(breaker.path, clock)
    assert again.state() == breaker.state()
    with pytest.raises(BreakerOpen):
        again.permit()
    clock.now += OPEN_SECONDS
    assert again.permit() is True
    with pytest.raises(BreakerOpen, match="a probe is under way"):
        Breaker(breaker.path, clock).permit()


def ask(path: str, now: float, start: Any, told: Any) -> None:
    """In a process of its own: tell whether a request may leave."""
    breaker = Breaker(Path(path), lambda: now)
    start.wait(30)
    for _ in range(20):
        try:
            told.put(breaker.permit())
        except BreakerOpen:
            told.put(None)


def test_two_processes_get_one_probe(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=ask, args=(str(breaker.path), clock.now + OPEN_SECONDS, start, told)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    answers = [told.get(timeout=30) for _ in range(40)]
    for worker in workers:
        worker.join(30)
    assert answers.count(True) == 1
    assert answers.count(None) == 39


def fail(path: str, times: int) -> None:
    """In a process of its own: report failures."""
    for _ in range(times):
        Breaker(Path(path)).failure("status 500")


def test_failures_of_two_processes_are_counted_together(breaker: Breaker) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fail, args=(str(breaker.path), 2)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert breaker.state()["failures"] == 4
    breaker.failure("status 500")
    assert state(breaker) == "open"


DAMAGED = [b"", b"null", b"{", b"\0" * 40, b"[]", b"{}", b"\xff\xfe", b'{"state": "ajar", "failures": 0}',
           b'{"state": "open", "failures": 5, "until": null}', b'{"state": "open", "until": 1}',
           b'{"state": "closed", "failures": "x"}']  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_an_empty_or_damaged_file_counts_as_closed_and_heals(breaker: Breaker, content: bytes) -> None:
    breaker.path.parent.mkdir()
    breaker.path.write_bytes(content)
    assert state(breaker) == "closed"
    assert breaker.permit() is False
    opened(breaker)
    assert json.loads(breaker.path.read_text())["state"] == "open"


def test_the_end_of_a_longer_state_does_not_hide_an_open_breaker(breaker: Breaker) -> None:
    opened(breaker)
    breaker.path.write_bytes(breaker.path.read_bytes() + b'reason": "an older and longer one"}')
    with pytest.raises(BreakerOpen):
        breaker.permit()
