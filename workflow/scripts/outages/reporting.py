"""How a job speaks: JSON lines in its log for machines, plain lines on stderr for people."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from . import history
from .errors import OutagesError
from .progress import CLEAR, keep_whole, watched

Log = structlog.typing.FilteringBoundLogger
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_counts: dict[str, int] = {}
_told: list[str] = []


def open_log(path: Path, stage: str, month: str | None) -> Log:
    """A logger that writes JSON lines (timestamp, stage, month, event, code) to `path`, made anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            # Locals could hold a key or a password: they stay out of the log.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(
            file=path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
        ),
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(stage=stage, **({"month": month} if month else {}))
    return log()


def log() -> Log:
    """The job's logger."""
    return structlog.get_logger()


def say(text: str) -> None:
    """A line for the person who watches."""
    # A bar of progress.py may stand where the line goes.
    print(f"{CLEAR if watched(sys.stderr) else ''}{text}", file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """What the job's last line says after its name: counts, such as `743 hours observed, 1 gap`."""
    _told.append(text)


def count(**numbers: int) -> None:
    """Add to what the job's line in the history counts, such as requests and failed hours."""
    for name, number in numbers.items():
        _counts[name] = _counts.get(name, 0) + number


def run(function: Callable[..., None], job: Any, **more: Any) -> None:
    """Call a stage's function with a Snakemake job's named inputs, outputs and params as its arguments.

    Paths arrive as `Path` (several under one name as a list). The params `code` and `stamp` are digests of what
    the stage reads besides; they exist to re-run it, and are left out. `more` are arguments that must not re-run
    it when they change. An `OutagesError` or a full disk ends the job with its code and sentence, anything else
    with a traceback, in the log too. However it ends, the history of the run gets a line.
    """
    keep_whole(sys.stderr)
    arguments: dict[str, Any] = {}
    for group in (job.input, job.output):
        for name, value in group.items():
            arguments[name] = Path(value) if isinstance(value, str) else [Path(path) for path in value]
    arguments |= {name: value for name, value in job.params.items() if name not in ("code", "stamp")}
    month = job.wildcards.get("month")
    logger = open_log(Path(job.log[0]), job.rule, month)
    began = time.monotonic()
    _told.clear()
    where = f" {month}" if month else ""
    try:
        function(**arguments, **more)
    except BaseException as error:
        coded = error if isinstance(error, OutagesError) else _no_room(error)
        interrupted = isinstance(error, KeyboardInterrupt)
        with suppress(OSError):  # the log may lie on the disk that is full
            if coded:
                logger.error("failed", code=coded.code, message=coded.message, **_plain(coded.facts))
            elif interrupted:
                logger.warning("interrupted", code="INTERRUPTED")
            else:
                logger.exception("crashed", code="UNEXPECTED")
        # Of an error without a code only its kind: its words could hold a key or a password.
        code = coded.code if coded else "INTERRUPTED" if interrupted else "UNEXPECTED"
        message = coded.message if coded else f"{type(error).__name__}; see the log."
        _remember(job.rule, month, began, "interrupted" if interrupted else "failed", code, message)
        if coded is None:
            raise
        sys.exit(f"{job.rule}{where}: {coded}")
    took = time.monotonic() - began
    logger.info("done", seconds=round(took, 3))
    _remember(job.rule, month, began, "done")
    say(f"{job.rule}{where} done in {took:.1f} s{': ' if _told else ''}{'; '.join(_told)}")


def _remember(
    stage: str, month: str | None, began: float, outcome: str, code: str | None = None, message: str | None = None
) -> None:
    """The job's line in the history; a job outside of a run has none. What cannot be written is said, no more."""
    if not os.environ.get(history.RUN):
        return
    try:
        line = history.line_of(stage, month, outcome, code, message, time.monotonic() - began, _counts)
        history.append(line, history.PATH)
    except OSError as error:
        lost = f"{history.PATH} lacks this job: {error.strerror or error}"
        with suppress(OSError):
            log().warning("history_not_written", code="HISTORY_WRITE", stage=stage, message=lost)
        say(f"HISTORY_WRITE: {lost}")


def _no_room(error: BaseException) -> OutagesError | None:
    """DISK_FULL when that is what an error says."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        place = error.filename or "a file"
        return OutagesError("DISK_FULL", f"{place}: {error.strerror}; make space and run again", file=str(place))
    return None


def _plain(facts: dict[str, object]) -> dict[str, object]:
    clash = {"stage", "month", "event", "code", "message", "level", "timestamp"}
    return {name: value for name, value in facts.items() if name not in clash}
