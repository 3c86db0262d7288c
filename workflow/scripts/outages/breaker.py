"""A circuit breaker whose state is a file, so that it holds across processes and runs.

closed: requests go out. Five failures in a row, or one block, open it for 30 minutes: no request leaves. After
that exactly one request, the probe, may go out (half-open); its outcome closes or reopens the breaker.

A file that is empty, or that no breaker wrote, counts as closed: an unattended run goes on, and at most five more
failures, or one block, open it again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import OutagesError

FAILURES = 5
OPEN_SECONDS = 30 * 60
#: A probe whose process died is given up after this long, and another may go.
PROBE_SECONDS = 15 * 60

_CLOSED: dict[str, Any] = {"state": "closed", "failures": 0, "until": None, "reason": None}


class BreakerOpen(OutagesError):
    """No request may leave now; the message says until when and why."""


class Breaker:
    """The breaker kept in one file; `clock` gives seconds since 1970 (replaced in tests)."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock

    def state(self) -> dict[str, Any]:
        """The state as it is now, for reports: state, failures, until (seconds since 1970 or null), reason."""
        return _parse(self.path.read_bytes()) if self.path.exists() else dict(_CLOSED)

    def permit(self) -> bool:
        """Whether the request that may now leave is the probe; raise `BreakerOpen` when none may leave.

        After the pause, one caller is let through: its request is the probe, and is not tried twice.
        """
        if not self.path.exists():
            return False
        with self._locked() as state:
            now = self._clock()
            if state["state"] == "closed":
                return False
            if now < state["until"]:
                what = (
                    "a probe is under way" if state["state"] == "half-open" else f"it opened because {state['reason']}"
                )
                until = datetime.fromtimestamp(state["until"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                raise BreakerOpen(
                    "BREAKER_OPEN",
                    f"the circuit breaker keeps every request back until {until}: {what}; run again after that",
                    until=until,
                )
            state.update(state="half-open", until=now + PROBE_SECONDS)
            return True

    def success(self) -> None:
        """A request brought an answer of a known shape; one that left before the breaker opened does not close it."""
        if self.path.exists():
            with self._locked() as state:
                if state["state"] != "open":
                    state.update(_CLOSED)

    def failure(self, reason: str, block: bool = False) -> None:
        """A request failed for good (retries included) or drifted; a block opens at once."""
        with self._locked() as state:
            if state["state"] == "open":
                return
            state["failures"] += 1
            if block or state["state"] == "half-open" or state["failures"] >= FAILURES:
                state.update(state="open", until=self._clock() + OPEN_SECONDS, reason=reason)

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        """The state under an exclusive lock; changes are on disk when the block ends."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            state = _parse(opened.read())
            before = dict(state)
            yield state
            if state != before:
                opened.seek(0)
                opened.write(json.dumps(state).encode())
                opened.truncate()
                os.fsync(opened.fileno())


def _parse(content: bytes) -> dict[str, Any]:
    """The state that a file holds. Only its first JSON value counts: a crash may leave the end of a longer one."""
    try:
        state, _ = json.JSONDecoder().raw_decode(content.decode())
        known = state["state"] == "closed" or (state["state"] in ("open", "half-open") and state["until"] >= 0)
        return state if known and state["failures"] >= 0 else dict(_CLOSED)
    except (ValueError, LookupError, TypeError):
        return dict(_CLOSED)
