"""Bronze of any length in the source's real proportions, without asking anybody: the replica's world, month by month.

A month is a file of recorded answers, YYYY-MM.jsonl.zst, which `source.kind: recorded` imports; it is, byte for
byte, also the bronze that the scrape stage would seal from it. Beside it lie its facts (answers, rows, bytes of
JSON). The same seed gives the same bytes; months are made on several cores and kept until code or seed change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from outages.clock import HOUR, iso, labels, months_between, utc
from outages.denominators import COUNTRY, Asked
from outages.files import read_json, write_json
from outages.fingerprint import digest_of
from outages.store import Answer, digest, seal

from replica.generate import AUGUST_2024, CENTRE, World
from replica.places import LONG_NAMES, customers_by_region

ROOT = Path(__file__).resolve().parents[1]
FOUR_A_DAY = (0, 6, 12, 18)
HOURLY = tuple(range(24))
#: Scales the world's everyday outages, so that storms included an answer of shape A has about 472 rows.
CALM = 0.985
#: Storms a year besides the known ones, in winter, and the years that any history here may span.
STORMS, YEARS = 3, range(2017, 2036)
SOUTH = ("Maule", "Ñuble", "Biobio", "La Araucania", "Los Rios", "Los Lagos")


@dataclass(frozen=True)
class Kind:
    """What answers are made: shape "A" or "B", the hours of each day, the seed."""

    shape: str = "A"
    hours: tuple[int, ...] = FOUR_A_DAY
    seed: int = 1


@cache
def _world(kind: Kind) -> World:
    random = Random(f"{kind.seed}:storms")
    storms: list[Any] = [*AUGUST_2024]
    for year in YEARS:
        for _ in range(STORMS):
            start = (date(year, random.randint(5, 8), random.randint(1, 28)), random.randrange(24))
            regions = tuple(random.sample(SOUTH + CENTRE[:2], random.randint(2, 4)))
            storms.append((start, random.randint(24, 72), regions, random.uniform(0.01, 0.06)))
    return World(kind.seed, date(2000, 1, 1) if kind.shape == "B" else None, storms=storms, calm=CALM)


def bodies(month: str, kind: Kind) -> Iterator[tuple[Any, bytes]]:
    """(label, body as it goes over the wire) of every hour of the pattern."""
    world = _world(kind)
    for label in labels(month):
        if label.hora in kind.hours:
            yield label, world.body(label.fecha, label.hora, asked=1)


def write_month(folder: Path, month: str, kind: Kind) -> dict[str, int]:
    """Write one month and its facts unless they are there; the facts."""
    path, told = folder / f"{month}.jsonl.zst", folder / f"{month}.facts.json"
    if not (path.exists() and told.exists()):
        answers, rows, size = [], 0, 0
        for label, body in bodies(month, kind):
            asked = iso(utc(label) + HOUR)
            rows += body.count(b'"CLIENTES_AFECTADOS":')
            size += len(body)
            answers.append(
                Answer(
                    fecha=label.fecha.isoformat(), hora=label.hora, source="recorded", origin=path.name, asked_at=asked,
                    answered_at=asked, sha256=digest(body), body=body.decode(), outcome="observed",
                )
            )  # fmt: skip
        seal(answers, path)
        write_json({"answers": len(answers), "rows": rows, "json_bytes": size}, told)
    facts: dict[str, int] = read_json(told)
    return facts | {"bronze_bytes": path.stat().st_size}


def folder_of(work: Path, kind: Kind) -> Path:
    """Where the months of a kind are kept: another seed, pattern or generator has another folder."""
    code = digest_of([Path(__file__), *sorted((ROOT / "replica").glob("*.py")), ROOT / "replica/places.csv"])
    return work / "recorded" / f"{kind.shape}-{len(kind.hours)}-{kind.seed}-{code[:8]}"


def write(work: Path, first: str, last: str, kind: Kind) -> tuple[Path, dict[str, int]]:
    """(folder, facts summed) of the months from first to last, made where they are missing."""
    folder = folder_of(work, kind)
    folder.mkdir(parents=True, exist_ok=True)
    months = months_between(first, last)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        made = list(pool.map(write_month, [folder] * len(months), months, [kind] * len(months), chunksize=3))
    return folder, total(made)


def total(facts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Facts of several months as one."""
    return {name: sum(one[name] for one in facts) for name in facts[0]}


def write_customers(path: Path, month: str) -> None:
    """The store's customers of the regions, as if asked in one calendar month: denominators and caps."""
    totals = customers_by_region()
    told = {f"{number:02d}": totals[name] for number, name in LONG_NAMES.values()}
    told[COUNTRY] = sum(told.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [Asked(month, code, number, "recorded", f"{month}-01T12:00:00.000Z") for code, number in told.items()]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
