"""Totals under other definitions of an event: the same as events built under them, counted faster."""

import random
from pathlib import Path

import polars as pl
import pytest
from outages.errors import OutagesError
from outages.events import events, timeline
from outages.payloads import validate
from outages.sensitivity import GAPS, THRESHOLDS, sensitivity, shape_b

from tests.unit.months import SCHEMAS, Months, Snapshot

CONFIGURED = {"open_customers": 100, "close_snapshots": 2, "max_gap_hours": 6}
PLACES = [("03101", "CGE"), ("03102", "CGE"), ("13000", "CGE")]


def built(months: Months, opening: int, close: int, gap: int) -> pl.DataFrame:
    hours = [(path, one["step_hours"]) for path, one in zip(months.states, months.receipts, strict=True)]
    return events(months.parts, months.silver, timeline(hours, gap), opening, close)


def totals(golden: pl.DataFrame) -> tuple[int, int, int]:
    return golden.height, int(golden["clientes_afectados"].sum()), int(golden["clientes_hora"].sum())


def at_random(seed: int, length: int) -> list[Snapshot]:
    draw = random.Random(seed)
    snapshots: list[Snapshot] = []
    while len(snapshots) < length:
        if draw.random() < 0.04:
            snapshots += [None] * draw.choice([1, 2, 3, 5, 6, 7, 9])
        level = draw.choice([0, 0, 30, 80, 300, 900, 4000])
        snapshots.append({place: draw.choice([0, 10, level, 2 * level]) for place in PLACES})
    return snapshots[:length]


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Months:
    """Three months, hourly in shape A and B, hourly in B, and four a day in B."""
    months = Months(tmp_path_factory.mktemp("random"))
    months.add("2025-05", at_random(1, 744), shapes="A" * 300 + "B" * 444)
    months.add("2025-06", at_random(2, 720), shapes="B")
    return months.add("2025-07", at_random(3, 124), shapes="B", hours=[0, 6, 12, 18])


@pytest.mark.parametrize("close", [1, 2, 3])
def test_the_same_as_events_built_anew(months: Months, close: int) -> None:
    found = shape_b(months.silver, months.states, months.receipts, close)
    assert set(found) == {(opening, gap) for opening in THRESHOLDS for gap in GAPS}
    for (opening, gap), fast in found.items():
        assert fast == totals(built(months, opening, close, gap).filter(pl.col("formato") == "B")), (opening, gap)
    assert len(set(found.values())) > len(THRESHOLDS)


def test_order_of_months_changes_nothing(months: Months) -> None:
    expected = shape_b(months.silver, months.states, months.receipts, 2)
    assert shape_b(months.silver[::-1], months.states[::-1], months.receipts[::-1], 2) == expected


def test_items(months: Months) -> None:
    golden = built(months, 100, 2, 6)
    # A ghost among the events of shape A, which the threshold does not touch.
    first = golden["hash_id"].to_list().index(golden.filter(pl.col("formato") == "A")["hash_id"][0])
    golden = golden.with_columns(fantasma=pl.int_range(pl.len()) == first)
    items = sensitivity(golden, months.silver, months.states, months.receipts, CONFIGURED)
    validate("sensitivity", items, SCHEMAS)
    keys = [(item["open_customers"], item["max_gap_hours"], item["ghosts"]) for item in items]
    assert keys == [(t, g, ghosts) for t in THRESHOLDS for g in GAPS for ghosts in ("with", "without")]
    chosen = [item for item in items if item["configured"]]
    assert len(chosen) == 1
    assert tuple(chosen[0][key] for key in ("events", "customers", "customer_hours")) == totals(golden)
    a = totals(golden.filter(pl.col("formato") == "A"))
    for item in items:
        of_a = tuple(item[key] - item[f"{key}_b"] for key in ("events", "customers", "customer_hours"))
        assert of_a[0] == a[0] - (item["ghosts"] == "without")
        assert of_a == a or item["ghosts"] == "without"


def test_customer_hours_do_not_depend_on_a_gap_that_nothing_lies_in(tmp_path: Path) -> None:
    one = Months(tmp_path).add("2025-06", [0, 800, None, None, None, 900, 0, 0], shapes="B")
    found = shape_b(one.silver, one.states, one.receipts, 2)
    assert [found[500, gap] for gap in GAPS] == [(2, 1700, 1700), (2, 1700, 1700), (1, 900, 1700)]
    assert found[1000, 6] == (0, 0, 0)


def test_an_unusual_definition_is_no_line_of_the_table(months: Months) -> None:
    golden = built(months, 250, 2, 6)
    configured = {**CONFIGURED, "open_customers": 250}
    items = sensitivity(golden, months.silver, months.states, months.receipts, configured)
    assert not any(item["configured"] for item in items)


def test_totals_that_disagree_are_refused(months: Months) -> None:
    golden = built(months, 100, 2, 6)
    with pytest.raises(OutagesError, match="TOTALS"):
        sensitivity(golden[:-1], months.silver, months.states, months.receipts, CONFIGURED)


def test_without_shape_b_only_shape_a_counts(tmp_path: Path) -> None:
    one = Months(tmp_path).add("2025-06", [0, 800, 900])
    items = sensitivity(built(one, 100, 2, 6), one.silver, one.states, one.receipts, CONFIGURED)
    assert {(item["events"], item["customers"], item["customer_hours"]) for item in items} == {(1, 900, 1700)}
    assert {item["events_b"] for item in items} == {0}
