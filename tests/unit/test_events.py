"""Both definitions of an event: every row of the case table, and what cuts."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from outages.errors import OutagesError
from outages.events import GOLDEN_SCHEMA, events, timeline
from outages.parts import parts_of
from outages.silver import HOURS_SCHEMA

from tests.unit.months import Months

BEGIN = datetime(2026, 8, 3, 4, tzinfo=UTC)
GAP = None


def build(
    folder: Path, values: list[int | None], shape: str = "B", open_customers: int = 500, step: int = 1,
    shapes: str = "", start: date | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Events of one commune with a snapshot each `step` hours; None is a gap, 0 in shape A an absent row."""
    shapes = shapes or shape * len(values)
    hours, rows = [], []
    for number, (value, kind) in enumerate(zip(values, shapes, strict=True)):
        at = BEGIN + timedelta(hours=number * step)
        state = "gap" if value is GAP else "observed"
        hours.append((at, at.date(), at.hour, state, "", kind if value is not GAP else None, 0, 0, 0))
        if value:
            company, began = ("CGE", start or BEGIN.date()) if kind == "A" else ("UNKNOWN", None)
            place = ("03101", "ATACAMA", "Copiapó")
            rows.append((at, company, began, kind, *place, value, value > 100_000, False))
    schema = dict.fromkeys(("codigo_comuna", "nombre_region", "nombre_comuna"), pl.String)
    columns = {"hora_utc": pl.Datetime("us", "UTC"), "nombre_empresa": pl.String, "fecha_inicio": pl.Date,
               "formato": pl.String, **schema, "clientes_afectados": pl.Int64, "recortado": pl.Boolean,
               "fantasma": pl.Boolean}  # fmt: skip
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(folder / "silver.parquet")
    pl.DataFrame(hours, schema=HOURS_SCHEMA, orient="row").write_parquet(folder / "hours.parquet")
    return joined(folder, step, open_customers)


def joined(folder: Path, step: int = 1, open_customers: int = 500) -> pl.DataFrame:
    """Events of the month whose observations and hours lie in a folder; its parts are written beside them."""
    silver, hours = folder / "silver.parquet", folder / "hours.parquet"
    parts_of(pl.read_parquet(silver), pl.read_parquet(hours), step).write_parquet(folder / "parts.parquet")
    return events([folder / "parts.parquet"], [silver], timeline([(hours, step)], 6), open_customers, 2)


def spans(found: pl.DataFrame, step: int = 1) -> list[tuple[int, int]]:
    """(first, last) snapshot of each event."""
    hours = [((row["inicio"] - BEGIN), (row["fin"] - BEGIN)) for row in found.to_dicts()]
    return [(int(a.total_seconds()) // 3600 // step, int(b.total_seconds()) // 3600 // step) for a, b in hours]


@pytest.mark.parametrize(("values", "peak"), [([500, 1000, 200], 1000), ([500, 300, 500], 500)])
def test_shape_a_takes_the_high_water_mark(tmp_path: Path, values: list[int | None], peak: int) -> None:
    found = build(tmp_path, values, "A")
    assert found["clientes_afectados"].to_list() == [peak]
    assert found["clientes_hora"].to_list() == [sum(v or 0 for v in values)]
    assert found["hash_id"][0] == hashlib.md5(b"03101|CGE|2026-08-03").hexdigest()


CASES_B = [
    ([5, 20, 80, 499, 12, 0], [], []),
    ([10, 600, 2000, 900, 50, 20, 10], [(1, 3)], [(2000, 3500)]),
    ([800, 300, 900, 0, 0], [(0, 2)], [(900, 2000)]),
    ([800, 100, 100, 700, 0, 0], [(0, 0), (3, 3)], [(800, 800), (700, 700)]),
    ([800, GAP, GAP, 900, 0, 0], [(0, 3)], [(900, 1700)]),
    ([800, 100, GAP, 100, 900], [(0, 0), (4, 4)], [(800, 800), (900, 900)]),
    ([800, *[GAP] * 6, 900, 0, 0], [(0, 7)], [(900, 1700)]),
    ([800, *[GAP] * 7, 900, 0, 0], [(0, 0), (8, 8)], [(800, 800), (900, 900)]),
]


@pytest.mark.parametrize(("values", "expected", "figures"), CASES_B)
def test_shape_b_cases(
    tmp_path: Path, values: list[int | None], expected: list[tuple[int, int]], figures: list[tuple[int, int]]
) -> None:
    found = build(tmp_path, values)
    assert spans(found) == expected
    assert list(found.select("clientes_afectados", "clientes_hora").iter_rows()) == figures


@pytest.mark.parametrize("gap", [0, 2, 6])
@pytest.mark.parametrize("hours", ["all", [0, 6, 12, 18], [0, 12], [0]])
@pytest.mark.parametrize("month", ["2025-04", "2025-09"])
def test_a_change_of_the_clock_is_no_gap(tmp_path: Path, month: str, hours: list[int] | str, gap: int) -> None:
    """800 out at every snapshot of a month with 23 or 25 hours in a day: one event, whose end is not seen."""
    one = Months(tmp_path).add(month, [800] * 744, shapes="B", hours=hours)
    found = events(one.parts, one.silver, timeline([(one.states[0], one.receipts[0]["step_hours"])], gap), 500, 2)
    assert found.select("clientes_afectados", "horas_sin_dato").rows() == [(800, 0)]


@pytest.mark.parametrize(("missing", "found"), [(1, 1), (2, 2)])
def test_what_is_missing_across_a_change_of_the_clock_is_counted_by_the_pattern(
    tmp_path: Path, missing: int, found: int
) -> None:
    """Four a day around 2025-09-07, which has no hour 0: one missing snapshot stands for 6 hours, two for 12."""
    before = 4 * 6  # the missing ones are the last before the change
    values = [800] * (before - missing) + [GAP] * missing + [800] * 8 + [0] * 3
    one = Months(tmp_path).add("2025-09", values, shapes="B", hours=[0, 6, 12, 18], rest="gap")
    assert events(one.parts, one.silver, timeline([(one.states[0], 6)], 6), 500, 2).height == found


def test_four_a_day_stand_for_six_hours_each(tmp_path: Path) -> None:
    found = build(tmp_path, [800, 900, 0, 0], step=6)
    assert spans(found, 6) == [(0, 1)]
    assert found.select("observaciones", "clientes_hora").rows() == [(2, 10_200)]


def test_hourly_customer_hours_are_not_stretched_over_gaps(tmp_path: Path) -> None:
    assert build(tmp_path, [800, GAP, GAP, 900], "A")["clientes_hora"].to_list() == [1700]
    assert build(tmp_path, [500, 300], "A", step=6)["clientes_hora"].to_list() == [4800]
    assert build(tmp_path, [500, 300, 500], "A")["clientes_hora"].to_list() == [1300]


def test_gaps_inside_an_event_are_counted(tmp_path: Path) -> None:
    found = build(tmp_path, [0, 800, GAP, GAP, 900, 0, 0]).to_dicts()[0]
    assert (found["horas_sin_dato"], found["observaciones"]) == (2, 2)
    assert (found["inicio_desconocido"], found["fin_desconocido"]) == (False, False)


def test_a_long_gap_ends_an_event_with_unknown_end(tmp_path: Path) -> None:
    first, second = build(tmp_path, [0, 800, *[GAP] * 7, 900, 0, 0]).to_dicts()
    assert (first["inicio_desconocido"], first["fin_desconocido"]) == (False, True)
    assert (second["inicio_desconocido"], second["fin_desconocido"]) == (True, False)


def test_an_event_that_the_data_end_in_has_an_unknown_end(tmp_path: Path) -> None:
    assert build(tmp_path, [0, 800, 100])["fin_desconocido"].to_list() == [True]
    assert build(tmp_path, [0, 800, 100, 100])["fin_desconocido"].to_list() == [False]


def test_a_change_of_shape_cuts(tmp_path: Path) -> None:
    a, b = build(tmp_path, [0, 800, 800, 800, 800, 0, 0], shapes="AAABBBB").to_dicts()
    assert (a["formato"], a["fin_desconocido"], a["clientes_hora"]) == ("A", True, 1600)
    assert (b["formato"], b["inicio_desconocido"], b["clientes_hora"]) == ("B", True, 1600)
    opened = (BEGIN + timedelta(hours=3)).strftime("%Y-%m-%dT%H")
    assert b["hash_id"] == hashlib.md5(f"03101|UNKNOWN|{opened}".encode()).hexdigest()


def test_columns_order_and_nulls(tmp_path: Path) -> None:
    found = build(tmp_path, [800, 0, 0, 900, 0, 0])
    assert found.columns == list(GOLDEN_SCHEMA)
    assert dict(found.schema) == GOLDEN_SCHEMA
    assert found.rows() == found.sort("inicio", "hash_id").rows()
    assert found.drop("fecha_inicio").null_count().sum_horizontal()[0] == 0
    assert build(tmp_path, [0, 0]).height == 0


def test_a_ghost_is_an_event_whose_last_observation_is_one(tmp_path: Path) -> None:
    build(tmp_path, [5, 5, 5], "A")
    silver = pl.read_parquet(tmp_path / "silver.parquet")
    for flags, expected in (([False, False, True], True), ([True, True, False], False)):
        silver.with_columns(fantasma=pl.Series(flags)).write_parquet(tmp_path / "silver.parquet")
        assert joined(tmp_path)["fantasma"].to_list() == [expected]


def test_an_event_across_two_months_is_one(tmp_path: Path) -> None:
    files, hours = [], []
    for number, month in enumerate(("one", "two")):
        (tmp_path / month).mkdir()
        build(tmp_path / month, [0, 700, 700] if number == 0 else [900, 0, 0])
        for name in ("silver", "hours"):
            path = tmp_path / month / f"{name}.parquet"
            pl.read_parquet(path).with_columns(pl.col("hora_utc") + timedelta(hours=3 * number)).write_parquet(path)
        files.append(tmp_path / month / "silver.parquet")
        hours.append((tmp_path / month / "hours.parquet", 1))
    found = events([], files, timeline(hours, 6), 500, 2)
    assert found.select("clientes_afectados", "clientes_hora", "observaciones").rows() == [(900, 2300, 3)]
    again = events([], files[::-1], timeline(hours[::-1], 6), 500, 2)
    assert again.equals(found)


def test_an_event_of_an_hour_that_nobody_observed_is_refused(tmp_path: Path) -> None:
    """Parts of a month whose states have since been made anew, without an hour that an event begins in."""
    build(tmp_path, [500, 600, 700], "A")
    seen = timeline([(tmp_path / "hours.parquet", 1)], 6)
    with pytest.raises(OutagesError, match="EVENT_HOURS"):
        events([tmp_path / "parts.parquet"], [], seen.filter(pl.col("k") > 0), 500, 2)
    with pytest.raises(OutagesError, match="EVENT_HOURS"):
        events([tmp_path / "parts.parquet"], [], seen.filter(pl.col("k") < 2), 500, 2)
