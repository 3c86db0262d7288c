"""Months from which the series is not comparable with what went before.

By definition: the shape of the answers or the pattern of hours changes. Found: the level shifts. Level of a month:
the median over its observed snapshots of the rows (and, apart, of the customers) of the whole country, so that a
storm of days does not move it. Within a run of months of one shape and pattern, the seasons taken off, the median
of the six months after is held against that of the six before. A break is more than 40 % apart, and so are the years
before and after (it lasts), and stands out from what half-years of this run usually differ by; it is dated where two
constant levels fit best. Definitions and error rates: docs/methodology.md.
# ASSUME seasons repeat from year to year by the same factor.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import exp, log
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from .clock import months_between
from .once import read_once
from .regional import observed

Items = list[dict[str, Any]]

#: Months on either side of a break.
HALF_YEAR = 6
#: Months of a half-year that must be known.
KNOWN = 4
#: Least change of the level, as a share of the level before.
CHANGE = 0.4
#: Months that a run needs for its seasons to be told; in a shorter one a shift must be a factor of UNSEASONED.
SEASONED = 36
UNSEASONED = 2.5
#: How often the usual difference of half-years (standard deviation, by the median) a shift must be.
STANDS_OUT = 3.5
#: Least coverage of a month whose medians count.
COVERAGE = 0.5
#: What is compared; named in `measure`.
MEASURES = {"filas": "rows", "clientes": "customers"}


class Month(NamedTuple):
    """A month's shape ("A", "B", "A and B", None without an observed hour), pattern, and medians per snapshot."""

    mes: str
    shape: str | None
    pattern: str
    filas: float | None
    clientes: float | None


class Shift(NamedTuple):
    """The first month (as a position) of a new level, and both levels with the seasons taken off."""

    at: int
    before: float
    after: float


def breaks(states: Sequence[Path], receipts: Sequence[Mapping[str, Any]]) -> tuple[Items, list[dict[str, str]]]:
    """(the payload `breaks`, the same as items of mes (YYYY-MM) and reasons, which comparisons go by)."""
    return listed(monthly(states, receipts))


def monthly(states: Sequence[Path], receipts: Sequence[Mapping[str, Any]]) -> list[Month]:
    """Every month from the first to the last, in order; the hours files in the order of the receipts."""
    if not states:
        return []
    levels: dict[str, tuple[float, float]] = {
        file: tuple(medians)
        for file, *medians in observed(read_once(states))
        .group_by("file")
        .agg(pl.col(list(MEASURES)).median())
        .collect()
        .iter_rows()
    }
    known = {}
    for path, receipt in zip(states, receipts, strict=True):
        enough = (receipt["coverage"] or 0) >= COVERAGE
        filas, clientes = levels.get(str(path), (None, None)) if enough else (None, None)
        shape = " and ".join(sorted(receipt["shapes"])) or None
        known[receipt["month"]] = Month(receipt["month"], shape, _pattern(receipt["pattern"]), filas, clientes)
    nothing = {month: Month(month, None, "", None, None) for month in months_between(min(known), max(known))}
    return [known.get(month, absent) for month, absent in nothing.items()]


def listed(months: Sequence[Month]) -> tuple[Items, list[dict[str, str]]]:
    """What `breaks` gives, from months in order."""
    items = _by_definition(months)
    for run in _runs(months):
        for name, measure in MEASURES.items():
            values = [getattr(month, name) for month in run]
            for shift in shifts([month.mes for month in run], values):
                fell, baja = ("falls", "baja") if shift.after < shift.before else ("rises", "sube")
                share = abs(_change(shift.before, shift.after) or 0)
                reason = (
                    f"the level of {measure} per snapshot {fell} by {share:.0f} %",
                    f"el nivel de {name} por hora observada {baja} {share:.0f} %",
                )
                items.append(_item(run[shift.at].mes, "level", measure, shift.before, shift.after, reason))
    items.sort(key=lambda item: (item["mes"], item["kind"], item["measure"]))
    return items, [{"mes": item["mes"][:7]} | {key: item[key] for key in ("reason", "reason_es")} for item in items]


def shifts(months: Sequence[str], values: Sequence[float | None]) -> list[Shift]:
    """Lasting changes of the level in a run of consecutive months (YYYY-MM) of one shape and pattern."""
    logs = [log(value) if value else None for value in values]
    seasons = _seasons(months, logs)
    flat = [None if x is None else x - seasons.get(month[5:], 0.0) for month, x in zip(months, logs, strict=True)]
    steps = {at: step for at in range(len(flat)) if (step := _step(flat, at)) is not None}
    if seasons and steps:
        usual = 1.4826 * statistics.median(map(abs, steps.values()))
        fall, rise = min(log(1 - CHANGE), -STANDS_OUT * usual), max(log(1 + CHANGE), STANDS_OUT * usual)
    else:
        fall, rise = -log(UNSEASONED), log(UNSEASONED)
    beyond = [at for at, step in steps.items() if not fall <= step <= rise and _lasts(flat, at)]
    found = []
    for group in _groups(beyond, steps):
        # The half-years of several months in a row show one shift: it lies where two levels fit best.
        at = min(group, key=lambda one: (_misfit(flat, group, one), -abs(steps[one])))
        level = _middle(flat[max(0, at - HALF_YEAR) : at])
        found.append(Shift(at, exp(level), exp(level + steps[at])))
    return found


def _seasons(months: Sequence[str], logs: Sequence[float | None]) -> dict[str, float]:
    """Logarithm of the usual factor of each calendar month ("01" to "12"); empty where it cannot be told.

    A value is held against the median of the year around it, which keeps the edge of a shift sharp.
    """
    if sum(x is not None for x in logs) < SEASONED:
        return {}
    around: dict[str, list[float]] = {}
    for at, (month, x) in enumerate(zip(months, logs, strict=True)):
        first = min(max(0, at - HALF_YEAR), max(0, len(logs) - 2 * HALF_YEAR))
        year = [y for y in logs[first : max(at + HALF_YEAR, 2 * HALF_YEAR)] if y is not None]
        if x is not None and len(year) >= HALF_YEAR:
            around.setdefault(month[5:], []).append(x - statistics.median(year))
    if len(around) < 12 or min(map(len, around.values())) < 2:
        return {}
    return {month: statistics.median(one) for month, one in around.items()}


def _step(flat: Sequence[float | None], at: int) -> float | None:
    """Median of the half-year from `at` on less that of the half-year before; None where too little is known."""
    halves = [[x for x in flat[max(0, a) : a + HALF_YEAR] if x is not None] for a in (at - HALF_YEAR, at)]
    if at < HALF_YEAR or at + HALF_YEAR > len(flat) or min(map(len, halves)) < KNOWN:
        return None
    return statistics.median(halves[1]) - statistics.median(halves[0])


def _lasts(flat: Sequence[float | None], at: int) -> bool:
    """Whether the years before and after (what is known of them) are as far apart as a break must be."""
    year = 2 * HALF_YEAR
    step = _middle(flat[at : at + year]) - _middle(flat[max(0, at - year) : at])
    return not log(1 - CHANGE) <= step <= log(1 + CHANGE)


def _groups(beyond: Sequence[int], steps: Mapping[int, float]) -> list[list[int]]:
    """Positions of one shift: of one sign, and nearer to each other than half a year."""
    groups: list[list[int]] = []
    for at in beyond:
        last = groups[-1][-1] if groups else None
        if last is not None and at - last < HALF_YEAR and steps[at] * steps[last] > 0:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _misfit(flat: Sequence[float | None], group: Sequence[int], at: int) -> float:
    """Sum of the distances from two levels that meet at `at`, over the half-years around the group."""
    parts = (flat[max(0, group[0] - HALF_YEAR) : at], flat[at : group[-1] + HALF_YEAR])
    return sum(abs(x - _middle(part)) for part in parts for x in part if x is not None)


def _middle(part: Iterable[float | None]) -> float:
    return statistics.median([x for x in part if x is not None])


def _runs(months: Sequence[Month]) -> list[list[Month]]:
    """Months of one shape and pattern in a row; those without an observed hour interrupt nothing."""
    runs: list[list[Month]] = []
    kind: tuple[str, str] | None = None
    for month in months:
        if month.shape is not None and (month.shape, month.pattern) != kind:
            kind = (month.shape, month.pattern)
            runs.append([])
        if runs:
            runs[-1].append(month)
    return runs


def _by_definition(months: Sequence[Month]) -> Items:
    """Changes of shape and of pattern, with the raw levels (rows) of the half-years before and after."""
    found = []
    before: Month | None = None
    for at, month in enumerate(months):
        if month.shape is None:
            continue
        reasons = []
        if len(month.shape) > 1:
            told = (
                "the shape of the answers changes within the month",
                "la forma de las respuestas cambia dentro del mes",
            )
            reasons.append(("shape", told))
        elif before and before.shape != month.shape and len(before.shape or "") == 1:
            told = (
                f"the shape of the answers changes from {before.shape} to {month.shape}",
                f"la forma de las respuestas cambia de {before.shape} a {month.shape}",
            )
            reasons.append(("shape", told))
        if before and before.pattern != month.pattern:
            old, new = (pattern.replace("all", "todas") for pattern in (before.pattern, month.pattern))
            told = (
                f"the pattern of hours changes from {before.pattern} to {month.pattern}",
                f"las horas preguntadas cambian de {old} a {new}",
            )
            reasons.append(("pattern", told))
        after = at + (len(month.shape) > 1)
        earlier, later = _level(months[max(0, at - HALF_YEAR) : at][::-1]), _level(months[after : after + HALF_YEAR])
        found += [_item(month.mes, kind, "rows", earlier, later, told) for kind, told in reasons]
        before = month
    return found


def _level(months: Sequence[Month]) -> float | None:
    """Median of the rows of the months that are like the first observed one, counted from the change."""
    seen = [month for month in months if month.shape is not None]
    alike = groupby(seen, key=lambda month: (month.shape, month.pattern))
    first = [month.filas for month in next(alike, (None, iter(())))[1] if month.filas is not None]
    return statistics.median(first) if first else None


def _item(
    month: str, kind: str, measure: str, before: float | None, after: float | None, reason: tuple[str, str]
) -> dict[str, Any]:
    change = _change(before, after)
    return {
        "mes": f"{month}-01",
        "kind": kind,
        "measure": measure,
        "before": None if before is None else round(before, 1),
        "after": None if after is None else round(after, 1),
        "change_percent": None if change is None else round(change, 1),
        "reason": reason[0],
        "reason_es": reason[1],
    }


def _change(before: float | None, after: float | None) -> float | None:
    return 100 * (after / before - 1) if before and after is not None else None


def _pattern(hours: Sequence[int] | str) -> str:
    return hours if isinstance(hours, str) else ", ".join(str(hour) for hour in hours)
