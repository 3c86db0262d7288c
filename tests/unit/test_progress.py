"""What a person sees of long work: a bar on a terminal, plain lines elsewhere, and a clear last line of each job."""

import io
import sys
from pathlib import Path

import pytest
from outages.progress import CLEAR, Progress, duration
from outages.reporting import run, say, tell

from .test_reporting import job


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def work(stream: io.StringIO, units: int, seconds_each: float) -> str:
    clock = Clock()
    progress = Progress(units, "2025-03", "hours", stream, clock)
    for _ in range(units):
        clock.seconds += seconds_each
        progress.step()
    return stream.getvalue()


def test_a_month_of_an_hour_a_second_says_a_line_every_half_minute() -> None:
    lines = work(io.StringIO(), 744, 1).splitlines()
    assert lines[0] == "  2025-03 30 of 744 hours, 1.0 a second, about 12 min left"
    assert lines[-1] == "  2025-03 720 of 744 hours, 1.0 a second, about 24 s left"
    assert len(lines) == 24


def test_work_that_is_soon_done_says_nothing() -> None:
    assert work(io.StringIO(), 744, 0.01) == ""


def test_a_terminal_has_a_bar_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    drawn = work(Terminal(), 4, 100).split(CLEAR)
    assert drawn == [
        "",
        "  2025-03 [######..................] 1 of 4 hours, 0.0 a second, about 5 min left",
        "  2025-03 [############............] 2 of 4 hours, 0.0 a second, about 3 min left",
        "  2025-03 [##################......] 3 of 4 hours, 0.0 a second, about 2 min left",
    ]


def test_a_line_takes_the_place_of_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    say("a line")
    assert sys.stderr.getvalue() == f"{CLEAR}a line\n"


def test_a_terminal_that_cannot_clear_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert CLEAR not in work(Terminal(), 4, 100)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (737, "12 min"), (11100, "3 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_last_line_of_a_job_tells_its_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stage(**_: object) -> None:
        tell("744 hours")
        tell("12 gaps")

    run(stage, job(tmp_path))
    run(lambda **_: None, job(tmp_path))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("stage 2025-06 done in 0.") and first.endswith(" s: 744 hours; 12 gaps")
    assert second.endswith(" s")
