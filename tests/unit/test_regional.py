"""Sums by hour and region, worked out by hand: what rises, what is a ghost, what nobody knows."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
from outages.clock import labels, utc
from outages.regional import asked_hours, by_region, rises_between_months

from tests.unit.months import HERE, Months

ELSEWHERE = ("13101", "ENEL")
NOWHERE = ("03000", "CGE")


def sums_of(months: Months, at: int = 0) -> dict[tuple[int, str], dict[str, int]]:
    """Rows by number of the hour in the month and region."""
    begin = utc(labels(months.receipts[at]["month"])[0])
    rows = pl.read_parquet(months.sums[at]).to_dicts()
    return {((row["hora_utc"] - begin) // timedelta(hours=1), row["nombre_region"]): row for row in rows}


def test_sums_of_an_hour_and_what_has_risen(tmp_path: Path) -> None:
    found = sums_of(
        Months(tmp_path).add(
            "2025-07", [{HERE: 100, NOWHERE: 7}, {HERE: 60, NOWHERE: 9, ELSEWHERE: 5}, None, {HERE: 80}, 0, 30]
        )
    )
    assert {key: (row["clientes"], row["clientes_desconocidos"], row["alzas"]) for key, row in found.items()} == {
        (0, "ATACAMA"): (107, 7, None),  # the first of the month: what was before is not known here
        (1, "ATACAMA"): (69, 9, 2),
        (1, "METROPOLITANA"): (5, 0, 5),  # the snapshot before did not name it: from 0
        (3, "ATACAMA"): (80, 0, 20),  # over the gap, against the last that was observed
        (5, "ATACAMA"): (30, 0, 30),  # hour 4 names nobody: a true zero
    }
    assert found[1, "ATACAMA"]["observaciones"] == 2


def test_ghosts_and_dates(tmp_path: Path) -> None:
    ghosts = sums_of(Months(tmp_path).add("2025-07", [40], ghost=True))[0, "ATACAMA"]
    assert (ghosts["clientes"], ghosts["clientes_fantasma"], ghosts["fantasmas"], ghosts["con_fecha"]) == (40, 40, 1, 1)


def test_nothing_rises_to_another_shape(tmp_path: Path) -> None:
    found = sums_of(Months(tmp_path).add("2025-07", [100, 150, 900, 950], shapes="AABB" + "B" * 740))
    assert [found[hour, "ATACAMA"]["alzas"] for hour in (1, 2, 3)] == [50, 0, 50]
    assert [found[hour, "ATACAMA"]["con_fecha"] for hour in (1, 2)] == [1, 0]


def test_hours_outside_the_pattern_are_left_out(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-07", [100, 200], hours=[0, 6, 12, 18], outside={3: 999})
    found = sums_of(months)
    assert set(found) == {(0, "ATACAMA"), (6, "ATACAMA")}
    assert found[6, "ATACAMA"]["alzas"] == 100


def test_rises_from_month_to_month(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-06", [100, 40], rest="gap").add("2025-07", [{HERE: 90, ELSEWHERE: 3}])
    hours = asked_hours(months.states, months.receipts)
    found = rises_between_months(months.silver, hours)
    assert set(found.select("nombre_region", "alzas").rows()) == {("ATACAMA", 50), ("METROPOLITANA", 3)}
    assert found["hora_utc"].unique().to_list() == [utc(labels("2025-07")[0])]
    assert hours["fecha"].min() == date(2025, 6, 1)


def test_a_month_without_an_observed_hour(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-06", [], rest="gap")
    assert pl.read_parquet(months.sums[0]).height == 0
    assert rises_between_months(months.silver, asked_hours(months.states, months.receipts)).height == 0


def test_sums_are_sorted_and_the_same_whatever_the_order(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-07", [{HERE: n, ELSEWHERE: 2 * n, NOWHERE: 1} for n in range(1, 60)])
    rows, states = pl.read_parquet(months.silver[0]), pl.read_parquet(months.states[0])
    found = by_region(rows, states)
    assert found.equals(found.sort("hora_utc", "nombre_region"))
    assert by_region(rows.sample(fraction=1, shuffle=True, seed=7), states.reverse()).equals(found)
