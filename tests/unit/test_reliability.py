"""Reliability indices and major event days: the case tables, rises by hand, and gaps that are never zero."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.clock import months_between
from outages.major_days import LEAST_DAYS, Threshold, bases, t_med, threshold
from outages.payloads import validate
from outages.reliability import DAILY_SCHEMA, Indices, daily, indices, reliability

from tests.unit.months import HERE, SCHEMAS, Months, Snapshot

MORE = ("03101", "EMELAT")
OTHER = ("03102", "CGE")
SANTIAGO = ("13101", "ENEL")
NOWHERE = ("00000", "CGE")


def days_of(months: Months, customers: pl.DataFrame | None = None) -> pl.DataFrame:
    base = months.customers() if customers is None else customers
    return daily(months.sums, months.silver, months.states, months.receipts, base)


def items_of(months: Months, customers: pl.DataFrame | None = None, **more: Any) -> dict[tuple[str, str], Any]:
    items = reliability(days_of(months, customers), months.receipts, **more)
    validate("reliability", items, SCHEMAS)
    assert items == sorted(items, key=lambda item: (item["period"], item["nombre_region"]))
    return {(item["period"], item["nombre_region"]): item for item in items}


def rises(folder: Path, snapshots: Sequence[Snapshot], **more: Any) -> int:
    days = days_of(Months(folder).add("2025-07", snapshots, **more))
    return int(days.filter(pl.col("nombre_region") == "ATACAMA")["alzas"].sum())


# The tables of the methods


def test_ieee_case() -> None:
    outages = [(8000, 240), (1500, 90), (600, 150), (3200, 60)]
    customer_minutes = sum(number * minutes for number, minutes in outages)
    found = indices(customer_minutes, sum(number for number, _ in outages), 100_000, 365 * 24 * 60)
    assert found.saidi == pytest.approx(23.37, abs=0.005)
    assert found.saifi == pytest.approx(0.133, abs=0.0005)
    assert found.caidi == pytest.approx(175.714286, abs=5e-7)
    # The case table prints 0.99995553653968, with 3 for the eleventh decimal: 1 - 23.37 / 525600 has a 2 there.
    assert found.asai == pytest.approx(0.99995553652968, abs=5e-15)


def test_without_outages_and_without_customers() -> None:
    assert indices(0, 0, 100_000, 8760) == Indices(0, 0, None, 1)
    assert indices(5, 1, None, 8760) == Indices(None, None, None, None)
    assert indices(0, 0, 100_000, 0) == Indices(0, 0, None, None)


def test_snapshots_bound_saifi_from_below(tmp_path: Path) -> None:
    item = items_of(Months(tmp_path).add("2025-07", [0, 600, 2000, 900, 1500, 0]))["2025-07-01", "ATACAMA"]
    assert (item["saidi_hours"], item["saifi_at_least"]) == (0.5, 0.26)
    assert (item["interruptions_at_least"], item["represented_hours"]) == (2600, 6)
    assert item["caidi_hours_at_most"] == pytest.approx(5000 / 2600)
    assert item["asai"] == pytest.approx(1 - 0.5 / 6)


@pytest.mark.parametrize(
    ("snapshots", "hours", "expected"),
    [
        ([800, None, None, 900], "all", 1700),
        ([500, 300], [0, 6, 12, 18], 4800),
        ([500, 300, 500], "all", 1300),
    ],
)
def test_a_snapshot_stands_for_its_step(
    tmp_path: Path, snapshots: list[Snapshot], hours: str | list[int], expected: int
) -> None:
    item = items_of(Months(tmp_path).add("2025-07", snapshots, hours=hours))["2025-07-01", "ATACAMA"]
    assert item["customer_hours"] == expected
    assert item["represented_hours"] == sum(one is not None for one in snapshots) * item["step_hours"]


@pytest.mark.parametrize("saidi", [[1, math.e, math.e**2], [0, 1, math.e, math.e**2, 0]])
def test_threshold_of_major_event_days(saidi: list[float]) -> None:
    assert t_med(saidi) == pytest.approx(33.115452, abs=5e-7)


def test_no_threshold_of_one_day() -> None:
    assert t_med([1.0]) is None
    assert t_med([0, 0]) is None


# Rises


@pytest.mark.parametrize(
    ("snapshots", "expected"),
    [
        ([500, 500], 0),  # the first snapshot was not seen to rise
        ([500, 700], 200),
        ([0, 500], 500),
        ([500, 0, 500], 500),
        ([0, None, None, 500], 500),  # across a gap
        ([300, None, 500, None, 400, 450], 250),
        ([None, 300, 500], 200),
        ([{HERE: 0}, {HERE: 100, OTHER: 50}, {HERE: 50, OTHER: 100}], 200),  # by commune
        ([{HERE: 100}, {MORE: 100}, {HERE: 100}], 200),  # and by company
    ],
)
def test_rises(tmp_path: Path, snapshots: list[Snapshot], expected: int) -> None:
    assert rises(tmp_path, snapshots) == expected


def test_in_shape_b_a_rise_is_of_a_commune(tmp_path: Path) -> None:
    assert rises(tmp_path, [{OTHER: 1}, {HERE: 100}, {HERE: 80, OTHER: 30}], shapes="B") == 130


def test_nothing_rises_from_one_shape_to_the_other(tmp_path: Path) -> None:
    assert rises(tmp_path, [100, 200, 900, 950, 800, 900], shapes="AABBAA") == 100 + 50 + 100
    assert rises(tmp_path, [100, 200, None, 900, 950], shapes="AABBB") == 100 + 50


def test_snapshots_outside_the_pattern_count_nowhere(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-07", [100, 150], hours=[0, 6, 12, 18], outside={3: 9000})
    item = items_of(months)["2025-07-01", "ATACAMA"]
    assert (item["customer_hours"], item["interruptions_at_least"], item["represented_hours"]) == (1500, 50, 12)


def test_rises_go_over_the_borders_of_months(tmp_path: Path) -> None:
    """By hand: June 100 -> 300 (+200) at its end; July opens with 450 (+150), then 0, 40 (+40); August 90 (+50)."""
    june: list[Snapshot] = [*[100] * 719, {HERE: 300, OTHER: 20}]
    july: list[Snapshot] = [{HERE: 450, OTHER: 20}, 0, 40, *[40] * 740, None]
    months = Months(tmp_path).add("2025-06", june).add("2025-07", july).add("2025-08", [90])
    found = items_of(months)
    periods = ("2025-06-01", "2025-07-01", "2025-08-01", "2025")
    assert [found[p, "ATACAMA"]["interruptions_at_least"] for p in periods] == [220, 190, 50, 460]
    days = days_of(months).filter(pl.col("nombre_region") == "ATACAMA", pl.col("alzas") > 0)
    assert days.select("fecha", "alzas").rows() == [
        (date(2025, 6, 30), 220), (date(2025, 7, 1), 190), (date(2025, 8, 1), 50),
    ]  # fmt: skip
    backwards = Months(tmp_path, months.silver[::-1], months.sums[::-1], months.states[::-1], months.receipts[::-1])
    assert days_of(backwards, months.customers()).equals(days_of(months))


def test_a_month_without_observed_hours_carries_the_last_snapshot_over(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-06", [100], rest="gap").add("2025-07", [], rest="gap").add("2025-08", [130])
    found = items_of(months)
    assert found["2025-08-01", "ATACAMA"]["interruptions_at_least"] == 30
    assert found["2025", "ATACAMA"]["interruptions_at_least"] == 30


# What is known of a day, and of whom


def test_gaps_are_never_zero(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-06", [], rest="gap").add("2025-07", [0] * 24 + [None] * 24 + [5], rest="gap")
    days = days_of(months).filter(pl.col("nombre_region") == "ATACAMA", pl.col("fecha") >= date(2025, 7, 1))
    columns = ("clientes_hora", "alzas", "horas_representadas", "completo")
    nothing = (None, None, 0, False)
    assert days.select(columns).head(4).rows() == [(0, 0, 24, True), nothing, (5, 5, 1, False), nothing]
    june = items_of(months)["2025-06-01", "CHILE"]
    assert june["coverage"] == 0
    assert (june["represented_hours"], june["customers"]) == (0, 20_000)
    rates = ("customer_hours", "interruptions_at_least", "saidi_hours", "saifi_at_least", "caidi_hours_at_most",
               "asai", "saidi_hours_without_ghosts", "major_days", "days_undecided")  # fmt: skip
    assert [june[key] for key in rates] == [None] * len(rates)


def test_an_observed_day_without_outages_is_zero(tmp_path: Path) -> None:
    item = items_of(Months(tmp_path).add("2025-07", [0] * 24))["2025-07-01", "METROPOLITANA"]
    assert (item["saidi_hours"], item["saifi_at_least"], item["asai"]) == (0, 0, 1)
    assert item["caidi_hours_at_most"] is None


def test_without_a_rise_there_is_no_bound_of_caidi(tmp_path: Path) -> None:
    item = items_of(Months(tmp_path).add("2025-07", [10, 10]))["2025-07-01", "ATACAMA"]
    assert (item["saidi_hours"], item["saifi_at_least"], item["caidi_hours_at_most"]) == (0.002, 0, None)


def test_the_country_holds_every_place(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-07", [{HERE: 1}, {HERE: 10, SANTIAGO: 20, NOWHERE: 5}])
    found = items_of(months)
    assert {region for _, region in found} == {"ATACAMA", "METROPOLITANA", "CHILE"}
    hours = {region: found["2025-07-01", region]["customer_hours"] for _, region in found}
    assert hours == {"ATACAMA": 11, "METROPOLITANA": 20, "CHILE": 36}
    assert found["2025-07-01", "CHILE"]["interruptions_at_least"] == 34


def test_days_are_local_and_of_the_hours_that_exist(tmp_path: Path) -> None:
    """2025-09-07 has 23 hours; 2025-04-05 has 25, and 24 labels, one of which stands for its first hour."""
    months = Months(tmp_path).add("2025-04", [0] * 720).add("2025-09", [0] * 719)
    days = days_of(months).filter(pl.col("nombre_region") == "CHILE").rows_by_key("fecha", named=True, unique=True)
    assert days[date(2025, 9, 7)]["horas_pedidas"] == days[date(2025, 9, 7)]["horas_representadas"] == 23
    assert days[date(2025, 4, 5)]["horas_pedidas"] == 24
    assert all(day["completo"] and day["terminado"] for day in days.values())


def test_columns_and_order(tmp_path: Path) -> None:
    days = days_of(Months(tmp_path).add("2025-07", [0]))
    assert dict(days.schema) == DAILY_SCHEMA
    assert days.rows() == days.sort("fecha", "nombre_region").rows()
    assert daily([], [], [], [], Months(tmp_path).customers()).height == 0


def test_ghosts_are_told_apart(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-07", [10, 20], ghost=True)
    item = items_of(months)["2025-07-01", "ATACAMA"]
    assert (item["saidi_hours"], item["saidi_hours_without_ghosts"]) == (0.003, 0)


# Denominators


def test_without_a_denominator_rates_are_null_and_counts_are_not(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-07", [0, 5])
    item = items_of(months, months.customers(None, "none"))["2025", "CHILE"]
    assert (item["customer_hours"], item["interruptions_at_least"]) == (5, 5)
    assert (item["customers"], item["customers_state"]) == (None, "none")
    assert [item[key] for key in ("saidi_hours", "saifi_at_least", "caidi_hours_at_most", "asai")] == [None] * 4
    assert item["t_med_refused"] == "days"


def test_a_year_has_the_mean_customers_and_the_weakest_state(tmp_path: Path) -> None:
    months = Months(tmp_path)
    for month in ("2025-01", "2025-02", "2025-03"):
        months.add(month, [100] if month != "2025-03" else [], rest="gap")
    base = months.customers(of={"2025-01": (10_000, "official"), "2025-02": (30_000, "carried"), "2025-03": (7, "own")})
    found = items_of(months, base)
    year = found["2025", "ATACAMA"]
    assert (year["customers"], year["customers_state"], year["months"]) == (20_000, "carried", 3)
    assert year["saidi_hours"] == 0.01
    assert found["2025-01-01", "ATACAMA"]["customers_state"] == "official"


def test_patterns_that_differ_are_mixed(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-01", [1] * 744).add("2025-02", [1] * 112, hours=[0, 6, 12, 18])
    found = items_of(months)
    year = found["2025", "ATACAMA"]
    assert (year["pattern"], year["step_hours"]) == ("mixed", None)
    assert (year["coverage"], year["represented_hours"]) == (1, 744 + 672)
    assert found["2025-02-01", "ATACAMA"]["pattern"] == [0, 6, 12, 18]


# Major event days


#: Local day, SAIDI in hours, whether all of it was observed, whether it is over.
Day = tuple[date, float | None, bool, bool]


def some(year: int, values: Sequence[float | None], complete: bool = True, over: bool = True) -> list[Day]:
    return [(date(year, 1, 1) + timedelta(days=at), value, complete, over) for at, value in enumerate(values)]


def limit(days: list[Day], year: int) -> Threshold:
    """The threshold of a year from days of one region."""
    schema = {"fecha": pl.Date, "saidi": pl.Float64, "completo": pl.Boolean, "terminado": pl.Boolean}
    frame = pl.DataFrame(days, schema=schema, orient="row").with_columns(nombre_region=pl.lit("MAULE"))
    return threshold(bases(frame).get("MAULE", {}), year)


def test_zero_and_incomplete_days_are_dropped_and_counted() -> None:
    used = [1.0, 2.0, 4.0] * 10
    base = some(2020, [*used, 0, 0]) + some(2021, [0, None, 900], complete=False) + some(2022, [3.0], over=False)
    found = limit([*base, *some(2023, [50.0])], 2023)
    assert found.hours == pytest.approx(t_med(used), rel=1e-12)
    assert (found.refused, found.used, found.zero, found.left_out, found.first_year) == (None, 30, 2, 3, 2020)


def test_five_years_before_and_no_more() -> None:
    old, base = some(2017, [100.0, 900.0] * 20), some(2018, [1.0, 2.0] * 20)
    assert limit(old + base, 2023) == limit(base, 2023)
    assert limit(old + base, 2022).used == 80
    assert limit(base, 2018) == (None, "days", 0, 0, 0, 2018)


def test_too_few_days_and_no_denominator_are_refused() -> None:
    assert limit(some(2022, [1.0] * (LEAST_DAYS - 1)), 2023).refused == "days"
    assert limit(some(2022, [1.0] * LEAST_DAYS), 2023).hours == pytest.approx(1)
    known = some(2021, [1.0] * 40)
    assert limit([*known, *some(2022, [1.0] * 39 + [None])], 2023) == (None, "denominator", 0, 0, 0, 2021)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Months:
    """One snapshot a day. 2024: 100 and 200 customers in turn, gaps on the 5th of each month; 2025: two storms.

    ln SAIDI of the base has mean ln(sqrt(2) * 0.24) and a sample deviation of about ln(2) / 2: T_MED is 0.81 hours.
    """
    months = Months(tmp_path_factory.mktemp("planted"))
    for month in months_between("2024-01", "2025-12"):
        first = date.fromisoformat(f"{month}-01")
        values: list[Snapshot] = []
        for at in range(31):
            the_day = first + timedelta(days=at)
            if the_day.month == first.month and the_day != date(2024, 9, 8) and the_day != date(2025, 9, 7):
                gap = the_day.year == 2024 and the_day.day == 5
                storm = {date(2025, 6, 11): 5000, date(2025, 8, 2): 339, date(2025, 8, 3): 330}.get(the_day)
                values.append(None if gap else storm or (100 if len(values) % 2 else 200))
        months.add(month, values, hours=[0])
    return months


def test_planted_major_event_days(planted: Months) -> None:
    found = items_of(planted)
    base = days_of(planted).filter(
        pl.col("nombre_region") == "ATACAMA", pl.col("fecha").dt.year() == 2024, pl.col("completo")
    )
    logs = [math.log(hours / 10_000) for hours in base["clientes_hora"]]
    mean = sum(logs) / len(logs)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in logs) / (len(logs) - 1))
    year = found["2025", "ATACAMA"]
    assert year["t_med_hours"] == pytest.approx(math.exp(mean + 2.5 * deviation), rel=1e-9)
    assert 330 * 24 / 10_000 < year["t_med_hours"] < 339 * 24 / 10_000
    assert year["major_days"] == ["2025-06-11", "2025-08-02"]
    assert (year["days_used"], year["days_zero"], year["days_left_out"]) == (365 - 12, 0, 12)
    assert (year["t_med_refused"], year["days_undecided"]) == (None, 0)
    storms = 24 * (5000 + 339)
    assert year["saidi_hours_without_major"] == (year["customer_hours"] - storms) / 10_000
    assert year["saifi_at_least_without_major"] < year["saifi_at_least"]
    assert found["2025-06-01", "ATACAMA"]["major_days"] == ["2025-06-11"]
    quiet = found["2025-07-01", "ATACAMA"]
    assert quiet["major_days"] == []
    for key in ("saidi_hours", "saifi_at_least", "caidi_hours_at_most"):
        assert quiet[f"{key}_without_major"] == quiet[key]
    # Never deleted: the figures with them are those of the whole.
    parts = [found[f"{month}-01", "ATACAMA"]["customer_hours"] for month in months_between("2025-01", "2025-12")]
    assert year["customer_hours"] == sum(parts)


def test_days_left_out_are_listed_with_the_country(planted: Months) -> None:
    found = items_of(planted)
    assert found["2024", "CHILE"]["days_incomplete"] == [f"2024-{month:02d}-05" for month in range(1, 13)]
    assert found["2025", "CHILE"]["days_incomplete"] == []
    assert found["2024", "ATACAMA"]["days_incomplete"] is None
    assert found["2024-01-01", "CHILE"]["days_incomplete"] is None


def test_a_year_without_days_before_has_no_threshold(planted: Months) -> None:
    year = items_of(planted)["2024", "ATACAMA"]
    assert (year["t_med_hours"], year["t_med_refused"], year["major_days"]) == (None, "days", None)
    assert year["saidi_hours_without_major"] is year["days_undecided"] is None


def test_a_region_without_outages_before_has_no_threshold(planted: Months) -> None:
    year = items_of(planted)["2025", "METROPOLITANA"]
    assert (year["t_med_refused"], year["days_used"], year["days_zero"]) == ("days", 0, 353)


def test_an_incomplete_day_is_major_by_what_was_seen_or_undecided(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2024-12", ([24] * 12 + [48] * 12) * 31)
    months.add("2025-01", [*[30] * 24, 9000, *[None] * 23, 10, *[None] * 23, *[None] * 24, 10])
    january = items_of(months)["2025-01-01", "ATACAMA"]
    assert january["major_days"] == ["2025-01-02"]
    assert january["days_undecided"] == 2  # the 3rd, seen in part, and the 4th, not at all; the 5th is not over


def test_breaks_since_the_base_are_told(planted: Months) -> None:
    breaks = [{"mes": "2024-05", "reason": "x"}, {"mes": "2025-07", "reason": "y"}, {"mes": "2025-07", "reason": "z"}]
    found = items_of(planted, breaks=breaks)
    assert found["2025", "CHILE"]["breaks_since_base"] == ["2024-05", "2025-07"]
    assert found["2025-06-01", "CHILE"]["breaks_since_base"] == ["2024-05"]
