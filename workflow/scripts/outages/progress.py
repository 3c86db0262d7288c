"""How far long work is: a bar that is drawn over when a person watches, else a plain line now and then.

And what lets the lines of processes that write to one place stay whole.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

#: Clears what stands in the line of a terminal.
CLEAR = "\r\x1b[K"
#: Seconds between two drawings of the bar, and between two plain lines.
DRAW, LINE = 0.2, 30
WIDTH = 24


def watched(stream: TextIO) -> bool:
    """Whether a person looks at the stream, on a terminal that can clear a line."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def keep_whole(stream: TextIO, flushed: bool = False) -> None:
    """Let each line leave `stream` in one piece with its end: other processes write to the same place.

    Under PYTHONUNBUFFERED, which images of containers like to set, the end of a line would leave by itself.
    `flushed`: whoever writes flushes after each message; so one of several lines, whose last would leave without
    its end too, stays whole.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(line_buffering=not flushed, write_through=False)


def duration(seconds: float) -> str:
    """A time left, in words: `40 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """Units of work done, their rate and the time left; `name` is whose work, `unit` what is counted."""

    def __init__(
        self,
        total: int,
        name: str,
        unit: str,
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._name, self._unit, self._now = total, name, unit, now
        self._stream = stream or sys.stderr
        self._bar = watched(self._stream)
        self._done = 0
        self._began = self._told = now()

    def step(self) -> None:
        """One unit more is done."""
        self._done += 1
        moment = self._now()
        if moment - self._told >= (DRAW if self._bar else LINE) and self._done < self._total:
            self._told = moment
            text = self._text(moment - self._began)
            print(f"{CLEAR}{text}" if self._bar else text, file=self._stream, end="" if self._bar else "\n", flush=True)

    def _text(self, seconds: float) -> str:
        rate = self._done / seconds
        full = WIDTH * self._done // self._total
        bar = f" [{'#' * full}{'.' * (WIDTH - full)}]" if self._bar else ""
        left = duration((self._total - self._done) / rate)
        counts = f"{self._done:,} of {self._total:,} {self._unit}"
        return f"  {self._name}{bar} {counts}, {rate:.1f} a second, about {left} left"
