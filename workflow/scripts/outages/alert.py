"""One record of each run that failed: a line in results/health/failures.jsonl, and a message to a webhook.

The address of the webhook comes from the environment, may hold a token, and is written nowhere.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import history
from .errors import OutagesError
from .files import json_bytes

PATH = Path("results/health/failures.jsonl")
SECONDS = 10
AGENT = "chile-outages"


#: Stage and month of a job.
Job = tuple[str, str | None]


def record(run: str, jobs: Iterable[Job], interrupted: bool, log: str | None) -> dict[str, Any]:
    """What is to be told of a failed run: its jobs by their lines in the history, and in one sentence for people.

    `jobs` are those that Snakemake holds for failed. One that has left no line gets it here, so that rates count
    it. The run counts as interrupted when nothing failed by itself.
    """
    told = [line for line in history.lines(history.PATH) if line.get("run") == run and line["outcome"] != "done"]
    silent = set(jobs) - {(line["stage"], line["month"]) for line in told}
    told += [_of_silent(stage, month, interrupted) for stage, month in sorted(silent, key=str)]
    outcome = "interrupted" if interrupted and all(line["outcome"] == "interrupted" for line in told) else "failed"
    here = Path.cwd()
    what = ", ".join(f"{line['stage']} {line['month']}" if line["month"] else line["stage"] for line in told)
    return {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "run": run,
        "directory": str(here),
        "outcome": outcome,
        "text": f"chile-outages: a run in {here} {'was interrupted' if outcome == 'interrupted' else 'failed'}"
        + (f" ({what})" if what else ""),
        "jobs": [
            {name: line.get(name) for name in ("stage", "month", "outcome", "code", "message")}
            | {"log": f"results/logs/{line['stage']}/{line['month'] or line['stage']}.log"}
            for line in told
        ],
        "log": log,
    }


def _of_silent(stage: str, month: str | None, interrupted: bool) -> dict[str, Any]:
    if interrupted:
        line = history.line_of(stage, month, "interrupted", code="INTERRUPTED", message="The run was interrupted.")
    else:
        message = "The job ended without a word: killed, or it failed outside of its script. See Snakemake's log."
        line = history.line_of(stage, month, "failed", code="JOB_DIED", message=message)
    with suppress(OSError):  # on a full disk somebody must still be told
        history.append(line, history.PATH)
    return line


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET that tells nobody anything: it is a failure."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def post(url: str, record: Mapping[str, Any]) -> None:
    """POST a record as JSON; anything but a 2xx answer within 10 seconds is an `OutagesError` (ALERT_FAILED)."""
    try:
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError("no http address")
        headers = {"Content-Type": "application/json", "User-Agent": AGENT}
        request = urllib.request.Request(url, data=json_bytes(record), headers=headers, method="POST")
        urllib.request.build_opener(_NoRedirect).open(request, timeout=SECONDS).close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Of the error only what cannot quote the address.
        raise OutagesError("ALERT_FAILED", f"The webhook of ALERT_WEBHOOK was not told: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {SECONDS} seconds"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "the address is no http:// or https:// URL" if isinstance(cause, ValueError) else type(cause).__name__


def report(record: Mapping[str, Any], url: str | None, path: Path = PATH) -> OutagesError | None:
    """Post the record when there is a URL, then write it as one line that tells how that went; its error, if any.

    In this order, so that a full disk keeps nobody from being told. Raises `OSError` when the line is not written.
    """
    failed = None
    if url:
        try:
            post(url, record)
        except OutagesError as error:
            failed = error
    told = {"posted": failed is None, "code": failed and failed.code, "message": failed and failed.message}
    history.append({**record, "alert": told if url else None}, path)
    return failed
