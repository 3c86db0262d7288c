"""Quality by month and region: every share by hand, nulls where nothing is known, and the published weights."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.payloads import validate
from outages.quality import WEIGHTS, index, quality
from outages.regional import by_region
from outages.silver import HOURS_SCHEMA

FOLDER = Path(__file__).parents[2] / "workflow/schemas/payloads"
BEGIN = datetime(2025, 3, 1, 3, tzinfo=UTC)
COLUMNS = {
    "hora_utc": pl.Datetime("us", "UTC"), "codigo_comuna": pl.String, "nombre_region": pl.String,
    "clientes_afectados": pl.Int64, "formato": pl.String, "fantasma": pl.Boolean,
}  # fmt: skip
REGIONS = ["UNKNOWN", "NUBLE", "MAULE"]


def built(
    folder: Path, hours: str, rows: list[tuple[int, str, str, int, bool]], answers: dict[str, int], coverage: Any,
    shape: str = "A", revisions: dict[int, int] | None = None, set_aside: int = 1, month: str = "2025-03",
) -> tuple[Path, Path, dict[str, Any]]:  # fmt: skip
    """Files of a month: `hours` has o for an observed hour, x for one outside of the pattern, - for a gap."""
    table = []
    for number, state in enumerate(hours):
        at = BEGIN + timedelta(hours=number)
        known = state in "ox"
        motive = "not in pattern" if state == "x" else "" if known else "empty"
        estado = "observed" if known else "gap"
        seen = shape if known else None
        table.append((at, date(2025, 3, 1), number % 24, estado, motive, seen, 0, 0, (revisions or {}).get(number, 0)))
    observations = [(BEGIN + timedelta(hours=n), code, region, c, shape, ghost) for n, code, region, c, ghost in rows]
    hourly = pl.DataFrame(table, schema=HOURS_SCHEMA, orient="row")
    hourly.write_parquet(folder / f"{month}.hours.parquet")
    frame = pl.DataFrame(observations, schema=COLUMNS, orient="row").with_columns(nombre_empresa=pl.lit("CGE"))
    by_region(frame, hourly).write_parquet(folder / f"{month}.parquet")
    receipt = {"month": month, "coverage": coverage, "answers": answers, "rows": {"implausible": set_aside}}
    return folder / f"{month}.parquet", folder / f"{month}.hours.parquet", receipt


def computed(*months: tuple[Path, Path, dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    sums, states, receipts = zip(*months, strict=True)
    items = quality(sums, states, receipts, REGIONS)
    validate("quality", items, FOLDER)
    return {(item["mes"][:7], item["nombre_region"]): item for item in items}


ROWS = [
    (0, "07101", "MAULE", 60, False),
    (0, "07000", "MAULE", 20, False),
    (1, "07101", "MAULE", 20, True),
    (1, "16101", "NUBLE", 90, False),
    (1, "00000", "UNKNOWN", 10, False),
    (5, "07000", "MAULE", 999_999, True),
]


def test_by_hand(tmp_path: Path) -> None:
    """Four hours of the pattern, three observed, one observed outside of it, which counts for nothing but answers.

    Eight answers: 5 usable, 2 empty, 1 implausible; 4 observed hours, so one was answered again, and it differs.
    """
    answers = {"observed": 5, "empty": 2, "implausible": 1, "failed": 4}
    found = computed(built(tmp_path, "ooo--x", ROWS, answers, 0.75, revisions={1: 1}))
    maule, nuble, chile = (found["2025-03", name] for name in ("MAULE", "NUBLE", "CHILE"))
    assert list(found) == [("2025-03", name) for name in ("MAULE", "NUBLE", "CHILE")]
    for item in (maule, nuble, chile):
        assert (item["coverage"], item["empty_share"], item["implausible_share"]) == (0.75, 0.25, 0.125)
        assert item["revision_rate"] == 1.0
    assert (maule["observations"], maule["unknown_share"], maule["ghost_share"]) == (3, 0.2, 0.333333)
    assert (nuble["observations"], nuble["unknown_share"], nuble["ghost_share"]) == (1, 0.0, 0.0)
    # 20 of MAULE's unknown commune and 10 of nowhere, of 200 customers; 1 ghost of 5 observations.
    assert (chile["observations"], chile["unknown_share"], chile["ghost_share"]) == (5, 0.15, 0.2)
    # 50 x 0.75 + 15 x 0.85 + 10 x 0.875 + 10 x 0.8 + 10 x 0 + 5 x 0.75
    assert chile["quality_index"] == pytest.approx(37.5 + 12.75 + 8.75 + 8 + 0 + 3.75)
    assert maule["quality_index"] == pytest.approx(37.5 + 12 + 8.75 + 10 * 2 / 3 + 0 + 3.75, abs=1e-6)
    assert chile["weights"] == WEIGHTS
    assert "weights" not in maule


def test_no_observed_hour_is_no_zero(tmp_path: Path) -> None:
    """Of a month of gaps only the answers are known: all were empty."""
    for item in computed(built(tmp_path, "----", [], {"empty": 12}, 0.0)).values():
        assert [item[key] for key in ("observations", "unknown_share", "ghost_share", "quality_index")] == [None] * 4
        assert (item["coverage"], item["empty_share"], item["implausible_share"]) == (0.0, 1.0, 0.0)
        assert item["revision_rate"] is None
    nothing = computed(built(tmp_path, "", [], {}, None))["2025-03", "CHILE"]
    assert {nothing[key] for key in ("coverage", "empty_share", "quality_index")} == {None}
    assert nothing["weights"] == {}


def test_an_observed_region_without_outages_is_a_zero(tmp_path: Path) -> None:
    item = computed(built(tmp_path, "oo", ROWS[:1], {"observed": 2}, 1.0))["2025-03", "NUBLE"]
    assert (item["observations"], item["unknown_share"], item["ghost_share"]) == (0, 0.0, 0.0)
    assert item["quality_index"] == 100.0


def test_shape_b_tells_nothing_of_ghosts(tmp_path: Path) -> None:
    """No start date: null, and the other parts take over the weight (0.8 are left without revisions too)."""
    item = computed(built(tmp_path, "oo-", ROWS[:1], {"observed": 2}, 0.5, shape="B"))["2025-03", "CHILE"]
    assert (item["ghost_share"], item["revision_rate"]) == (None, None)
    assert item["weights"] == {
        "coverage": 0.625, "unknown_share": 0.1875, "implausible_share": 0.125, "empty_share": 0.0625,
    }  # fmt: skip
    assert item["quality_index"] == pytest.approx(100 - 100 * 0.625 * 0.5)


def test_revisions_need_a_second_answer(tmp_path: Path) -> None:
    """Asked once: not known. Asked again and equal: 0. Accepted implausible answers are answers."""
    once = computed(built(tmp_path, "oo", ROWS[:1], {"observed": 2}, 1.0))["2025-03", "CHILE"]
    twice = computed(built(tmp_path, "oo", ROWS[:1], {"observed": 4}, 1.0))["2025-03", "CHILE"]
    assert (once["revision_rate"], twice["revision_rate"]) == (None, 0.0)
    answers = {"observed": 2, "implausible": 2}
    accepted = built(tmp_path, "oo", ROWS[:1], answers, 1.0, revisions={0: 1}, set_aside=0)
    assert computed(accepted)["2025-03", "CHILE"]["revision_rate"] == 0.5
    aside = built(tmp_path, "oo", ROWS[:1], answers, 1.0)
    assert computed(aside)["2025-03", "CHILE"]["revision_rate"] is None


def test_months_in_order(tmp_path: Path) -> None:
    late = built(tmp_path, "oo", ROWS[:1], {"observed": 2}, 1.0, month="2025-04")
    early = built(tmp_path, "--", [], {"empty": 2}, 0.0)
    assert [month for month, region in computed(late, early) if region == "CHILE"] == ["2025-03", "2025-04"]


def test_weights_are_those_of_the_schema() -> None:
    schema = json.loads((FOLDER / "quality.schema.json").read_text())
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    for name, weight in WEIGHTS.items():
        assert f"{name} {weight}" in schema["description"]
    assert set(schema["items"]["properties"]["weights"]["properties"]) == set(WEIGHTS)


def test_index_of_the_extremes() -> None:
    worst = {name: float(name != "coverage") for name in WEIGHTS}
    assert index(worst) == 0
    assert index({name: 1 - share for name, share in worst.items()}) == pytest.approx(100)
