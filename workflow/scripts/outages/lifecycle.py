"""What a run of the workflow holds for its length: its own lock, and a claim on the embedded database.

When it fails it also leaves a record, and tells whoever wants to be told.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import history
from .errors import OutagesError
from .progress import keep_whole
from .warm import Warm

if TYPE_CHECKING:
    from .postgres import Embedded


class Run:
    """Begun by the main process of a real run (never by a dry run), ended when it ends.

    The lock replaces Snakemake's own: the kernel frees it however the process ends, so a run that was killed
    leaves nothing to unlock. The claim keeps the embedded database up between jobs; it is started while the first jobs
    are at work, or by the one that needs it first; the last claim that is given back stops it.
    """

    def __init__(self, cluster: str, lock: str, remote: bool = False) -> None:
        """Hold nothing yet. `remote`: this process was sent to a node by an executor, and works for another's run."""
        if remote:
            from .postgres import REMOTE

            os.environ[REMOTE] = "1"  # its jobs inherit it
        self.cluster = cluster
        self._lock = Path(lock)
        self._held = ExitStack()
        self._interrupted = False
        self._number = ""

    def begin(self, database: bool = False) -> str | None:
        """Take the lock and the claim; the shell for the jobs, None for the usual one (see warm.py).

        With `database` jobs need it: the embedded one is started meanwhile. A second run in the same directory says so
        and stops.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        opened = self._held.enter_context(self._lock.open("a+"))
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            opened.seek(0)
            holder = opened.read().strip()
            busy = OutagesError(
                "RUN_BUSY", f"another run (process {holder}) is at work in {Path.cwd()}; wait until it ends"
            )
            print(busy, file=sys.stderr, flush=True)  # Snakemake, told to be quiet, would say nothing
            raise busy from error
        opened.truncate(0)
        opened.write(str(os.getpid()))
        opened.flush()
        self._number = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.getpid()}"
        os.environ[history.RUN] = self._number  # the jobs inherit it
        keep_whole(sys.stderr, flushed=True)  # as Snakemake does; its jobs write there too
        self._watch()
        atexit.register(self._held.close)  # what ends the run before it has well begun does not call `end`
        embedded = None
        if not os.environ.get("DATABASE_URL"):
            from .postgres import Embedded

            embedded = self._held.enter_context(Embedded(Path(self.cluster)).claim())
        warm = Warm()
        self._held.callback(warm.stop)
        shell = warm.start()
        if embedded and database:
            starting = threading.Thread(target=_started, args=[embedded])
            starting.start()
            self._held.callback(starting.join)
        return shell

    def end(self, failed: bool = False, jobs: Iterable[Any] = (), logs: Sequence[str] = ()) -> None:
        """Give both back; of a run that failed, leave a record.

        `jobs` are those that Snakemake holds for failed (their `name` and `wildcards` count): one that was killed,
        or failed outside of its script, has told nothing itself. `logs` are Snakemake's own.
        """
        try:
            if self._number:
                self._lock.write_text("")
            self._held.close()
        finally:
            if failed:
                named = [(job.name, getattr(job, "wildcards", {}).get("month")) for job in jobs]
                self._report(named, logs[0] if logs else None)

    def _watch(self) -> None:
        """Note an interrupt, which Snakemake then handles as ever: its hooks are not told of it."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)

            def handle(signum: int, frame: FrameType | None, before: Any = before) -> None:
                self._interrupted = True
                if callable(before):
                    before(signum, frame)

            if callable(before):
                signal.signal(number, handle)

    def _report(self, jobs: list[tuple[str, str | None]], log: str | None) -> None:
        """Record the failed run and tell whoever wants to be told; what goes wrong in that is said, no more."""
        from . import alert

        try:
            record = alert.record(self._number, jobs, self._interrupted, log)
            problem = alert.report(record, os.environ.get("ALERT_WEBHOOK"))
        except OSError as error:
            problem = OutagesError("HISTORY_WRITE", f"The record of this failure was not written: {error}")
        if problem:
            print(problem, file=sys.stderr, flush=True)


def _started(embedded: Embedded) -> None:
    """Start the server before the first job needs it. What hinders it hinders that job too, which tells it."""
    with suppress(OutagesError, OSError):
        embedded.ensure_started()


def at_work(lock: Path) -> int | None:
    """Process of the run that holds the lock, or None; without trying the lock, which could turn a run away."""
    try:
        number = int(lock.read_text())
        os.kill(number, 0)
    except (OSError, ValueError) as error:
        return number if isinstance(error, PermissionError) else None
    return number
