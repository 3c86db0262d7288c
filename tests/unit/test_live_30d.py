"""The last 30 days by hand: gaps, hours nobody asks for, shapes, open events, borders of months, clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from outages.clock import iso, labels, utc
from outages.events import events, timeline
from outages.live import live_30d
from outages.payloads import validate

from .months import HERE, REGIONS, SCHEMAS, Months, Snapshot

LISTED = [name for code, name in REGIONS.items() if code != "CL"] + ["UNKNOWN"]
#: More hours than any month has.
FULL = 800


def payload(months: Months) -> list[dict[str, Any]]:
    """The payload of the months, with the events that they hold, checked against its schema."""
    steps = [(path, receipt["step_hours"]) for path, receipt in zip(months.states, months.receipts, strict=True)]
    golden = events(months.parts, months.silver, timeline(steps, 6), 100, 2)
    items = live_30d(golden, months.silver, months.states, months.receipts, LISTED)
    validate("live_30d", items, SCHEMAS)
    return items


def atacama(months: Months) -> dict[str, Any]:
    return payload(months)[0]


def hour(month: str, number: int) -> datetime:
    return utc(labels(month)[number])


def test_hours_of_two_months(tmp_path: Path) -> None:
    """Observed 0 is 0, a gap is null; the newest hour and the one before are told by UTC and by the local clock."""
    months = Months(tmp_path).add("2025-05", [7] * FULL).add("2025-06", [5, None, 40, {}, 30])
    first, second = payload(months)
    newest = datetime(2025, 6, 1, 8, tzinfo=UTC)
    assert newest == hour("2025-06", 4)
    assert [first["nombre_region"], second["nombre_region"]] == ["ATACAMA", "METROPOLITANA"]
    assert {key: first[key] for key in first if key not in ("serie", "eventos_abiertos", "nombre_region")} == {
        "ultima_hora": "2025-06-01T08:00:00.000Z", "ultima_hora_local": "2025-06-01T04:00:00-04:00", "clientes": 30,
        "hora_anterior": "2025-06-01T07:00:00.000Z", "cambio": 30, "observadas": 719, "sin_dato": 1,
        "no_preguntadas": 0, "desde": "2025-05-02T09:00:00.000Z", "abiertos": 1,
    }  # fmt: skip
    assert first["serie"] == [7] * 715 + [5, None, 40, 0, 30]
    assert datetime.fromisoformat(first["desde"]) + timedelta(hours=719) == newest
    assert second["serie"] == [0] * 716 + [None, 0, 0, 0]
    assert (second["clientes"], second["cambio"], second["abiertos"], second["eventos_abiertos"]) == (0, 0, 0, [])


@pytest.mark.parametrize(
    ("snapshots", "shapes", "change"),
    [
        ([50, 20], "A", -30),
        ([50, {}], "A", -50),
        ([50, None, 20], "A", None),
        ([500, 20], "B" + "A" * 743, None),
        ([50, 200], "A" + "B" * 743, None),
        ([500, 200], "B", -300),
        ([50], "A", None),
    ],
)
def test_change_is_to_the_snapshot_before(
    tmp_path: Path, snapshots: list[Snapshot], shapes: str, change: int | None
) -> None:
    """Null after a gap, across shapes, and at the begin of the data; a gap is never 0."""
    item = atacama(Months(tmp_path).add("2025-05", snapshots, shapes))
    assert item["cambio"] == change
    before = len(snapshots) - 2
    assert item["hora_anterior"] == (iso(hour("2025-05", before)) if before >= 0 else None)
    assert item["no_preguntadas"] == 720 - len(snapshots)


def test_snapshots_of_a_pattern(tmp_path: Path) -> None:
    """Between snapshots nothing is asked: null. Hours observed outside the pattern do not count, newest or not."""
    months = Months(tmp_path).add("2025-05", [10, 20, 50], hours=[0, 6, 12, 18], outside={3: 900, 13: 900})
    item = atacama(months)
    assert item["ultima_hora"] == iso(hour("2025-05", 12))
    assert (item["clientes"], item["hora_anterior"], item["cambio"]) == (50, iso(hour("2025-05", 6)), 30)
    assert item["serie"][-13:] == [10, *[None] * 5, 20, *[None] * 5, 50]
    assert (item["observadas"], item["sin_dato"], item["no_preguntadas"]) == (3, 0, 717)


def test_a_month_of_another_pattern_before(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-05", [10] * FULL, hours=[0, 12]).add("2025-06", [25])
    item = atacama(months)
    assert (item["hora_anterior"], item["cambio"]) == ("2025-05-31T16:00:00.000Z", 15)


def test_an_open_event(tmp_path: Path) -> None:
    """Open: the newest hour reports it. Told are its customers now, its high-water mark and its first hour."""
    rose = [{HERE: 10}, {HERE: 90, ("03102", "CGE"): 800}, {HERE: 60, ("03103", "EMELAT"): 70}]
    months = Months(tmp_path).add("2025-05", [{}] * FULL, start=date(2025, 5, 30))
    months.add("2025-06", rose, start=date(2025, 5, 31))
    item = atacama(months)
    assert (item["clientes"], item["abiertos"]) == (130, 2)
    assert item["eventos_abiertos"] == [
        {
            "nombre_comuna": "03103", "nombre_empresa": "EMELAT", "inicio": iso(hour("2025-06", 2)),
            "clientes_ahora": 70, "clientes_afectados": 70, "inicio_desconocido": False, "fantasma": False,
        },
        {
            "nombre_comuna": "03101", "nombre_empresa": "CGE", "inicio": iso(hour("2025-06", 0)),
            "clientes_ahora": 60, "clientes_afectados": 90, "inicio_desconocido": False, "fantasma": False,
        },
    ]  # fmt: skip


def test_an_event_older_than_the_window_keeps_its_begin(tmp_path: Path) -> None:
    months = Months(tmp_path)
    for month in ("2025-04", "2025-05"):
        months.add(month, [5] * FULL, start=date(2025, 3, 31), ghost=True)
    (event,) = atacama(months)["eventos_abiertos"]
    assert event["inicio"] == iso(hour("2025-04", 0)) < atacama(months)["desde"]
    assert event["inicio_desconocido"] and event["fantasma"]
    assert atacama(months)["clientes"] == 5


def test_open_events_of_shape_b(tmp_path: Path) -> None:
    """A commune below the threshold is out, but its event ended with the last snapshot at or above."""
    snapshots = [{HERE: 400, ("03102", ""): 500}, {HERE: 90, ("03102", ""): 300}]
    item = atacama(Months(tmp_path).add("2025-05", snapshots, "B"))
    assert (item["clientes"], item["cambio"], item["abiertos"]) == (390, -510, 1)
    assert [(each["nombre_comuna"], each["clientes_ahora"]) for each in item["eventos_abiertos"]] == [("03102", 300)]
    assert item["eventos_abiertos"][0]["nombre_empresa"] == "UNKNOWN"


def test_the_ten_largest(tmp_path: Path) -> None:
    """By customers now, then by the high-water mark."""
    places = [(f"031{n:02d}", "CGE") for n in range(12)]
    before = dict.fromkeys(places, 50) | {places[3]: 60}
    now = {place: 10 + (n == 11) for n, place in enumerate(places)}
    item = atacama(Months(tmp_path).add("2025-05", [before, now], start=date(2025, 5, 1)))
    assert (item["abiertos"], len(item["eventos_abiertos"])) == (12, 10)
    assert [each["nombre_comuna"] for each in item["eventos_abiertos"][:2]] == ["03111", "03103"]


@pytest.mark.parametrize(("customers", "listed"), [({}, LISTED[:2]), ({("00000", "CGE"): 4}, LISTED)])
def test_unknown_is_listed_when_an_hour_names_it(tmp_path: Path, customers: Snapshot, listed: list[str]) -> None:
    items = payload(Months(tmp_path).add("2025-05", [customers, 5]))
    assert [item["nombre_region"] for item in items] == listed
    assert [item["clientes"] for item in items] == [5, 0, 0][: len(items)]


@pytest.mark.parametrize(("month", "unasked"), [("2025-04", 1), ("2025-09", 0), ("2025-06", 0)])
def test_changes_of_the_clock(tmp_path: Path, month: str, unasked: int) -> None:
    """The second 23 of the autumn Saturday has no label: nobody can ask for it. In spring no hour of UTC is missing."""
    before = "2025-0" + str(int(month[-1]) - 1)
    item = atacama(Months(tmp_path).add(before, [3] * FULL).add(month, [3] * FULL))
    assert (item["observadas"], item["no_preguntadas"]) == (720 - unasked, unasked)
    again = (datetime(2025, 4, 6, 3, tzinfo=UTC) - datetime.fromisoformat(item["desde"])) // timedelta(hours=1)
    assert [n for n, value in enumerate(item["serie"]) if value is None] == [again] * unasked


def test_february_lets_three_months_into_the_window_and_no_more(tmp_path: Path) -> None:
    months = Months(tmp_path)
    for month, customers in (("2024-12", 1), ("2025-01", 2), ("2025-02", 3)):
        months.add(month, [customers] * FULL)
    months.add("2025-03", [4])
    expected = [2] * (720 - 1 - 28 * 24) + [3] * 28 * 24 + [4]
    steps = [(path, 1) for path in months.states]
    golden = events(months.parts, months.silver, timeline(steps, 6), 100, 2)
    for path in (months.silver[0], months.states[0]):
        path.unlink()
    items = live_30d(golden, months.silver, months.states, months.receipts, LISTED)
    assert items[0]["serie"] == expected


def test_the_window_ends_with_the_newest_observed_hour(tmp_path: Path) -> None:
    """Not with the newest month, nor with a gap."""
    months = Months(tmp_path).add("2025-04", [8, 9, None, None], rest="gap").add("2025-05", [])
    item = atacama(months)
    assert (item["ultima_hora"], item["clientes"]) == (iso(hour("2025-04", 1)), 9)


def test_nothing_observed_gives_nothing(tmp_path: Path) -> None:
    months = Months(tmp_path).add("2025-05", [None, None])
    months.add("2025-06", [], hours=[0, 12], outside={3: 5})
    assert payload(months) == []
