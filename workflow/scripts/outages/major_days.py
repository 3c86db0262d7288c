"""Major event days by the 2.5 beta method of IEEE 1366: days that are told apart, never deleted.

T_MED = exp(alpha + 2.5 beta), alpha the mean and beta the sample standard deviation of ln of daily SAIDI, from the
days of up to five calendar years before. Days of zero, and days not fully observed (nothing is known of the rest
of them, so that they are not small), are no part of it. Definitions: docs/methodology.md.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

YEARS_BEFORE = 5
#: Fewest usable days that a threshold is told from. # ASSUME a month's worth; IEEE wants years.
LEAST_DAYS = 30


class Day(NamedTuple):
    """One local day of a region; the first three figures are None when no hour of it was observed.

    `saidi` is in hours, None where it cannot be told; of a day not fully observed it is a lower bound. `mes` is
    YYYY-MM. Both follow from the rest, and are asked for so often that `day_of` works them out once.
    """

    fecha: date
    customer_hours: int | None
    ghosts: int | None
    rises: int | None
    represented: int
    asked: int
    complete: bool
    over: bool
    customers: int | None
    state: str
    saidi: float | None
    mes: str


def day_of(
    fecha: date, customer_hours: int | None, ghosts: int | None, rises: int | None, represented: int, asked: int,
    complete: bool, over: bool, customers: int | None, state: str,
) -> Day:  # fmt: skip
    """The day with what follows from its figures."""
    saidi = None if customer_hours is None or not customers else customer_hours / customers
    mes = f"{fecha.year}-{fecha.month:02d}"
    return Day(fecha, customer_hours, ghosts, rises, represented, asked, complete, over, customers, state, saidi, mes)


class Threshold(NamedTuple):
    """T_MED of a year in hours, or None and the reason; and the days before it: used, zero, not fully observed."""

    hours: float | None
    refused: str | None
    used: int
    zero: int
    left_out: int
    first_year: int


def t_med(saidi: Iterable[float]) -> float | None:
    """T_MED from daily SAIDI, in its unit; zeros are dropped. None with fewer than two days left."""
    logs = [math.log(value) for value in saidi if value > 0]
    if len(logs) < 2:
        return None
    alpha = statistics.fmean(logs)
    # statistics.stdev sums exact fractions, which takes ten times as long and tells the same twelve digits.
    beta = math.sqrt(math.fsum((log - alpha) ** 2 for log in logs) / (len(logs) - 1))
    return math.exp(alpha + 2.5 * beta)


def threshold(days: Iterable[Day], year: int) -> Threshold:
    """The threshold of a year from the days of one region in up to five calendar years before it."""
    first, end = date(year - YEARS_BEFORE, 1, 1), date(year, 1, 1)
    base = [day for day in days if day.over and first <= day.fecha < end]
    complete = [day for day in base if day.complete]
    left_out = len(base) - len(complete)
    begun = min([day.fecha for day in base], default=end).year
    known = [day.saidi for day in complete if day.saidi is not None]
    if len(known) < len(complete):
        return Threshold(None, "denominator", 0, 0, left_out, begun)
    used = [value for value in known if value > 0]
    counts = (len(used), len(known) - len(used), left_out, begun)
    if len(used) < LEAST_DAYS:
        return Threshold(None, "days", *counts)
    return Threshold(t_med(used), None, *counts)


def is_major(day: Day, limit: float) -> bool:
    """Whether a day's SAIDI lies above the threshold; what was seen of an incomplete day may suffice."""
    return day.saidi is not None and day.saidi > limit
