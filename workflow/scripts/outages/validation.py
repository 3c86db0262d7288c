"""Before and after an investment: what changed in the regions it serves, against regions that it does not.

Outcome y of a month: customer-hours per 1,000 customers and represented hour, regions of a group pooled. Effect in
% = 100 x ((mean y after / mean y before) of the treated / the same of the control - 1). Interval: the months of each
window resampled with replacement, the same draw for treated and control, percentiles 2.5 and 97.5 of 2,000
replicates. Refused, with the reason, where the windows cannot be compared. Definitions: docs/methodology.md.
# ASSUME a break between the windows spoils the comparison as one within them does; the outcome includes force majeure.
# ASSUME a month of which less than half was observed tells too little to count like a whole one: it is left out.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from math import fsum
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

from .clock import labels, months_between, parse_month
from .errors import OutagesError
from .shares import percent

REPLICATES = 2_000
SEED = 1366
#: Least coverage of a window, 0-1.
COVERAGE = 0.8
#: Least coverage of a month that counts, 0-1.
MONTH_COVERAGE = 0.5
#: Months that a placebo date leaves at least on either side of it, within one window.
PLACEBO_MONTHS = 6
#: Share of replicates without a defined ratio above which no interval is given.
UNDEFINED = 0.05

Outcome = dict[tuple[str, str], tuple[int, int, int | None]]
Receipts = Mapping[str, Mapping[str, Any]]
Take = Callable[[Sequence[float]], Iterable[float]]


class Pair(NamedTuple):
    """y of treated and control in the same months."""

    months: list[str]
    treated: list[float]
    control: list[float]


def investment_validation(
    projects: Sequence[Mapping[str, Any]],
    outcome: pl.DataFrame,
    receipts: Iterable[Mapping[str, Any]],
    breaks: Iterable[Mapping[str, str]],
) -> list[dict[str, Any]]:
    """The payload investment_validation: one item per configured work, in their order.

    `projects` are items of investments.validation of the configuration; `outcome` holds mes (YYYY-MM), nombre_region,
    clientes_hora, horas_representadas, clientes (null where unknown), without the months of no observed hour;
    `receipts` those of the months (month, pattern, shapes, hours by state); `breaks` items of mes and reason. Raises
    `OutagesError` INVESTMENTS for windows out of order or a region that is treated and control at once.
    """
    columns = ["mes", "nombre_region", "clientes_hora", "horas_representadas", "clientes"]
    rows: Outcome = {(row[0], row[1]): row[2:] for row in outcome.select(columns).iter_rows()}
    known = {str(one["month"]): one for one in receipts}
    listed = sorted({(one["mes"], one["reason"]) for one in breaks})
    return [_item(project, rows, known, listed) for project in projects]


def _item(project: Mapping[str, Any], rows: Outcome, known: Receipts, listed: list[tuple[str, str]]) -> dict[str, Any]:
    before, after = _windows(project)
    left_out = [month for month in before + after if window_coverage([month], known) < MONTH_COVERAGE]
    reasons = [*_not_comparable(before, after, known, listed), *_no_denominator(project, before + after, rows)]
    item: dict[str, Any] = {
        "project": project["project"],
        "year": project["year"],
        "type": project["type"],
        **dict.fromkeys(("delta", "effect_low", "effect_high", "raw_change_treated", "raw_change_control")),
        **dict.fromkeys(("treated_before", "treated_after", "control_before", "control_after")),
        "placebo": [],
        **{key: project[key] for key in ("in_service", "treated", "control")},
        "before": list(project["before"]),
        "after": list(project["after"]),
        "coverage_before": round(window_coverage(before, known), 6),
        "coverage_after": round(window_coverage(after, known), 6),
        "months_left_out": len(left_out),
    }
    if not reasons:
        first, second = (
            _pair(project, [month for month in months if month not in left_out], rows) for months in (before, after)
        )
        means = {
            "treated_before": statistics.fmean(first.treated),
            "treated_after": statistics.fmean(second.treated),
            "control_before": statistics.fmean(first.control),
            "control_after": statistics.fmean(second.control),
        }
        nothing = [key for key in ("treated_before", "control_before", "control_after") if means[key] <= 0]
        item |= {key: round(value, 6) for key, value in means.items()}
        if nothing:
            names = ", ".join(key.replace("_", " ") for key in nothing)
            reasons.append(("no_outages", f"no outage was observed ({names}), so that a ratio is not defined"))
        else:
            item |= _estimate(first, second, means)
            item["context"] = _told(item)
    item["refused"] = reasons[0][0] if reasons else None
    if reasons:
        item["context"] = "No estimate: " + "; ".join(sentence for _, sentence in reasons) + "."
    return item


def _windows(project: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The months before and after."""
    (first, last), (begin, end), entry = project["before"], project["after"], project["in_service"]
    for month in (first, last, begin, end, entry):
        parse_month(month)
    both = sorted(set(project["treated"]) & set(project["control"]))
    if not first <= last < entry <= begin <= end:
        why = f"the windows {first}..{last} and {begin}..{end} do not lie before and after {entry}"
    elif both:
        why = f"{', '.join(both)} is treated and control at once"
    elif not project["treated"] or not project["control"]:
        why = "a group has no region"
    else:
        return months_between(first, last), months_between(begin, end)
    raise OutagesError("INVESTMENTS", f"{project['project']}: {why}", project=project["project"])


def window_coverage(months: Sequence[str], known: Receipts) -> float:
    """Observed hours / hours that the pattern asks for, 0-1; of a month that was not built, none was observed."""
    observed = asked = 0
    pattern: Any = next((known[month]["pattern"] for month in months if month in known), "all")
    for month in months:
        if month in known:
            hours = known[month]["hours"]
            observed += hours["observed"]
            asked += sum(hours[state] for state in ("observed", "gap", "unasked"))
        else:
            asked += sum(pattern == "all" or label.hora in pattern for label in labels(month))
    return observed / asked if asked else 0.0


def _not_comparable(
    before: list[str], after: list[str], known: Receipts, listed: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """(code, sentence) of each reason why the windows cannot be compared."""
    reasons = []
    for name, months in (("before", before), ("after", after)):
        share = window_coverage(months, known)
        if share < COVERAGE:
            absent = sum(month not in known for month in months)
            built = f", {absent} of {len(months)} months are not part of this run" if absent else ""
            reasons.append(("coverage", f"coverage {name} is {percent(share)} %, under {100 * COVERAGE:.0f} %{built}"))
    for month, reason in listed:
        if before[0] < month <= after[-1]:
            inside = "within a window" if month <= before[-1] or month > after[0] else "between the windows"
            reasons.append(("break", f"a break in {month} lies {inside}: {reason}"))
    present = [known[month] for month in before + after if month in known]
    patterns = sorted({_pattern(one["pattern"]) for one in present})
    if len(patterns) > 1:
        reasons.append(("pattern", f"the pattern of hours differs: {' and '.join(patterns)}"))
    shapes = sorted({shape for one in present for shape, count in one["shapes"].items() if count})
    if len(shapes) > 1:
        reasons.append(("shape", f"the shape of the answers differs: {' and '.join(shapes)}"))
    return reasons


def _no_denominator(project: Mapping[str, Any], months: list[str], rows: Outcome) -> list[tuple[str, str]]:
    observed = {month for month, _ in rows}
    missing = [
        region
        for region in (*project["treated"], *project["control"])
        if any(not rows.get((month, region), (0, 0, None))[2] for month in months if month in observed)
    ]
    return [("denominator", f"the customers are not known of {', '.join(missing)}")] if missing else []


def _pair(project: Mapping[str, Any], months: list[str], rows: Outcome) -> Pair:
    """y of both groups in some months, of which each has an observed hour."""
    return Pair(months, *([_rate(rows, month, project[group]) for month in months] for group in ("treated", "control")))


def _rate(rows: Outcome, month: str, regions: Sequence[str]) -> float:
    """Customer-hours per 1,000 customers and represented hour of some regions together."""
    of_these = [rows[month, region] for region in regions]
    return 1000 * sum(row[0] for row in of_these) / sum(row[1] * (row[2] or 0) for row in of_these)


def _estimate(first: Pair, second: Pair, means: Mapping[str, float]) -> dict[str, Any]:
    effect = _effect(means["treated_before"], means["treated_after"], means["control_before"], means["control_after"])
    low, high = interval(first, second)
    return {
        "delta": _rounded(effect),
        "effect_low": _rounded(low),
        "effect_high": _rounded(high),
        "raw_change_treated": _rounded(100 * (means["treated_after"] / means["treated_before"] - 1)),
        "raw_change_control": _rounded(100 * (means["control_after"] / means["control_before"] - 1)),
        "placebo": [*_placebo(first, "before"), *_placebo(second, "after")],
    }


def _effect(treated_before: float, treated_after: float, control_before: float, control_after: float) -> float | None:
    """Effect in %; None where a ratio is not defined."""
    if treated_before <= 0 or control_before <= 0 or control_after <= 0:
        return None
    return 100 * ((treated_after / treated_before) / (control_after / control_before) - 1)


def interval(first: Pair, second: Pair) -> tuple[float | None, float | None]:
    """Percentiles 2.5 and 97.5 of the effect (%) over resampled months; (None, None) where they cannot be told.

    Windows of one month have no spread to resample, and too many months without an outage leave ratios undefined.
    """
    if min(len(first.months), len(second.months)) < 2:
        return None, None
    effects = []
    for before, after in _draws(len(first.months), len(second.months)):
        # Both groups share a draw, so that the numbers of months cancel out: sums do for means.
        effect = _effect(
            sum(before(first.treated)),
            sum(after(second.treated)),
            sum(before(first.control)),
            sum(after(second.control)),
        )
        if effect is not None:
            effects.append(effect)
    if len(effects) < (1 - UNDEFINED) * REPLICATES:
        return None, None
    cuts = statistics.quantiles(effects, n=40, method="inclusive")
    return cuts[0], cuts[-1]


@cache
def _draws(before: int, after: int) -> list[tuple[Take, Take]]:
    """What takes the months of each replicate out of windows of so many (at least two); the same for all such works."""
    draw = random.Random(SEED)
    return [
        (itemgetter(*draw.choices(range(before), k=before)), itemgetter(*draw.choices(range(after), k=after)))
        for _ in range(REPLICATES)
    ]


def _placebo(pair: Pair, window: str) -> list[dict[str, Any]]:
    """The effect (%) at every date inside one window that leaves enough months on either side."""
    found = []
    for at in range(PLACEBO_MONTHS, len(pair.months) - PLACEBO_MONTHS + 1):
        means = [
            fsum(y[part]) / len(y[part]) for y in (pair.treated, pair.control) for part in (slice(at), slice(at, None))
        ]
        effect = _effect(*means)
        if effect is not None:
            found.append({"month": pair.months[at], "window": window, "delta": _rounded(effect)})
    return found


def _told(item: Mapping[str, Any]) -> str:
    """The estimate in words, with its interval, the raw changes and the placebo dates."""
    delta, low, high = item["delta"], item["effect_low"], item["effect_high"]
    if low is None:
        begin = f"{_percent(delta)}, without an interval (too few months, or months with an outage, to resample)."
    else:
        begin = f"{_percent(delta)} (95 % interval {_signed(low)} to {_signed(high)})"
        begin += ": no effect can be told from none." if low <= 0 <= high else "."
    raw = f"raw changes {_percent(item['raw_change_treated'])} and {_percent(item['raw_change_control'])}"
    groups = f"{', '.join(item['treated'])} against {', '.join(item['control'])}"
    windows = f"{'..'.join(item['before'])} to {'..'.join(item['after'])}"
    left_out, placebo = "", ""
    if item["months_left_out"]:
        left_out = f" Months of which less than half was observed, left out: {item['months_left_out']}."
    if item["placebo"]:
        as_large = sum(abs(one["delta"]) >= abs(delta) for one in item["placebo"])
        placebo = f" At {as_large} of {len(item['placebo'])} placebo dates the change is as large or larger."
    return (
        f"{begin} Customer-hours per 1,000 customers and hour, {groups}, {windows}; {raw}.{left_out}{placebo}"
        " Other causes in the same months are not excluded."
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4) + 0.0


def _signed(value: float) -> str:
    text = f"{round(value, 1) + 0.0:+.1f}"
    return "0.0" if text == "+0.0" else text.replace("-", "−")


def _percent(value: float) -> str:
    return f"{_signed(value)} %"


def _pattern(hours: Sequence[int] | str) -> str:
    return hours if isinstance(hours, str) else ", ".join(str(hour) for hour in hours)
