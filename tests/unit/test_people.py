"""Largest events, storms and restoration by hand: one region, hourly, threshold 1,000 of 100,000 customers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.events import GOLDEN_SCHEMA
from outages.payloads import validate
from outages.people import Series, events_top, regional, restoration, storms
from outages.regional import by_region
from outages.silver import HOURS_SCHEMA

SCHEMAS = Path(__file__).parents[2] / "workflow/schemas/payloads"
BEGIN = datetime(2025, 6, 2, 4, tzinfo=UTC)
GAP = None
CALM = [10] * 60
COLUMNS = {
    "hora_utc": pl.Datetime("us", "UTC"), "codigo_comuna": pl.String, "nombre_region": pl.String,
    "clientes_afectados": pl.Int64,
}  # fmt: skip


def checked(payload_id: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    validate(payload_id, items, SCHEMAS)
    return items


def iso(hour: int) -> str:
    return (BEGIN + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:00:00.000Z")


def event(inicio: int = 0, hours: int = 1, customers: int = 1, customer_hours: int = 1, **more: Any) -> dict[str, Any]:
    begin = BEGIN + timedelta(hours=inicio)
    told = {
        "inicio": begin, "hash_id": f"{inicio % 16**8:032x}", "fecha_dt": begin.date(), "fecha_inicio": begin.date(),
        "formato": "A", "codigo_comuna": "07101", "nombre_region": "MAULE", "nombre_comuna": "Talca",
        "nombre_empresa": "CGE", "clientes_afectados": customers, "clientes_hora": customer_hours,
        "fin": begin + timedelta(hours=hours - 1), "observaciones": hours, "horas_sin_dato": 0,
        "inicio_desconocido": False, "fin_desconocido": False, "fantasma": False, "recortado": False,
    }  # fmt: skip
    return told | more


def golden(*events: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(events), schema=GOLDEN_SCHEMA)


def series(
    folder: Path, values: list[int | None], step: int = 1, customers: int | None = 100_000, coverage: float = 1.0,
    shares: tuple[float, ...] = (0.5, 0.5), shapes: str = "",
) -> Series:  # fmt: skip
    """Customers out of MAULE per snapshot, spread over its communes 07101, 07102, ... by `shares`; None is a gap."""
    hours, rows = [], []
    for number, value in enumerate(values):
        at = BEGIN + timedelta(hours=number * step)
        state, shape = ("gap", None) if value is GAP else ("observed", shapes[number] if shapes else "A")
        hours.append((at, date(2025, 6, 2), at.hour, state, "", shape, 0, 0, 0))
        for commune, share in enumerate(shares, start=101):
            if value:
                rows.append((at, f"07{commune}", "MAULE", round(value * share)))
    hourly = pl.DataFrame(hours, schema=HOURS_SCHEMA, orient="row")
    hourly.write_parquet(folder / "hours.parquet")
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row").with_columns(
        nombre_empresa=pl.lit("CGE"), formato=pl.lit("A"), fantasma=False
    )
    by_region(frame, hourly).write_parquet(folder / "sums.parquet")
    base = pl.DataFrame(
        {
            "mes": "2025-06",
            "codigo_region": ["07", "16", "CL"],
            "nombre_region": ["MAULE", "NUBLE", "CHILE"],
            "clientes": [customers, 500, 8_000_000],
        },
        schema_overrides={"clientes": pl.Int64},
    )
    receipt = {"month": "2025-06", "step_hours": step, "coverage": coverage}
    return regional([folder / "sums.parquet"], [folder / "hours.parquet"], [receipt], base, 6)


def of_communes(values: list[int | None], shares: tuple[float, ...] = (0.5, 0.5)) -> list[dict[str, Any]]:
    """One event per commune, all the time, as large as its share of the largest value."""
    peak = max(value or 0 for value in values)
    return [
        event(n - 1_000, 10_000, round(share * peak), codigo_comuna=f"07{101 + n}") for n, share in enumerate(shares)
    ]


def found(folder: Path, values: list[int | None], *events: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
    those = golden(*(events or of_communes(values, how.get("shares", (0.5, 0.5)))))
    return checked("storms", storms(series(folder, values, **how), those, 100))


def spans(items: list[dict[str, Any]], step: int = 1) -> list[tuple[int, int]]:
    """(first, last) snapshot of each storm."""
    ends = [[datetime.fromisoformat(item[key]) - BEGIN for key in ("begin", "end")] for item in items]
    return [(int(a.total_seconds()) // 3600 // step, int(b.total_seconds()) // 3600 // step) for a, b in ends]


def test_a_storm_by_hand(tmp_path: Path) -> None:
    values = [*CALM, 1_500, 4_000, GAP, 4_000, 1_200, *CALM]
    overlapping = (event(61, 2, 900), event(30, 31, 100), event(64, 5, 100, codigo_comuna="07102"))
    not_in_it = (
        event(20, 40, 900),
        event(61, 2, 99, codigo_comuna="07103"),
        event(65, 2, 900),
        event(61, customers=900, nombre_region="NUBLE"),
    )
    assert found(tmp_path, values, *overlapping, *not_in_it) == [
        {
            "nombre_region": "MAULE", "begin": iso(60), "end": iso(64), "hours": 5, "peak_customers": 4_000,
            "peak_at": iso(61), "peak_share": 0.04, "background": 10.0, "threshold": 1_000.0, "communes": 2,
            "events": 3, "customer_hours": 10_700, "coverage": 0.8, "step_hours": 1, "begin_unknown": False,
            "end_unknown": False,
        }
    ]  # fmt: skip


def test_calm_alone_has_no_storm(tmp_path: Path) -> None:
    """What is out all month, 900 of 100,000 or 8 %, chains nothing: five medians are needed too."""
    for background in (900, 8_000):
        assert found(tmp_path, [background] * 100) == []
    assert spans(found(tmp_path, [300] * 50 + [1_500, 1_502] + [300] * 50)) == [(51, 51)]


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ([10] * 11, [(60, 72)]),
        ([10] * 12, [(60, 60), (73, 73)]),
        ([900] * 30, [(60, 91)]),
        ([500] * 12, [(60, 60), (73, 73)]),
        ([10] * 6 + [900] * 9 + [10] * 5, [(60, 81)]),
        ([10] * 8 + [GAP] * 6 + [10] * 3, [(60, 78)]),
        ([10] * 8 + [GAP] * 6 + [10] * 4, [(60, 60), (79, 79)]),
        ([GAP] * 6, [(60, 67)]),
        ([GAP] * 7, [(60, 60), (68, 68)]),
    ],
)
def test_joined_and_separated(tmp_path: Path, between: list[int | None], expected: list[tuple[int, int]]) -> None:
    """Twelve observed hours at half the threshold or below separate; gaps neither count nor reset; long ones cut."""
    assert spans(found(tmp_path, [*CALM, 2_000, *between, 2_000, *CALM])) == expected


def test_ends_that_are_not_known(tmp_path: Path) -> None:
    def ends(values: list[int | None], **how: Any) -> list[tuple[bool, bool]]:
        return [(item["begin_unknown"], item["end_unknown"]) for item in found(tmp_path, values, **how)]

    assert ends([2_000, *CALM]) == [(True, False)]
    assert ends([*CALM, 2_000]) == [(False, True)]
    assert ends([*CALM, 2_000, *[10] * 11]) == [(False, True)]
    assert ends([*CALM, 2_000, *[10] * 12]) == [(False, False)]
    assert ends([*CALM, 2_000, *[GAP] * 7, 2_000, *CALM]) == [(False, True), (True, False)]
    assert ends([*CALM, 2_000, 2_000, *CALM], shapes="A" * 61 + "B" * 61) == [(False, True), (True, False)]


def test_one_commune_is_no_storm(tmp_path: Path) -> None:
    values = [*CALM, 2_000, *CALM]
    assert found(tmp_path, values, shares=(1.0,)) == []
    assert found(tmp_path, values, shares=(0.951, 0.049)) == []
    assert found(tmp_path, values, shares=(0.95, 0.05))[0]["communes"] == 2


def test_communes_and_events_are_those_that_overlap(tmp_path: Path) -> None:
    """Both are told of the same events: never more communes than events, and unknown places are no commune."""
    values = [*CALM, 2_000, *CALM]
    unknown = event(60, customers=900, codigo_comuna="07000")
    assert found(tmp_path, values, event(60, customers=900), unknown) == []
    second = event(60, customers=100, codigo_comuna="07102", hash_id="f" * 32)
    items = found(tmp_path, values, event(60, customers=900), second, unknown, event(50, 20, 300))
    assert [(item["communes"], item["events"]) for item in items] == [(2, 4)]


def test_without_denominator_and_without_a_median(tmp_path: Path) -> None:
    """1,000 customers take the place of 1 %; a month that is hardly observed has no median to stand for calm."""
    items = found(tmp_path, [*CALM, 1_000, 1_002, *CALM], customers=None)
    assert (spans(items), items[0]["peak_share"]) == ([(61, 61)], None)
    assert found(tmp_path, [2_000] * 5) == []
    assert spans(found(tmp_path, [2_000] * 5, coverage=0.4)) == [(0, 4)]


def test_four_a_day(tmp_path: Path) -> None:
    """Six hours each: one calm snapshot joins, two separate; customer-hours and hours by the step."""
    items = found(tmp_path, [*CALM, 2_000, 10, 3_000, 10, 10, 2_000, 10, 10], step=6)
    assert spans(items, 6) == [(60, 62), (65, 65)]
    assert (items[0]["customer_hours"], items[0]["hours"], items[0]["coverage"]) == (30_060, 18, 1.0)
    assert (items[1]["end_unknown"], items[1]["step_hours"]) == (False, 6)


def curve_of(folder: Path, values: list[int | None], **how: Any) -> dict[str, Any]:
    """Restoration of the largest storm of values after a calm."""
    of_values = series(folder, [*CALM, *values], **how)
    items = restoration(of_values, storms(of_values, golden(*of_communes([*CALM, *values])), 100))
    return checked("restoration", items)[0]


def hours(item: dict[str, Any]) -> list[int | None]:
    return [item[f"hours_{share}"] for share in (50, 90, 95)]


def at_most(item: dict[str, Any]) -> list[int | None]:
    return [item[f"hours_{share}_at_most"] for share in (50, 90, 95)]


def test_restoration_by_hand(tmp_path: Path) -> None:
    """Peak 10,000 at the second hour, background 10: 5,005 left 2 h later, 1,009 after 5 h, 509.5 after 7 h."""
    values = [4_000, 10_000, 8_000, 5_004, 4_000, 1_010, 1_008, 510, 508, 10, 10]
    item = curve_of(tmp_path, [*values, *CALM])
    assert (hours(item), item["ended"], item["rank"]) == ([2, 5, 7], "restored", 1)
    assert at_most(item) == hours(item)
    assert (item["peak_customers"], item["peak_at"], item["begin"]) == (10_000, iso(61), iso(60))
    assert [point["customers"] for point in item["curve"]] == values[1:9]
    assert [point["hours"] for point in item["curve"]] == list(range(8))


def test_what_is_out_in_calm_is_no_part_of_a_storm(tmp_path: Path) -> None:
    """Steady 1,000, peak 8,000: 90 % of the 7,000 above are back at 1,700, all at 1,000."""
    values = [1_000] * 60 + [8_000, 4_500, 1_702, 1_700, 1_350, *[1_000] * 60]
    of_values = series(tmp_path, values)
    [item] = restoration(of_values, storms(of_values, golden(*of_communes(values)), 100))
    assert (item["background"], hours(item), item["ended"]) == (1_000, [1, 3, 4], "restored")


def test_without_a_median_the_background_is_not_known(tmp_path: Path) -> None:
    of_values = series(tmp_path, [8_000, 4_000, 800, 400, *CALM], coverage=0.4)
    [item] = checked("restoration", restoration(of_values, storms(of_values, golden(*of_communes([8_000])), 100)))
    assert (item["background"], hours(item)) == (None, [1, 2, 3])


def test_a_gap_is_null_and_hides_the_hour(tmp_path: Path) -> None:
    """Half is back after the gap: not later than hour 3, but when is not known. Later shares are."""
    item = curve_of(tmp_path, [10_000, 8_000, GAP, 4_000, GAP, 3_000, 900, 100, *CALM])
    assert (hours(item), at_most(item)) == ([None, 6, 7], [3, 6, 7])
    assert [point["customers"] for point in item["curve"]] == [10_000, 8_000, None, 4_000, None, 3_000, 900, 100]


def test_curves_that_break_off(tmp_path: Path) -> None:
    over = curve_of(tmp_path, [10_000, 4_000, 2_000, GAP, GAP])
    assert (hours(over), over["ended"], len(over["curve"])) == ([1, None, None], "data_end", 3)
    cut = curve_of(tmp_path, [10_000, 4_000, *[GAP] * 7, 10, *CALM])
    assert (at_most(cut), cut["ended"], len(cut["curve"])) == ([1, None, None], "gap", 2)
    shape = curve_of(tmp_path, [10_000, 4_000, 10, *CALM], shapes="A" * 62 + "B" * 61)
    assert (at_most(shape), shape["ended"]) == ([1, None, None], "gap")
    again = curve_of(tmp_path, [20_000, 1_500, *[1_010] * 3, *[600] * 3, *CALM])
    assert hours(again) == [1, 1, 5]
    # The calm of this storm, 450, is not yet 5 % of its peak when the next one begins.
    second = curve_of(tmp_path, [8_000, 800, *[450] * 12, 3_000, *CALM])
    assert (hours(second), second["ended"]) == ([1, 1, None], "next_storm")
    assert second["curve"][-1] == {"hours": 13, "customers": 450}
    long = curve_of(tmp_path, [10_000, *[512] * 721, *[10] * 800])
    assert (hours(long), long["ended"], long["curve"][-1]["hours"]) == ([1, 1, None], "horizon", 720)


def test_restoration_of_four_a_day(tmp_path: Path) -> None:
    item = curve_of(tmp_path, [10_000, 5_000, 900, 10, 10, 10], step=6)
    assert (hours(item), item["step_hours"]) == ([6, 12, 18], 6)


def test_ten_curves(tmp_path: Path) -> None:
    """Eleven storms, the smallest is left out; equal peaks by their begin."""
    peaks = [3_000, 2_000, *[4_000] * 9]
    values = [value for peak in peaks for value in [peak, *[10] * 30]]
    of_values = series(tmp_path, [*CALM, *values])
    all_of_them = storms(of_values, golden(*of_communes([*CALM, *values])), 100)
    curves = checked("restoration", restoration(of_values, all_of_them))
    assert len(all_of_them) == 11
    assert [item["peak_customers"] for item in curves] == [4_000] * 9 + [3_000]
    assert [item["rank"] for item in curves] == list(range(1, 11))
    assert [item["begin"] for item in curves[:9]] == sorted(item["begin"] for item in curves[:9])
    assert restoration(of_values, []) == []


def test_regions_and_zeros(tmp_path: Path) -> None:
    """An observed hour that does not name a region is 0 there; a gap is no row."""
    values = series(tmp_path, [5, GAP, 0, 7]).values
    assert values.filter(pl.col("nombre_region") == "MAULE")["clientes"].to_list() == [4, 0, 8]
    assert values.filter(pl.col("nombre_region") == "NUBLE")["clientes"].to_list() == [0, 0, 0]


def test_largest_events() -> None:
    """Twelve events of 2025 and one of 2024; by customers 12, 11, ..., by customer-hours the other way round."""
    events = [event(n, customers=n, customer_hours=100 - n) for n in range(1, 13)]
    old = event(-24 * 200, customers=5, customer_hours=1_000, fecha_dt=date(2024, 11, 14))
    items = checked("events_top", events_top(golden(*events, old)))
    assert [(item["period"], item["criterion"]) for item in items[:12]] == [
        ("2024", "customers"), ("2024", "customer_hours"), *[("2025", "customers")] * 10,
    ]  # fmt: skip
    assert [item["clientes_afectados"] for item in items[2:12]] == list(range(12, 2, -1))
    assert [item["clientes_hora"] for item in items if item["criterion"] == "customer_hours"][1:11] == list(
        range(99, 89, -1)
    )
    whole = [item for item in items if item["period"] == "all"]
    assert [item["rank"] for item in whole] == [*range(1, 11)] * 2
    assert whole[10]["fecha_dt"] == "2024-11-14"
    assert items[2] == {
        "period": "2025", "criterion": "customers", "rank": 1, "rank_without_ghosts": 1,
        **event(12, customers=12, customer_hours=88),
        "inicio": iso(12), "fin": iso(12), "fecha_dt": "2025-06-02", "fecha_inicio": "2025-06-02",
    }  # fmt: skip
    assert events_top(golden()) == []


def test_ghosts_do_not_crowd_out(tmp_path: Path) -> None:
    """Two ghosts of a year lead by customer-hours: they stay, and the ten that are none are there too."""
    events = [event(n, customer_hours=9_000 - n, fantasma=n in (1, 5)) for n in range(1, 15)]
    items = [
        one for one in events_top(golden(*events)) if (one["period"], one["criterion"]) == ("all", "customer_hours")
    ]
    assert [item["rank"] for item in items] == list(range(1, 13))
    assert [item["rank_without_ghosts"] for item in items] == [None, 1, 2, 3, None, 4, 5, 6, 7, 8, 9, 10]


def test_ghosts_below_the_few_that_are_none_are_ranked() -> None:
    """A year of two events and three ghosts, smaller and larger ones: all five have their place."""
    events = [event(n, customers=100 * n, fantasma=n in (1, 2, 4)) for n in range(1, 6)]
    items = [one for one in events_top(golden(*events)) if (one["period"], one["criterion"]) == ("2025", "customers")]
    assert [item["clientes_afectados"] for item in items] == [500, 400, 300, 200, 100]
    assert [item["rank"] for item in items] == [1, 2, 3, 4, 5]
    assert [item["rank_without_ghosts"] for item in items] == [1, None, 2, None, None]


def test_ties_go_to_the_earlier() -> None:
    items = events_top(golden(event(3, fecha_inicio=None, formato="B"), event(2)))
    assert [item["inicio"] for item in items[:2]] == [iso(2), iso(3)]
    assert checked("events_top", items)[1]["fecha_inicio"] is None
