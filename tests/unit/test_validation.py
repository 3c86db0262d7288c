"""Before and after an investment: the formula by hand, a planted effect found, and every refusal."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.clock import labels, months_between
from outages.errors import OutagesError
from outages.payloads import validate
from outages.validation import Pair, interval, investment_validation, window_coverage

SCHEMAS = Path(__file__).parents[2] / "workflow/schemas/payloads"
SCHEMA = {
    "mes": pl.String, "nombre_region": pl.String, "clientes_hora": pl.Int64, "horas_representadas": pl.Int64,
    "clientes": pl.Int64,
}  # fmt: skip
SHORT = {
    "project": "P", "year": 2020, "type": "line", "treated": ["MAULE"], "control": ["BIOBIO"],
    "in_service": "2020-03", "before": ["2020-01", "2020-02"], "after": ["2020-04", "2020-05"],
}  # fmt: skip
LONG = {**SHORT, "in_service": "2020-01", "before": ["2018-01", "2019-12"], "after": ["2020-01", "2021-12"]}


def receipt(month: str, pattern: Any = "all", shape: str = "A", gap: int = 0) -> dict[str, Any]:
    asked = len(labels(month)) if pattern == "all" else 30 * len(pattern)
    hours = {"observed": asked - gap, "gap": gap, "unasked": 0}
    return {"month": month, "pattern": pattern, "shapes": {shape: asked - gap}, "hours": hours}


def frame(values: dict[str, dict[str, float]], customers: int | None = 1000, hours: int = 100) -> pl.DataFrame:
    """Months and regions with y as given: 1,000 customers and 100 hours make y x 100 customer-hours."""
    rows = [
        (month, region, round(y * hours * (customers or 1000) / 1000), hours, customers)
        for month, of_month in values.items()
        for region, y in of_month.items()
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def months_of(project: dict[str, Any]) -> list[str]:
    return months_between(*project["before"]) + months_between(*project["after"])


def short_frame(treated: list[float], control: list[float], **how: Any) -> pl.DataFrame:
    pairs = zip(months_of(SHORT), treated, control, strict=True)
    return frame({month: {"MAULE": t, "BIOBIO": c} for month, t, c in pairs}, **how)


def validated(
    project: dict[str, Any], outcome: pl.DataFrame, breaks: Any = (), **receipts: dict[str, Any]
) -> dict[str, Any]:
    told = [receipts.get(f"m{month.replace('-', '')}") or receipt(month) for month in months_of(project)]
    items = investment_validation([project], outcome, told, breaks)
    validate("investment_validation", items, SCHEMAS)
    return items[0]


def test_by_hand() -> None:
    """Treated 4 -> 3 (-25 %), control 2 -> 2.5 (+25 %): 0.75 / 1.25 - 1 = -40 %."""
    item = validated(SHORT, short_frame([3, 5, 2, 4], [1, 3, 2, 3]))
    assert item["delta"] == -40.0
    assert (item["raw_change_treated"], item["raw_change_control"]) == (-25.0, 25.0)
    assert [item[f"{g}_{w}"] for g in ("treated", "control") for w in ("before", "after")] == [4.0, 3.0, 2.0, 2.5]
    # Draws of two months: (t, c) before (3, 1), (4, 2), (5, 3), after (2, 2), (3, 2.5), (4, 3). Least and most of
    # (t'/t) / (c'/c) are 2/3 x 1/2 - 1 and 4/5 x 3/3 - 1, each of probability 1/16: beyond 2.5 %.
    assert item["effect_low"] == pytest.approx(100 * (2 / 3 / 2 - 1), abs=1e-3)
    assert item["effect_high"] == pytest.approx(100 * (4 / 5 / (3 / 3) - 1), abs=1e-3)
    assert item["context"] == (
        "−40.0 % (95 % interval −66.7 to −20.0). Customer-hours per 1,000 customers and hour, MAULE against BIOBIO, "
        "2020-01..2020-02 to 2020-04..2020-05; raw changes −25.0 % and +25.0 %."
        " Other causes in the same months are not excluded."
    )
    assert (item["refused"], item["coverage_before"], item["placebo"]) == (None, 1.0, [])


def test_regions_of_a_group_are_pooled() -> None:
    """900 + 100 customer-hours of 3,000 + 1,000 customers in 100 h: 2.5, not the mean of rates."""
    project = {**SHORT, "treated": ["MAULE", "NUBLE"]}
    rows = []
    for month in months_of(project):
        rows += [(month, "MAULE", 900, 100, 3000), (month, "NUBLE", 100, 100, 1000), (month, "BIOBIO", 50, 100, 1000)]
    item = validated(project, pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert (item["treated_before"], item["control_before"]) == (2.5, 0.5)
    assert (item["delta"], item["effect_low"], item["effect_high"]) == (0.0, 0.0, 0.0)
    assert item["context"].startswith("0.0 % (95 % interval 0.0 to 0.0): no effect can be told from none.")


def test_represented_hours_count() -> None:
    """Twice the customer-hours in twice the represented hours is the same rate."""
    outcome = short_frame([1, 1, 1, 1], [1, 1, 1, 1])
    doubled = pl.col("mes") == "2020-05"
    outcome = outcome.with_columns(
        clientes_hora=pl.when(doubled).then(200).otherwise("clientes_hora"),
        horas_representadas=pl.when(doubled).then(200).otherwise("horas_representadas"),
    )
    assert validated(SHORT, outcome)["delta"] == 0.0


EIGHT = {**LONG, "before": ["2016-01", "2019-12"], "after": ["2020-01", "2023-12"]}


def planted(seed: int, effect: float, project: dict[str, Any] = EIGHT) -> pl.DataFrame:
    """Years of common seasons and storms, own noise, and the effect in the treated region from 2020 on."""
    draw, values = random.Random(seed), {}
    for month in months_of(project):
        common = 5 * (1.5 if month[5:] in ("06", "07", "08") else 1.0) * draw.lognormvariate(0, 0.5)
        common *= draw.uniform(3, 10) if draw.random() < 0.04 else 1.0
        change = 1 + effect if month >= "2020-01" else 1.0
        values[month] = {
            "MAULE": 2 * common * change * draw.lognormvariate(0, 0.3),
            "BIOBIO": common * draw.lognormvariate(0, 0.3),
        }
    return frame(values, customers=100_000)


@pytest.mark.parametrize(("effect", "seeds", "least"), [(-0.3, range(100), 80), (0.0, range(100, 200), 0)])
def test_planted_effect_is_found(effect: float, seeds: range, least: int) -> None:
    """In at least 85 of 100 replicas of eight years the interval holds the effect: -30 %, and none.

    True coverage: percentiles of resampled months are a little narrow. Of 1,000 such replicas (seeds 0-999) the
    interval held the effect in 94.3 %, not 95 %; with windows of two years and less noise (400 replicas), in 90 %.
    The effect is a factor of the treated: with the same seeds, intervals of -30 % and of none hold it alike.
    """
    items = [validated(EIGHT, planted(seed, effect)) for seed in seeds]
    held = sum(item["effect_low"] <= 100 * effect <= item["effect_high"] for item in items)
    told = sum(item["effect_high"] < 0 for item in items)
    print(f"effect {effect:+.0%}: in {held} of {len(items)} intervals; {told} lie below 0")
    assert held >= 85
    assert told >= least
    for item in items:
        without = item["effect_low"] <= 0 <= item["effect_high"]
        assert ("no effect can be told from none" in item["context"]) == without


def test_a_planted_nationwide_break_is_refused() -> None:
    """A fall of two thirds everywhere, with an effect besides: refused, whatever the numbers would say."""
    outcome = planted(0, -0.3).with_columns(
        clientes_hora=pl.when(pl.col("mes") >= "2021-09").then(pl.col("clientes_hora") // 3).otherwise("clientes_hora")
    )
    fell = [{"mes": "2021-09", "reason": "the level of rows per snapshot falls by 67 %"}]
    item = validated(EIGHT, outcome, fell)
    assert (item["refused"], item["delta"], item["placebo"]) == ("break", None, [])
    assert {item[key] for key in ("effect_low", "effect_high", "raw_change_treated", "treated_after")} == {None}
    assert "2021-09 lies within a window: the level of rows per snapshot falls by 67 %" in item["context"]


def test_placebo_dates() -> None:
    """Those that leave 6 of 24 months on either side: 13 in each window."""
    item = validated(LONG, planted(0, -0.3, LONG))
    assert [one["month"] for one in item["placebo"]][::13] == ["2018-07", "2020-07"]
    assert len(item["placebo"]) == 26
    as_large = sum(abs(one["delta"]) >= abs(item["delta"]) for one in item["placebo"])
    assert f"At {as_large} of 26 placebo dates" in item["context"]


def test_same_input_same_output() -> None:
    assert validated(LONG, planted(1, -0.3, LONG)) == validated(LONG, planted(1, -0.3, LONG))


def test_placebo_by_hand() -> None:
    """Treated doubles half way through the window before, control does not: +100 % there."""
    values = {m: {"MAULE": 1.0 if m < "2019-01" or m >= "2020-01" else 2.0, "BIOBIO": 1.0} for m in months_of(LONG)}
    placebo = validated(LONG, frame(values))["placebo"]
    assert next(one for one in placebo if one["month"] == "2019-01") == {
        "month": "2019-01", "window": "before", "delta": 100.0,
    }  # fmt: skip
    assert {one["delta"] for one in placebo if one["window"] == "after"} == {0.0}


GOOD = ([3.0, 5.0, 2.0, 4.0], [1.0, 3.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("refused", "said", "case"),
    [
        ("break", "2020-02 lies within a window: level", {"breaks": [{"mes": "2020-02", "reason": "level"}]}),
        ("break", "2020-05 lies within a window: level", {"breaks": [{"mes": "2020-05", "reason": "level"}]}),
        ("break", "2020-04 lies between the windows", {"breaks": [{"mes": "2020-04", "reason": "level"}]}),
        ("pattern", "differs: 0, 6, 12, 18 and all", {"m202004": receipt("2020-04", [0, 6, 12, 18])}),
        ("shape", "differs: A and B", {"m202005": receipt("2020-05", shape="B")}),
        ("coverage", "coverage before is 79.0 %, under 80 %", {"m202002": receipt("2020-02", gap=302)}),
        ("coverage", "coverage after is 49.1 %", {"m202005": receipt("2020-05", gap=744)}),
    ],
)
def test_refusals(refused: str, said: str, case: dict[str, Any]) -> None:
    item = validated(SHORT, short_frame(*GOOD), **case)
    assert item["refused"] == refused
    assert said in item["context"]
    assert item["context"].startswith("No estimate: ")
    assert {item[key] for key in ("delta", "effect_low", "effect_high", "raw_change_treated")} == {None}


def test_breaks_outside_do_not_matter() -> None:
    breaks = [{"mes": month, "reason": "level"} for month in ("2019-12", "2020-01", "2020-06")]
    assert validated(SHORT, short_frame(*GOOD), breaks)["delta"] == -40.0


def test_refused_without_denominator() -> None:
    item = validated(SHORT, short_frame(*GOOD, customers=None))
    assert item["refused"] == "denominator"
    assert "the customers are not known of MAULE, BIOBIO" in item["context"]
    absent = short_frame(*GOOD).filter((pl.col("nombre_region") != "BIOBIO") | (pl.col("mes") != "2020-05"))
    assert "not known of BIOBIO" in validated(SHORT, absent)["context"]


def test_refused_without_outages() -> None:
    item = validated(SHORT, short_frame([0, 0, 2, 4], [1, 3, 2, 3]))
    assert (item["refused"], item["delta"]) == ("no_outages", None)
    assert "(treated before)" in item["context"]
    assert validated(SHORT, short_frame([3, 5, 0, 0], [1, 3, 2, 3]))["delta"] == -100.0


def test_refused_outside_of_the_run() -> None:
    items = investment_validation([SHORT], pl.DataFrame(schema=SCHEMA), [], [])
    assert (items[0]["refused"], items[0]["coverage_before"]) == ("coverage", 0.0)
    assert "2 of 2 months are not part of this run" in items[0]["context"]
    validate("investment_validation", items, SCHEMAS)


def test_several_reasons_are_all_told() -> None:
    item = validated(
        SHORT,
        short_frame(*GOOD, customers=None),
        [{"mes": "2020-02", "reason": "level"}],
        m202005=receipt("2020-05", shape="B"),
    )
    assert item["refused"] == "break"
    assert item["context"].count(";") == 2


def test_coverage_of_a_window() -> None:
    """31 days of 24 h observed and 29 days not built: 744 of 1,440 h; 4 a day: 120 of 120 + 116."""
    assert window_coverage(["2020-01", "2020-02"], {"2020-01": receipt("2020-01")}) == 744 / 1440
    four = {"2020-01": receipt("2020-01", [0, 6, 12, 18])}
    assert window_coverage(["2020-01", "2020-02"], four) == 120 / 236
    assert window_coverage(["2020-01"], {"2020-01": receipt("2020-01", gap=93)}) == 651 / 744


def test_unobserved_months_are_left_out() -> None:
    """A month without an observed hour is no zero: the mean is over the others."""
    outcome = frame({m: {"MAULE": 4.0, "BIOBIO": 2.0} for m in months_of(LONG) if m != "2019-05"})
    item = validated(LONG, outcome, m201905=receipt("2019-05", gap=744))
    assert (item["treated_before"], item["delta"]) == (4.0, 0.0)
    assert item["coverage_before"] < 1


@pytest.mark.parametrize(("gap", "left_out"), [(743, 1), (373, 1), (372, 0)])
def test_months_hardly_observed_are_left_out(gap: int, left_out: int) -> None:
    """One hour of 744, in which the treated had ten times as much out, weighs nothing; half of a month counts."""
    values = {m: {"MAULE": 40.0 if m == "2019-05" else 4.0, "BIOBIO": 2.0} for m in months_of(LONG)}
    item = validated(LONG, frame(values), m201905=receipt("2019-05", gap=gap))
    assert (item["treated_before"], item["months_left_out"]) == (4.0 if left_out else 5.5, left_out)
    assert ("Months of which less than half was observed, left out: 1." in item["context"]) == bool(left_out)


def test_no_interval() -> None:
    one = {**SHORT, "before": ["2020-02", "2020-02"], "after": ["2020-04", "2020-04"]}
    item = validated(one, frame({"2020-02": {"MAULE": 4, "BIOBIO": 2}, "2020-04": {"MAULE": 2, "BIOBIO": 2}}))
    assert (item["delta"], item["effect_low"], item["effect_high"]) == (-50.0, None, None)
    assert item["context"].startswith("−50.0 %, without an interval")
    rare = Pair(["a", "b", "c", "d"], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0])
    assert interval(rare, rare) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"before": ["2020-02", "2020-01"]},
        {"in_service": "2020-02"},
        {"in_service": "2020-05"},
        {"after": ["2020-05", "2020-04"]},
        {"control": ["MAULE"]},
        {"control": []},
    ],
)
def test_configuration_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(OutagesError) as caught:
        investment_validation([{**SHORT, **wrong}], short_frame(*GOOD), [], [])
    assert caught.value.code == "INVESTMENTS"
    assert caught.value.facts["project"] == "P"
