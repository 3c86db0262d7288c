"""Breaks: by definition, by hand, over 200 seeded series without one, and a planted fall found in its month."""

from __future__ import annotations

import random
import statistics
from functools import cache
from itertools import accumulate
from math import cos, exp, pi
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.breaks import Month, breaks, listed, shifts
from outages.clock import months_between
from outages.payloads import validate
from outages.silver import HOURS_SCHEMA
from outages.validation import investment_validation

SCHEMAS = Path(__file__).parents[2] / "workflow/schemas/payloads"
FOUR = "0, 6, 12, 18"
MONTHS = months_between("2017-05", "2026-04")


def valid(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    validate("breaks", items, SCHEMAS)
    return items


def flat(
    months: list[str], level: Any = lambda month: 600.0, shape: Any = lambda month: "A", pattern: str = FOUR
) -> list[Month]:
    """Months with the rows of `level` (None is unknown), ten customers a row."""
    values = [(month, level(month)) for month in months]
    return [Month(m, shape(m), pattern, rows, rows and 10 * rows) for m, rows in values]


@cache
def customers_of_rows() -> list[int]:
    """Running sum of the customers of 40,000 rows of shape A: two thirds have 1, 1.5 % are feeders."""
    draw, rows = random.Random(0), []
    for _ in range(40_000):
        kind = draw.random()
        if kind < 0.015:
            rows.append(round(min(2_600, max(100, draw.lognormvariate(5.8, 0.8)))))
        else:
            rows.append(1 if kind < 0.65 else 1 + round(exp(draw.gauss(1.9, 1.7))))
    return list(accumulate(rows, initial=0))


def history(seed: int, fall_at: int | None = None, months: list[str] | None = None) -> list[Month]:
    """Eight to nine years of four snapshots a day; from month `fall_at` on a third of the rows is left.

    Winters have 22 to 82 % more rows than summers; months (0.6) and days (0.6) depend on those before; a storm
    multiplies the rows of some days, more in winter, and the customers of each row besides.
    """
    draw, sums = random.Random(seed), customers_of_rows()
    season, second, growth = draw.uniform(0.1, 0.3), draw.uniform(0, 0.1), draw.uniform(-0.03, 0.05)
    base, level, day, storm, found = draw.uniform(400, 800), draw.gauss(0, 0.125), 0.0, 0.0, []
    for at, month in enumerate(months or MONTHS[: draw.choice((96, 102, 108))]):
        number = int(month[5:])
        level = 0.6 * level + draw.gauss(0, 0.1)
        usual = season * cos(2 * pi * (number - 7) / 12) + second * cos(4 * pi * (number - 7) / 12)
        factor = base * exp(level + usual + growth * at / 12) * (1 / 3 if fall_at is not None and at >= fall_at else 1)
        rows, customers = [], []
        for _ in range(30):
            day = 0.6 * day + draw.gauss(0, 0.16)
            storm = draw.lognormvariate(1.2, 0.7) if draw.random() < (0.06 if 5 <= number <= 8 else 0.02) else storm / 2
            of_day = factor * exp(day) * (1 + storm)
            for hour in (0.86, 1.0, 1.16, 1.1):
                count = max(1, round(of_day * hour * (0.87 + 0.26 * draw.random())))
                begin = int(draw.random() * 30_000)
                drawn, rest = divmod(count, 9_999)
                rows.append(count)
                customers.append((sums[begin + rest] - sums[begin] + drawn * sums[9_999]) * (1 + 3 * storm))
        found.append(Month(month, "A", FOUR, statistics.median(rows), statistics.median(customers)))
    return found


def level_months(items: list[dict[str, Any]], measure: str = "rows") -> list[str]:
    return [item["mes"][:7] for item in items if item["kind"] == "level" and item["measure"] == measure]


def test_false_alarms_below_five_percent() -> None:
    """Series without a break, both measures: 5 of these 200 list one, 15 of 1,000."""
    alarms = sum(bool(listed(history(seed))[0]) for seed in range(200))
    print(f"false alarms: {alarms} of 200")
    assert alarms < 10


def test_planted_fall_is_found_in_its_month() -> None:
    """Two thirds fall away in the second to the last but one year: 99 of 100 are found, in the very month."""
    hits = exact = 0
    for seed in range(100):
        at = random.Random(seed).randrange(12, 84)
        found = [MONTHS.index(month) for month in level_months(valid(listed(history(1_000 + seed, at))[0]))]
        hits += any(abs(one - at) <= 1 for one in found)
        exact += at in found
    print(f"found {hits} of 100, in the very month {exact}")
    assert hits >= 98
    assert exact >= 90


def test_detection_rates() -> None:
    """Of 100 falls of rows and customers each, so many are found in rows within a month (docs/methodology.md)."""
    series = [(random.Random(seed).randrange(12, 84), history(1_000 + seed)) for seed in range(100)]
    found = {}
    for fall in (45, 50, 55, 60, 67):
        hits = 0
        for at, months in series:
            left = [1 - fall / 100 * (number >= at) for number in range(len(months))]
            scaled = [
                month._replace(filas=(month.filas or 0) * share, clientes=(month.clientes or 0) * share)
                for month, share in zip(months, left, strict=True)
            ]
            hits += any(abs(MONTHS.index(one) - at) <= 1 for one in level_months(listed(scaled)[0]))
        found[fall] = hits
    print(f"found of 100, by fall in %: {found}")
    assert found == {45: 63, 50: 89, 55: 98, 60: 99, 67: 99}


def test_the_fall_of_2023() -> None:
    """A gradual fall, August to October: one break, dated in it, in rows and in customers."""
    at = MONTHS.index("2023-09")
    fallen = []
    for number, month in enumerate(history(7)):
        left = 1.0 if number < at else 2 / 3 if number == at else 1 / 3
        fallen.append(month._replace(filas=left * (month.filas or 0), clientes=left * (month.clientes or 0)))
    items, told = listed(fallen)
    assert [(item["kind"], item["measure"]) for item in items] == [("level", "customers"), ("level", "rows")]
    assert {item["mes"][:7] for item in items} <= {"2023-09", "2023-10"}
    for item in items:
        assert item["change_percent"] == pytest.approx(-66.7, abs=8)
    assert told == [{"mes": i["mes"][:7], "reason": i["reason"], "reason_es": i["reason_es"]} for i in items]
    assert told[1]["reason"].startswith("the level of rows per snapshot falls by ")
    assert told[1]["reason_es"].startswith("el nivel de filas por hora observada baja ")


def test_level_by_hand() -> None:
    """600 rows, from 2021-03 on 300: levels, change and month are exact; seasons of a flat series are none."""
    months = months_between("2018-01", "2023-12")
    items, _ = listed(flat(months, lambda month: 600.0 if month < "2021-03" else 300.0))
    assert valid(items)[1] == {
        "mes": "2021-03-01", "kind": "level", "measure": "rows", "before": 600.0, "after": 300.0,
        "change_percent": -50.0, "reason": "the level of rows per snapshot falls by 50 %",
        "reason_es": "el nivel de filas por hora observada baja 50 %",
    }  # fmt: skip
    assert items[0] == {**items[1], "measure": "customers", "before": 6000.0, "after": 3000.0,
                        "reason": "the level of customers per snapshot falls by 50 %",
                        "reason_es": "el nivel de clientes por hora observada baja 50 %"}  # fmt: skip


@pytest.mark.parametrize(("after", "found"), [(365.0, 0), (355.0, 1), (835.0, 0), (845.0, 1)])
def test_forty_percent(after: float, found: int) -> None:
    months = months_between("2018-01", "2023-12")
    items, _ = listed(flat(months, lambda month: 600.0 if month < "2021-03" else after))
    assert level_months(items) == ["2021-03"] * found


def test_seasons_are_no_break() -> None:
    """Winters of thrice the rows, without noise: nothing; with a fall in the middle: that alone."""
    months = months_between("2017-05", "2025-12")

    def season(month: str) -> float:
        return 900.0 if "05" <= month[5:] <= "08" else 300.0

    assert listed(flat(months, season)) == ([], [])
    items, _ = listed(flat(months, lambda month: season(month) / (3 if month >= "2022-05" else 1)))
    assert level_months(items) == ["2022-05"]


def test_a_short_excursion_is_no_lasting_shift() -> None:
    """Five months at a third, then back."""
    months = months_between("2018-01", "2024-12")
    low = months_between("2021-02", "2021-06")
    assert listed(flat(months, lambda month: 200.0 if month in low else 600.0)) == ([], [])


def test_short_runs() -> None:
    """Under 36 months the seasons cannot be told: a factor of 2.5 is needed. Half a year either side, at least."""
    months = months_between("2024-01", "2025-06")
    assert level_months(listed(flat(months, lambda month: 600.0 if month < "2024-09" else 200.0))[0]) == ["2024-09"]
    assert listed(flat(months, lambda month: 600.0 if month < "2024-09" else 300.0))[0] == []
    assert shifts(months[:11], [600.0] * 6 + [100.0] * 5) == []
    assert shifts([], []) == []
    assert listed([]) == ([], [])


def test_gaps_are_no_fall() -> None:
    """Ten months unknown: no level there, and four of six known months on either side are needed."""
    months = months_between("2017-05", "2023-12")
    hole = months_between("2018-10", "2019-07")
    items, _ = listed(flat(months, lambda month: None if month in hole else 600.0))
    assert items == []
    items, _ = listed(
        flat(months, lambda month: None if month in ("2021-01", "2021-04") else 600.0 if month < "2021-03" else 200.0)
    )
    assert level_months(items) == ["2021-03"]


def test_changes_by_definition() -> None:
    """A to B in a month of its own, then another pattern; the levels are raw, of the half-years of one kind."""
    months = flat(months_between("2025-01", "2025-04"), lambda month: 600.0 + int(month[5:]))
    months += flat(["2025-05"], lambda month: None, lambda month: "A and B")
    months += flat(months_between("2025-06", "2025-07"), lambda month: 170.0, lambda month: "B")
    months += flat(months_between("2025-08", "2025-09"), lambda month: 175.0, lambda month: "B", "all")
    items, told = listed(months)
    assert [(item["mes"], item["kind"], item["before"], item["after"]) for item in valid(items)] == [
        ("2025-05-01", "shape", 602.5, 170.0),
        ("2025-08-01", "pattern", 170.0, 175.0),
    ]
    assert [item["change_percent"] for item in items] == [-71.8, 2.9]
    assert told == [
        {
            "mes": "2025-05",
            "reason": "the shape of the answers changes within the month",
            "reason_es": "la forma de las respuestas cambia dentro del mes",
        },
        {
            "mes": "2025-08",
            "reason": "the pattern of hours changes from 0, 6, 12, 18 to all",
            "reason_es": "las horas preguntadas cambian de 0, 6, 12, 18 a todas",
        },
    ]
    both, _ = listed(flat(["2025-01"]) + flat(["2025-02"], shape=lambda month: "B", pattern="all"))
    assert [(item["kind"], item["reason"][-11:]) for item in both] == [
        ("pattern", ", 18 to all"),
        ("shape", "from A to B"),
    ]


def test_shapes_are_not_compared_for_a_level() -> None:
    """Rows of A and of B count different things: a change of shape is a break by definition alone."""
    months = flat(months_between("2020-01", "2023-06"))
    months += flat(months_between("2023-07", "2026-06"), lambda month: 170.0, lambda month: "B")
    assert [item["kind"] for item in listed(months)[0]] == ["shape"]


def month_files(folder: Path, month: str, rows: list[int | None], coverage: float) -> tuple[Path, dict[str, Any]]:
    """Hours with rows (None is a gap), the last one outside of the pattern; ten customers a row."""
    hours = []
    for hour, count in enumerate(rows):
        state = "gap" if count is None else "observed"
        reason = "not in pattern" if hour == len(rows) - 1 else ""
        hours.append((None, None, hour, state, reason, "A", count, count and 10 * count, 0))
    path = folder / f"{month}.hours.parquet"
    pl.DataFrame(hours, schema=HOURS_SCHEMA, orient="row").write_parquet(path)
    shapes = {"A": 1} if coverage else {}
    return path, {"month": month, "pattern": [0, 6, 12, 18], "coverage": coverage, "shapes": shapes}


def test_from_files(tmp_path: Path) -> None:
    """Medians over observed hours of the pattern; under half of the hours, and in an absent month, nothing is known."""
    built = {month: [500, 700, None, 9_000] for month in months_between("2021-01", "2024-12")}
    built |= {month: [100, 300, 200, 9_000] for month in months_between("2023-01", "2024-12")}
    del built["2022-03"]
    coverage = dict.fromkeys(built, 1.0) | {"2022-05": 0.4, "2022-06": 0.0}
    built |= {"2022-05": [1, 1, 1, 1], "2022-06": [None, None, None, None]}
    files = [month_files(tmp_path, month, rows, coverage[month]) for month, rows in built.items()]
    items, _ = breaks(*zip(*files[::-1], strict=True))
    assert [(item["mes"], item["measure"], item["before"], item["after"]) for item in valid(items)] == [
        ("2023-01-01", "customers", 6000.0, 2000.0),
        ("2023-01-01", "rows", 600.0, 200.0),
    ]


def test_a_planted_break_refuses_a_comparison() -> None:
    """What the detector finds nationwide is refused as an effect, not reported as one."""
    months = months_between("2018-01", "2025-12")
    _, told = listed(history(3, months.index("2022-06"), months))
    project = {
        "project": "P", "year": 2022, "type": "line", "treated": ["MAULE"], "control": ["BIOBIO"],
        "in_service": "2022-01", "before": [months[0], "2021-12"], "after": ["2022-01", months[-1]],
    }  # fmt: skip
    rows = [
        (month, region, round(level * (1 / 3 if month >= "2022-06" else 1)), 720, 100_000)
        for month in months
        for region, level in (("MAULE", 90_000), ("BIOBIO", 60_000))
    ]
    columns = ["mes", "nombre_region", "clientes_hora", "horas_representadas", "clientes"]
    outcome = pl.DataFrame(rows, schema=columns, orient="row")
    receipts = [
        {"month": month, "pattern": "all", "shapes": {"A": 720}, "hours": {"observed": 720, "gap": 0, "unasked": 0}}
        for month in months
    ]
    item = investment_validation([project], outcome, receipts, told)[0]
    assert (item["refused"], item["delta"], item["effect_low"]) == ("break", None, None)
    assert "a break in 2022-06 lies within a window: the level of rows per snapshot falls" in item["context"]
    assert investment_validation([project], outcome, receipts, [])[0]["refused"] is None
