"""Stage 1: the answers of one local month into the store of record, sealed as bronze.

Source: SEC "Interrupciones en Linea", GetPorFecha, asked hour by hour; or files that someone recorded; or the
project's replica. The store (`answers/`) is a parameter and never an output: nothing that Snakemake deletes.
"""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outages.acquire import (
    Intake,
    import_recorded,
    only_one_asks,
    recorded_before,
    refuse_no_contact,
    simulated,
    usual_before,
)
from outages.breaker import Breaker
from outages.clock import Label, month_end, parse_iso
from outages.errors import OutagesError
from outages.files import write_json
from outages.ledger import by_hour, hours_to_ask, open_hours, pattern_labels, refuse_long_runs
from outages.progress import duration
from outages.reporting import count, log, run, say, tell
from outages.store import Store, seal


def scrape(
    bronze: Path,
    month: str,
    store: str,
    source: dict[str, Any],
    hours: list[int] | str,
    through: str,
    turn: int,
    accept_implausible: bool,
    now: str,
    pretend: bool,
    http: dict[str, Any],
    tolerance: float | None,
    quarantine: str = "results/quarantine",
) -> None:
    """Complete the month's answers up to `through` (UTC) and write `bronze`.

    `turn` counts the completed rounds over this month, this one included; `now` is the run's UTC time, at which
    a pretended clock starts when `pretend` is set. Raises an `OutagesError` when an hour failed, drifted or was
    blocked: then there is no bronze, and what did come is kept in the store. Of a month in progress the recent
    hours are compared with the source's national series, `tolerance` being the share above which a difference is
    an error (None: they are not compared).
    """
    folder = Path(store)
    kept = Store(folder, month)
    wanted = pattern_labels(month, hours, parse_iso(through))
    kind = source["kind"]
    refuse_no_contact(kind, http["contact"])
    in_progress = parse_iso(through) < month_end(month)
    with kept.writing(kind) as (writer, answers, torn):
        if torn:
            log().warning("torn_frame_repaired", code="STORE_TORN", bytes=torn, file=str(kept.path))
            say(f"  {kept.path}: a torn last frame of {torn} bytes was set aside")
        if kind == "recorded":
            place = (Path(source["path"]), source["pattern"])
            usual = None if accept_implausible else recorded_before(*place, month, answers)
            intake = Intake(writer, answers, usual, kind, Path(quarantine) / month)
            new, read = import_recorded(intake, *place, month)
            log().info("imported", new=new, read=read)
            tell(f"{read:,} recorded answers read, {new:,} of them new")
        else:
            usual = None if accept_implausible else usual_before(folder, month, answers)
            intake = Intake(writer, answers, usual, kind, Path(quarantine) / month)
            clock = simulated(parse_iso(now)) if pretend else lambda: datetime.now(UTC)
            due = hours_to_ask(wanted, by_hour(answers), clock())
            if due:
                _announce(month, due, http)
                _ask(folder, intake, writer, due, http, clock, tolerance if in_progress else None)
        writer.flush()
        known = by_hour(answers)
        if not accept_implausible:
            refuse_long_runs(month, wanted, known)
        seal(answers, bronze, in_progress)
        observed = sum(any(answer.outcome == "observed" for answer in known.get(label, ())) for label in wanted)
        left = {} if kind == "recorded" else open_hours(wanted, known)
        tell(f"{observed:,} of {len(wanted):,} hours have an answer, {len(left):,} are to be asked again")
        write_json({"turn": turn, "open": left}, kept.state_path)


def _announce(month: str, due: list[Label], http: dict[str, Any]) -> None:
    """Say how many requests follow and how long they take at the configured rate."""
    seconds = len(due) / http["rate"] if http["rate"] else 0
    pace = f"{http['rate']:g} a second, about {duration(seconds)}" if http["rate"] else "no rate limit"
    say(f"  {month}: {len(due):,} requests to {http['url']} at {pace}")
    log().info("asking", requests=len(due), seconds=round(seconds), url=http["url"])


def _ask(
    folder: Path,
    intake: Intake,
    writer: Any,
    due: list[Label],
    http: dict[str, Any],
    clock: Callable[[], datetime],
    tolerance: float | None,
) -> None:
    from outages.asking import ask_hours, compare_with_series
    from outages.client import Client, Manners

    async def talk() -> list[Label]:
        async with Client(Manners(**http), Breaker(folder / "breaker.json"), clock) as client:
            failed = await ask_hours(client, intake, writer, due, http["concurrency"])
            if tolerance is not None:
                await compare_with_series(client, intake, tolerance, folder / "reconciliation.jsonl")
            return failed

    with only_one_asks(folder):
        began = time.monotonic()
        failed = asyncio.run(talk())
    count(requests=len(due), failed_hours=len(failed))
    tell(f"{len(due):,} hours asked, {len(due) / (time.monotonic() - began):,.1f} a second")
    if failed:
        raise OutagesError(
            "HOURS_FAILED",
            f"{len(failed)} of {len(due)} hours failed, the first {min(failed)}; the others are kept, run again",
            hours=[str(label) for label in failed],
        )


if "snakemake" in globals():
    _config = snakemake.config
    _http = {key: value for key, value in _config["source"].items() if key not in ("kind", "path", "pattern")}
    run(
        scrape,
        snakemake,
        http=_http,
        tolerance=_config["quality"]["series_tolerance"],
        now=os.environ["OUTAGES_NOW"],
        pretend=_config["now"] is not None,
    )
