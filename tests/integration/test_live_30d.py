"""The last 30 days counted twice: the payload from Parquet, the views by SQL, on a real PostgreSQL."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from outages.agreement import assert_live, count
from outages.clock import step_hours
from outages.errors import OutagesError
from outages.event_loading import replace_events
from outages.events import events, timeline
from outages.live import live_30d
from outages.loading import load_month
from outages.names import Names
from outages.parts import parts_of

from .small_files import write_month

NAMES = Names.load(Path(__file__).resolve().parents[2] / "resources")
REGIONS = sorted(region.nombre_region for region in NAMES.regions.values())
PLACES = {"13101": "METROPOLITANA", "05602": "VALPARAISO", "13000": "METROPOLITANA", "00000": "UNKNOWN"}
Items = list[dict[str, Any]]


def month(
    folder: Path, name: str, hours: list[int] | str = "all", keep: int = 120, without: str = "", **changes: Any
) -> dict[str, Any]:
    """Files of a month with the first `keep` hours, of which the pattern asks for `hours`; its receipt."""
    silver, states = write_month(folder, name, **changes)
    table = pl.read_parquet(states).head(keep)
    if hours != "all":
        # What was observed outside the pattern stays observed.
        outside = ~pl.col("hora").is_in(hours)
        table = table.with_columns(
            motivo=pl.when(outside).then(pl.lit("not in pattern")).otherwise("motivo"),
            estado=pl.when(outside & (pl.col("estado") == "gap")).then(pl.lit("unasked")).otherwise("estado"),
        )
    table.write_parquet(states)
    rows = pl.read_parquet(silver).join(table.select("hora_utc"), on="hora_utc", how="semi")
    rows = rows.filter(pl.col("codigo_comuna") != without)
    rows = rows.with_columns(
        nombre_region=pl.col("codigo_comuna").replace_strict(PLACES),
        nombre_comuna=pl.col("codigo_comuna").replace_strict({code: NAMES.commune_name(code) for code in PLACES}),
    )
    rows.write_parquet(silver)
    seen = table.filter((pl.col("estado") == "observed") & (pl.col("motivo") != "not in pattern"))
    return {"month": name, "step_hours": step_hours(hours), "hours": {"observed": seen.height}}


def both(conn: psycopg.Connection, folder: Path, receipts: list[dict[str, Any]]) -> Items:
    """Load the months and their events, and give the payload after it was compared."""
    silver = [folder / f"{one['month']}.parquet" for one in receipts]
    states = [folder / f"{one['month']}.hours.parquet" for one in receipts]
    steps = [(path, one["step_hours"]) for path, one in zip(states, receipts, strict=True)]
    parts = [folder / f"{one['month']}.parts.parquet" for one in receipts]
    for path, rows, hours, one in zip(parts, silver, states, receipts, strict=True):
        parts_of(pl.read_parquet(rows), pl.read_parquet(hours), one["step_hours"]).write_parquet(path)
    golden = events(parts, silver, timeline(steps, 6), 100, 2)
    golden.write_parquet(folder / "golden.parquet")
    for receipt, rows, hours in zip(receipts, silver, states, strict=True):
        load_month(conn, receipt["month"], rows, hours)
    replace_events(conn, folder / "golden.parquet")
    items = live_30d(golden, silver, states, receipts, REGIONS)
    assert_live(count(conn), items)
    return items


def test_hourly_months_agree(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    """Two days of February and five of March: gaps, an hour of shape B, ghosts, open events."""
    receipts = [month(tmp_path, "2025-02", fantasma=True), month(tmp_path, "2025-03", shift=5)]
    items = both(warehouse, tmp_path, receipts)
    assert [one["nombre_region"] for one in items] == REGIONS
    metropolitan = items[REGIONS.index("METROPOLITANA")]
    assert metropolitan["serie"][-1] == metropolitan["clientes"] == 2 * (100 + 5 + 119)
    assert (metropolitan["cambio"], metropolitan["abiertos"]) == (2, 2)
    assert {name: metropolitan[name] for name in ("observadas", "sin_dato", "no_preguntadas")} == {
        "observadas": 165, "sin_dato": 3, "no_preguntadas": 552
    }  # fmt: skip
    now = warehouse.execute("SELECT clientes, cambio FROM ultima_hora_regiones WHERE nombre_region = 'METROPOLITANA'")
    assert now.fetchone() == (448, 2)


@pytest.mark.parametrize(
    ("hours", "keep", "change"),
    [
        ("all", 9, None),  # the hour before is of shape B
        ("all", 51, None),  # the hour before is a gap
        ("all", 1, None),
        ([0, 6, 12, 18], 118, 12),  # the newest of the pattern is label 18 of the fifth day
        ([1, 13], 62, None),  # label 1 of the third day is a gap
    ],
)
def test_the_newest_hour_agrees(
    warehouse: psycopg.Connection, tmp_path: Path, hours: list[int] | str, keep: int, change: int | None
) -> None:
    items = both(warehouse, tmp_path, [month(tmp_path, "2025-05", hours, keep)])
    assert items[REGIONS.index("METROPOLITANA")]["cambio"] == change


def test_a_region_that_nothing_names_and_nothing_at_all(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    assert_live(count(warehouse), [])
    items = both(warehouse, tmp_path, [month(tmp_path, "2025-05", without="00000")])
    assert "UNKNOWN" not in [one["nombre_region"] for one in items]
    with pytest.raises(OutagesError, match="TOTALS: live_30d"):
        assert_live(count(warehouse), [])


def test_what_differs_is_named(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    items = both(warehouse, tmp_path, [month(tmp_path, "2025-05")])
    place = REGIONS.index("VALPARAISO")

    def refused(change: Any) -> str:
        other = copy.deepcopy(items)
        change(other[place])
        with pytest.raises(OutagesError, match="TOTALS: live_30d") as caught:
            assert_live(count(warehouse), other)
        return caught.value.message

    gap = next(
        n for n, value in enumerate(items[place]["serie"][:-1]) if value and items[place]["serie"][n + 1] is None
    )
    assert "VALPARAISO / 2025-05-03T05:00:00.000Z" in refused(lambda one: one["serie"].__setitem__(gap + 1, 0))
    for change in (
        {"cambio": 0},
        {"hora_anterior": None},
        {"sin_dato": 0},
        {"abiertos": 2},
        {"eventos_abiertos": []},
        {"eventos_abiertos": [items[place]["eventos_abiertos"][0] | {"clientes_ahora": 1}]},
        {"nombre_region": "CHILE"},
    ):
        assert "live_30d" in refused(lambda one, change=change: one.update(change))


def test_other_months_stay_unread(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    """The newest hour is of May: of January's partition nothing is needed."""
    both(warehouse, tmp_path, [month(tmp_path, name) for name in ("2025-01", "2025-04", "2025-05")])
    plan = "\n".join(line for (line,) in warehouse.execute("EXPLAIN (ANALYZE, COSTS OFF) TABLE horas_30_dias"))
    scans = [line for line in plan.splitlines() if "on observaciones_2025" in line]
    assert scans
    assert [line for line in scans if "_202501" in line and "never executed" not in line] == []
    newest = warehouse.execute("SELECT max(hora_utc) FROM horas_30_dias").fetchone()
    assert newest == (datetime(2025, 5, 6, 3, tzinfo=UTC),)
