"""Major event days by the 2.5 beta method of IEEE 1366: days that are told apart, never deleted.

T_MED = exp(alpha + 2.5 beta), alpha the mean and beta the sample standard deviation of ln of daily SAIDI, from the
days of up to five calendar years before. Days of zero, and days not fully observed (nothing is known of the rest
of them, so that they are not small), are no part of it. Definitions: docs/methodology.md.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

YEARS_BEFORE = 5
#: Fewest usable days that a threshold is told from. # ASSUME a month's worth; IEEE wants years.
LEAST_DAYS = 30


class Base(NamedTuple):
    """Of the days of one region and year that are over: SAIDI (hours) of those that a threshold is told from, and how
    many others there are: of zero, without a denominator, and not fully observed.
    """

    used: list[float]
    zero: int
    unknown: int
    left_out: int


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


def bases(days: pl.DataFrame) -> dict[str, dict[int, Base]]:
    """What each region (by name) and year gives for the thresholds of later years; years with a day that is over.

    `days` has fecha, nombre_region, saidi (hours; null where it cannot be told), completo and terminado, as
    `reliability.daily` defines them, sorted by day.
    """
    saidi = pl.col("saidi").filter("completo")
    found: dict[str, dict[int, Base]] = defaultdict(dict)
    for region, year, *base in (
        days.filter("terminado")
        .group_by("nombre_region", pl.col("fecha").dt.year().alias("year"))
        .agg(
            used=pl.col("saidi").filter(pl.col("completo") & (pl.col("saidi") > 0)),
            zero=(saidi == 0).sum(),
            unknown=saidi.null_count(),
            left_out=(~pl.col("completo")).sum(),
        )
        .iter_rows()
    ):
        found[region][year] = Base(*base)
    return found


def threshold(of_region: Mapping[int, Base], year: int) -> Threshold:
    """The threshold of a year from the days of one region in up to five calendar years before it."""
    begun = [one for one in range(year - YEARS_BEFORE, year) if one in of_region]
    base = [of_region[one] for one in begun]
    first, left_out = min(begun, default=year), sum(one.left_out for one in base)
    if any(one.unknown for one in base):
        return Threshold(None, "denominator", 0, 0, left_out, first)
    used = [saidi for one in base for saidi in one.used]
    counts = (len(used), sum(one.zero for one in base), left_out, first)
    if len(used) < LEAST_DAYS:
        return Threshold(None, "days", *counts)
    return Threshold(t_med(used), None, *counts)
