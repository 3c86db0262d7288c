"""Asking the source for the hours of a month: several at once, in order, kept as they come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path

from . import reconcile
from .acquire import Intake, decode
from .client import Blocked, Client, Failed, Reply
from .clock import Label, parse_iso
from .errors import OutagesError
from .ledger import ASKS, by_hour
from .progress import Progress
from .reporting import log, say
from .shapes import Drift
from .store import Writer

#: Seconds that the source's clock may differ from ours before it is said.
SKEW = 600
_CHALLENGE = re.compile(r"captcha|cf-chl|just a moment|request rejected|access denied|incapsula", re.IGNORECASE)


def request_body(label: Label) -> dict[str, int]:
    """What GetPorFecha is asked: all four fields always, hour 0 included (a missing one would mean midnight)."""
    return {"anho": label.fecha.year, "mes": label.fecha.month, "dia": label.fecha.day, "hora": label.hora}


async def ask_hours(client: Client, intake: Intake, writer: Writer, hours: list[Label], workers: int) -> list[Label]:
    """Ask the hours, in order, several at once; returns those that failed.

    Answers are on disk at most a second after they came. A drift or a block stops everything at once; a failed
    hour does not keep the others from being asked. An implausible answer is asked again at once, up to 3 times.
    While the breaker is not closed the first hour is asked alone: it is the probe that the others depend on.
    """
    queue = iter(hours)
    failed: list[Label] = []
    clock = ClockCheck()
    progress = Progress(len(hours), f"{hours[0].fecha:%Y-%m}" if hours else "", "hours")

    async def work(labels: Iterator[Label]) -> None:
        for label in labels:
            asks = 0
            while True:
                try:
                    reply = await client.ask("GetPorFecha", request_body(label))
                except Failed as error:
                    intake.attempt(label, "failed", str(error.facts["asked_at"]), _status(error))
                    log().warning("hour_failed", hour=str(label), code=error.code, message=error.message)
                    failed.append(label)
                    break
                except Blocked as error:
                    intake.attempt(label, "blocked", str(error.facts["asked_at"]), _status(error))
                    raise
                asks += 1
                clock.compare(reply)
                outcome = _take(client, intake, label, reply)
                if outcome != "implausible" or asks >= ASKS:
                    break
            progress.step()

    async def keep() -> None:
        while True:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(writer.flush)

    try:
        async with asyncio.TaskGroup() as outer:
            keeper = outer.create_task(keep())
            if client.suspect():
                await work(islice(queue, 1))
            async with asyncio.TaskGroup() as group:
                for _ in range(min(workers, len(hours))):
                    group.create_task(work(queue))
            keeper.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from errors
    return failed


def _take(client: Client, intake: Intake, label: Label, reply: Reply) -> str:
    text, _ = decode(reply.body)
    if text.lstrip().startswith("<") and _CHALLENGE.search(text):
        client.block("the source answered with a challenge page")
        intake.attempt(label, "blocked", reply.asked_at, reply.status)
        raise Blocked("SOURCE_BLOCKED", f"hour {label}: the source answered with a challenge page: it blocks us")
    try:
        outcome = intake.accept(label, reply.body, reply=reply)
    except Drift as drift:
        client.disapprove(drift.code)
        intake.attempt(label, "drift", reply.asked_at, reply.status)
        raise
    client.approve()
    return outcome


def _first(errors: BaseExceptionGroup) -> BaseException:
    """The error that stopped the group: a coded one before any other."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat += [_first(error)] if isinstance(error, BaseExceptionGroup) else [error]
    return next((error for error in flat if isinstance(error, OutagesError)), flat[0])


def _status(error: OutagesError) -> int | None:
    status = error.facts.get("status")
    return status if isinstance(status, int) else None


async def compare_with_series(client: Client, intake: Intake, tolerance: float, record: Path) -> None:
    """Ask for the national series and append to `record` the hours in which our answers differ from it.

    A series that cannot be had or read is logged as an error and stops nothing: no answer depends on it.
    """
    try:
        reply = await client.ask("Get", {})
        series = reconcile.read_series(reply.body)
    except OutagesError as error:
        if error.code in ("BREAKER_OPEN", "SOURCE_BLOCKED"):
            raise
        log().error("reconcile_failed", code="RECONCILE_FAILED", message=str(error))
        say(f"  the national series could not be compared: {error}")
        return
    found = reconcile.differences(series, by_hour(intake.known), tolerance, reply.asked_at)
    reconcile.keep(record, found)
    errors = [one for one in found if one.verdict == "error"]
    log().info("reconciled_with_series", hours=len(series), revisions=len(found) - len(errors), errors=len(errors))
    for one in errors:
        log().error(
            "series_differs", code="RECONCILE_DIFFERS", **{name: getattr(one, name) for name in one.__struct_fields__}
        )
        say(f"  {one.fecha}T{one.hora:02d}: the national series tells {one.national}, the answer {one.ours}")


class ClockCheck:
    """Says once when the source's clock (the Date header) and ours differ by more than ten minutes."""

    def __init__(self) -> None:
        self._said = False

    def compare(self, reply: Reply) -> None:
        """Look at one reply."""
        if self._said or not reply.server_date:
            return
        try:
            told = parsedate_to_datetime(reply.server_date)
        except (ValueError, OverflowError):
            return  # a date that makes no sense tells nothing about the clock; the store keeps it verbatim
        if told.tzinfo is None:
            return
        apart = (told - parse_iso(reply.answered_at)).total_seconds()
        if abs(apart) > SKEW:
            self._said = True
            log().warning("clock_skew", code="CLOCK_SKEW", seconds=round(apart), server_date=reply.server_date)
            say(
                f"  the source's clock and ours are {abs(apart) / 60:.0f} minutes apart: check the time of this machine"
            )
