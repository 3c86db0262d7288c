"""How fast the engine asks when nothing holds it back: real HTTP on loopback against the replica, 50 at once.

Each round asks a whole month twice: by the engine (client, breaker, judgement, store on disk) and by a bare aiohttp
loop that throws the answers away, which shows what this machine and the replica allow. Units: requests a second.
The ideal is 50 at once / 0.15 s = 333; a run takes about half a minute. Prints a table, then one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp
from outages.acquire import Intake
from outages.asking import ask_hours, request_body
from outages.breaker import Breaker
from outages.client import Client, Manners
from outages.clock import labels
from outages.errors import OutagesError
from outages.ledger import Plausibility
from outages.store import Store

from replica.process import replica_process

MONTH = "2025-03"
LATENCY_MS = 150
AT_ONCE = 50
IDEAL = AT_ONCE * 1000 / LATENCY_MS
ROUNDS = 3
#: First local day of shape B in the replica's world: after the month asked, or before it.
SHAPES = {"A": "2026-01-01", "B": "2017-01-01"}


@dataclass(frozen=True)
class Rate:
    """Requests a second of one way of asking for one shape: the median of the rounds, and its share of the ideal."""

    shape: str
    way: str
    requests: int
    rate: float
    share: float
    rounds: list[float]


def manners(url: str) -> Manners:
    """No limit but the requests at once."""
    return Manners(url, "benchmark", rate=0, concurrency=AT_ONCE, timeout=60, attempts=1, wait=0, wait_max=0)


async def engine(url: str) -> None:
    """Ask the month as the scrape stage does, into a store of its own, and see that it is whole."""
    with TemporaryDirectory() as folder:
        kept = Store(Path(folder), MONTH)
        with kept.writing("replica") as (writer, known, _):
            intake = Intake(writer, known, Plausibility({}), "replica", Path(folder) / "quarantine")
            breaker = Breaker(Path(folder) / "breaker.json")
            async with Client(manners(url), breaker, lambda: datetime.now(UTC)) as client:
                failed = await ask_hours(client, intake, writer, list(labels(MONTH)), AT_ONCE)
        if failed:
            raise OutagesError("HOURS_FAILED", f"{len(failed)} hours failed")


async def bare(url: str) -> None:
    """The same questions over the same number of connections; the answers are read and forgotten."""
    queue = iter(labels(MONTH))

    async def work(session: aiohttp.ClientSession) -> None:
        for label in queue:
            async with session.post(f"{url}/GetPorFecha", json=request_body(label)) as response:
                await response.read()

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(AT_ONCE):
            group.create_task(work(session))


def rate_of(way: Callable[[str], Awaitable[None]], url: str) -> float:
    """Requests a second of one round."""

    async def once() -> float:
        began = time.perf_counter()
        await way(url)
        return len(labels(MONTH)) / (time.perf_counter() - began)

    return asyncio.run(once())


def measure(shape: str) -> list[Rate]:
    """Both ways of asking for one shape, in turn, so that what else the machine does meets both."""
    ways = {"engine": engine, "bare aiohttp": bare}
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    with TemporaryDirectory() as folder:
        log = Path(folder) / "replica.log"
        with replica_process(log, world="plain", switch=SHAPES[shape], latency_ms=LATENCY_MS) as replica:
            rate_of(bare, replica.url)  # the replica works out each hour once
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    rounds[name].append(round(rate_of(way, replica.url), 1))
    return [
        Rate(shape, name, len(labels(MONTH)), median(found), round(median(found) / IDEAL, 3), found)
        for name, found in rounds.items()
    ]


def table(rates: list[Rate]) -> str:
    """The figures for a person."""
    lines = [f"{'shape':<6} {'way':<13} {'requests/s':>10} {'of ideal':>9}  rounds"]
    for one in rates:
        told = " ".join(f"{rate:.0f}" for rate in one.rounds)
        lines.append(f"{one.shape:<6} {one.way:<13} {one.rate:>10.1f} {one.share:>9.1%}  {told}")
    return "\n".join([*lines, f"ideal: {AT_ONCE} at once, answers after {LATENCY_MS} ms: {IDEAL:.1f} requests/s"])


def main() -> None:
    """Measure and print."""
    rates = [one for shape in SHAPES for one in measure(shape)]
    told = {
        "ideal": round(IDEAL, 1),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "rates": [asdict(one) for one in rates],
    }
    print(table(rates))
    print(json.dumps(told, sort_keys=True))


if __name__ == "__main__":
    main()
