"""Births of outages: what goes out on a day, how many customers, for how long.

Time here is counted in labels: ordinal day * 24 + hour, local and without regard to the clock changes.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from replica.places import REGION_ACTIVITY, Place, places

MAX_HOURS = 156.0  # nothing lasts longer, so a day needs the births of seven days before it, and no more
LOOKBACK_DAYS = 7
ROWS_PER_ANSWER = 470  # mean of a calm day; nights are lower, afternoons higher
FAULTS_PER_DAY = 590

# Work and weather start in the day; the weights of the 24 hours have mean 1, nearly.
NIGHT_AND_MORNING = (0.3, 0.25, 0.25, 0.25, 0.4, 0.7, 1.2, 1.8, 2.1, 2.1, 1.9, 1.6)
AFTERNOON_AND_EVENING = (1.4, 1.3, 1.2, 1.2, 1.1, 1.1, 1.0, 0.9, 0.7, 0.5, 0.4, 0.35)
HOURLY = NIGHT_AND_MORNING + AFTERNOON_AND_EVENING
# Rows of one fault: most faults are one row, a few are a whole feeder in pieces.
PIECES = ((1, 0.76), (2, 0.13), (3, 0.04), (4, 0.025), (6, 0.02), (9, 0.014), (16, 0.008), (26, 0.003))


class Outage(NamedTuple):
    """One row of shape A as long as it lasts: present at the labels first <= label < last."""

    first: int
    last: int
    order: float
    place: Place
    company: str
    customers: int
    day: int  # ordinal of the day it started


@dataclass(frozen=True)
class Storm:
    """A storm: from `start` (date, hour), worst after four tenths of `hours`; severity is the share out at worst."""

    start: tuple[date, int]
    hours: int
    regions: tuple[str, ...]
    severity: float


@cache
def _weights() -> tuple[float, ...]:
    """Cumulative chance of a calm fault by commune: the region's share, spread flatter than its customers."""
    totals: dict[str, float] = {}
    for place in places():
        totals[place.region] = totals.get(place.region, 0.0) + place.customers**0.45
    return tuple(accumulate(REGION_ACTIVITY[p.region] * p.customers**0.45 / totals[p.region] for p in places()))


def company_of(random: Random, place: Place) -> str:
    """The company of a fault: the first named has most of a commune."""
    others = place.companies[1:]
    return place.companies[0] if not others or random.random() < 0.68 else random.choice(others)


def _customers(random: Random, place: Place) -> int:
    """Customers of one row: usually one, seldom a feeder, never more than a third of the commune."""
    draw = random.random()
    if draw < 0.63:
        return 1
    feeder = draw > 0.988
    size = round(100 * 26 ** (random.random() ** 1.2)) if feeder else 1 + round(math.exp(random.gauss(1.6, 1.4)))
    return max(1, min(size, 2600, place.customers // 3))


def births(seed: int, day: int, calm: float = 1.0) -> list[Outage]:
    """The everyday outages that start on a day, in no order."""
    random = Random(f"{seed}:births:{day}")
    count = round(FAULTS_PER_DAY * calm * math.exp(random.gauss(0.0, 0.1)))
    everywhere, weights = places(), _weights()
    sizes, chances = zip(*PIECES, strict=True)
    found = []
    chosen = zip(
        random.choices(everywhere, cum_weights=weights, k=count),
        random.choices(range(24), weights=HOURLY, k=count),
        random.choices(sizes, weights=chances, k=count),
        strict=True,
    )
    for place, hour, pieces in chosen:
        lasting = random.uniform(30, MAX_HOURS) if random.random() < 0.004 else 1.0 + random.expovariate(1 / 10.0)
        begin = hour + random.random()
        first, last = day * 24 + math.ceil(begin), day * 24 + math.ceil(begin + min(lasting, MAX_HOURS))
        company = company_of(random, place)
        if last > first:
            found += [
                Outage(first, last, random.random(), place, company, _customers(random, place), day)
                for _ in range(pieces)
            ]
    return found


def storm_births(seed: int, number: int, storm: Storm) -> Iterator[Outage]:
    """The outages of a storm: feeders that add up to a share of each commune's customers, days to repair."""
    random = Random(f"{seed}:storm:{number}:{storm.start[0].toordinal()}:{storm.start[1]}")
    begin = storm.start[0].toordinal() * 24 + storm.start[1]
    rise = 0.42 * storm.hours
    for place in places():
        if place.region not in storm.regions:
            continue
        # 1.55: by the time the last feeders go, the first are back.
        share = min(0.85, 1.55 * storm.severity * math.exp(random.gauss(-0.18, 0.6)))
        remaining = max(8, round(share * place.customers))
        largest = 1 + remaining // 5  # several feeders go even in a small commune
        while remaining > 0:
            size = min(remaining, largest, 1 + int(2600 ** random.uniform(0.3, 1.0)))
            remaining -= size
            start = begin + rise * random.betavariate(2.2, 1.5)
            lasting = min(MAX_HOURS, 2 + 0.4 * storm.hours * math.exp(random.gauss(-0.3, 0.8)))
            day, company = int(start) // 24, company_of(random, place)
            yield Outage(math.ceil(start), math.ceil(start + lasting), random.random(), place, company, size, day)


def by_day(outages: Iterable[Outage]) -> dict[int, list[Outage]]:
    """Outages by the day they start."""
    days: dict[int, list[Outage]] = {}
    for outage in outages:
        days.setdefault(outage.day, []).append(outage)
    return days
