"""Hours of the source: local labels of America/Santiago and the UTC hours that they stand for.

A *label* is what is asked for: a local date and an hour 0-23. On the autumn Saturday label 23 happens twice
and stands for its first occurrence; label 00 of the spring Sunday does not exist. The rules of the zone come
from the locked tzdata package, never from the machine, so that every machine agrees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .errors import OutagesError

with files("tzdata.zoneinfo.America").joinpath("Santiago").open("rb") as _rules:
    ZONE = ZoneInfo.from_file(_rules, key="America/Santiago")

HOUR = timedelta(hours=1)
#: An hour or a month counts as settled this long after its end (the source revises recent hours).
SETTLED = timedelta(hours=48)
_MONTH = re.compile(r"([12]\d{3})-(0[1-9]|1[0-2])\Z")


class Label(NamedTuple):
    """One hour as the source is asked for it: local date and hour (0-23)."""

    fecha: date
    hora: int

    def __str__(self) -> str:
        return f"{self.fecha.isoformat()}T{self.hora:02d}"


def exists(label: Label) -> bool:
    """Whether the local hour happens at all (label 00 of the spring Sunday does not)."""
    wall = datetime(label.fecha.year, label.fecha.month, label.fecha.day, label.hora)
    back = wall.replace(tzinfo=ZONE).astimezone(UTC).astimezone(ZONE).replace(tzinfo=None)
    return back == wall


def utc(label: Label) -> datetime:
    """Begin of the hour in UTC; of a label that happens twice, of the first occurrence."""
    wall = datetime(label.fecha.year, label.fecha.month, label.fecha.day, label.hora, tzinfo=ZONE)
    return wall.astimezone(UTC)


def local(moment: datetime) -> datetime:
    """The same moment on the local wall clock. Naive datetimes are refused."""
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: state its zone")
    return moment.astimezone(ZONE)


def parse_month(text: str) -> tuple[int, int]:
    """(year, month) of "YYYY-MM"; anything else is refused."""
    found = _MONTH.match(text)
    if not found:
        raise OutagesError("MONTH", f"'{text}' is no month: write YYYY-MM", month=text)
    return int(found[1]), int(found[2])


def next_month(month: str) -> str:
    """The month after: "2025-12" -> "2026-01"."""
    year, number = parse_month(month)
    return f"{year + number // 12}-{number % 12 + 1:02d}"


def previous_month(month: str) -> str:
    """The month before: "2026-01" -> "2025-12"."""
    year, number = parse_month(month)
    return f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"


def months_between(first: str, last: str) -> list[str]:
    """All months from first to last, both included; empty when last lies before first."""
    parse_month(last)
    months, month = [], first
    while month <= last:
        months.append(month)
        month = next_month(month)
    return months


@cache
def labels(month: str) -> tuple[Label, ...]:
    """Every label of a local month that exists, in order."""
    year, number = parse_month(month)
    day, found = date(year, number, 1), []
    while day.month == number:
        found += [Label(day, hour) for hour in range(24) if exists(Label(day, hour))]
        day += timedelta(days=1)
    return tuple(found)


def month_end(month: str) -> datetime:
    """End of the local month in UTC (begin of the next one)."""
    year, number = parse_month(next_month(month))
    first = date(year, number, 1)
    return next(utc(label) for hour in range(24) if exists(label := Label(first, hour)))


def month_of(label: Label) -> str:
    """The local month of a label, "YYYY-MM"."""
    return label.fecha.isoformat()[:7]


def last_complete(now: datetime) -> datetime:
    """UTC end of the last hour that is over at `now`."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def last_closed_month(now: datetime) -> str:
    """The newest local month that ended at least 48 hours before `now`."""
    month = previous_month(local(now).strftime("%Y-%m"))
    return month if month_end(month) + SETTLED <= now else previous_month(month)


def step_hours(hours: Sequence[int] | str) -> int:
    """Hours that one snapshot of a pattern stands for: 1 for "all", 6 for (0, 6, 12, 18).

    A pattern must divide the day evenly, else no snapshot would have a definite length.
    """
    if isinstance(hours, str):
        return 1
    asked = sorted(set(hours))
    step = 24 // len(asked) if asked else 0
    if not asked or 24 % len(asked) or any(b - a != step for a, b in pairwise(asked)):
        raise OutagesError("HOURS", f"the pattern of hours {asked} does not divide the day evenly", hours=str(asked))
    return step


def iso(moment: datetime) -> str:
    """UTC as the files write it: 2026-09-30T03:00:00.000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_iso(text: str) -> datetime:
    """UTC moment of an ISO text; one without a zone is refused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise OutagesError("TIME", f"'{text}' is no ISO time: {error}", value=text) from error
    if moment.tzinfo is None:
        raise OutagesError("TIME", f"'{text}' has no time zone", value=text)
    return moment.astimezone(UTC)
