"""A circuit breaker whose state is a file, so that it holds across processes and runs.

closed: requests go out. Five failures in a row, or one block, open it for 30 minutes: no request leaves. After
that exactly one request, the probe, may go out (half-open); its outcome closes or reopens the breaker.
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
        return json.loads(self.path.read_text() or "null") or dict(_CLOSED) if self.path.exists() else dict(_CLOSED)

    def permit(self) -> None:
        """Return when a request may leave; raise `BreakerOpen` when not. After the pause, one caller is let through."""
        if not self.path.exists():
            return
        with self._locked() as state:
            now = self._clock()
            if state["state"] == "closed":
                return
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

    def success(self) -> None:
        """A request brought an answer of a known shape."""
        if self.path.exists():
            with self._locked() as state:
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
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "r+") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            state = json.loads(opened.read() or "null") or dict(_CLOSED)
            before = dict(state)
            yield state
            if state != before:
                opened.seek(0)
                opened.write(json.dumps(state))
                opened.truncate()
                opened.flush()
                os.fsync(opened.fileno())
