"""What a run of the workflow holds for its length: its own lock, and a claim on the embedded database."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from .errors import OutagesError


class Run:
    """Begun by the main process of a real run (never by a dry run), ended when it ends.

    The lock replaces Snakemake's own: the kernel frees it however the process ends, so a run that was killed
    leaves nothing to unlock. The claim keeps the embedded database up between jobs; the first job that needs
    the database starts it, the last claim that is given back stops it.
    """

    def __init__(self, cluster: str, lock: str) -> None:
        self.cluster = cluster
        self._lock = Path(lock)
        self._held = ExitStack()

    def begin(self) -> None:
        """Take the lock and the claim; a second run in the same directory says so and stops."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        opened = self._held.enter_context(self._lock.open("a+"))
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            opened.seek(0)
            holder = opened.read().strip()
            raise OutagesError(
                "RUN_BUSY", f"another run (process {holder}) is at work in {Path.cwd()}; wait until it ends"
            ) from error
        opened.truncate(0)
        opened.write(str(os.getpid()))
        opened.flush()
        if not os.environ.get("DATABASE_URL"):
            from .postgres import Embedded

            self._held.enter_context(Embedded(Path(self.cluster)).claim())

    def end(self) -> None:
        """Give both back."""
        self._held.close()
