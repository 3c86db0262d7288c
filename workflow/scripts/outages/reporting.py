"""How a job speaks: JSON lines in its log for machines, plain lines on stderr for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from .errors import OutagesError

Log = structlog.typing.FilteringBoundLogger


def open_log(path: Path, stage: str, month: str | None) -> Log:
    """A logger that writes JSON lines (timestamp, stage, month, event, code) to `path`, made anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            # Locals could hold a key or a password: they stay out of the log.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=path.open("a", buffering=1)),
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=False,
    )
    bound = {"stage": stage} | ({"month": month} if month else {})
    return structlog.get_logger().bind(**bound)


def log() -> Log:
    """The job's logger."""
    return structlog.get_logger()


def say(text: str) -> None:
    """A line for the person who watches."""
    print(text, file=sys.stderr, flush=True)


def run(function: Callable[..., None], job: Any, **more: Any) -> None:
    """Call a stage's function with a Snakemake job's named inputs, outputs and params as its arguments.

    Paths arrive as `Path` (several under one name as a list). The params `code` and `stamp` are digests of what
    the stage reads besides; they exist to re-run it, and are left out. `more` are arguments that must not re-run
    it when they change. An `OutagesError` ends the job with its code and sentence, anything else with a
    traceback, in the log too.
    """
    arguments: dict[str, Any] = {}
    for group in (job.input, job.output):
        for name, value in group.items():
            arguments[name] = Path(value) if isinstance(value, str) else [Path(path) for path in value]
    arguments |= {name: value for name, value in job.params.items() if name not in ("code", "stamp")}
    month = job.wildcards.get("month")
    logger = open_log(Path(job.log[0]), job.rule, month)
    began = time.monotonic()
    where = f" {month}" if month else ""
    try:
        function(**arguments, **more)
    except OutagesError as error:
        logger.error("failed", code=error.code, message=error.message, **_plain(error.facts))
        sys.exit(f"{job.rule}{where}: {error}")
    except BaseException:
        logger.exception("crashed", code="UNEXPECTED")
        raise
    took = time.monotonic() - began
    logger.info("done", seconds=round(took, 3))
    say(f"{job.rule}{where} done in {took:.1f} s")


def _plain(facts: dict[str, object]) -> dict[str, object]:
    clash = {"stage", "month", "event", "code", "message", "level", "timestamp"}
    return {name: value for name, value in facts.items() if name not in clash}
