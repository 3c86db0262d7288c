"""The national series against stored answers: what counts as equal, a revision, an error, and drift."""

import json
from datetime import date
from pathlib import Path

import pytest
from outages import reconcile
from outages.clock import Label
from outages.errors import OutagesError
from outages.ledger import by_hour

from .answers import answer, row_a, row_b


def series(*hours: tuple[int, int, int]) -> bytes:
    """The body of `Get`: (day, hour, customers) of June 2025."""
    return json.dumps(
        [{"anho": 2025, "mes": 6, "dia": day, "hora": hour, "clientes_afectados": n} for day, hour, n in hours]
    ).encode()


def test_verdicts() -> None:
    known = by_hour([answer("2025-06-01", hour, row_b(clientes=1000)) for hour in range(4)])
    told = reconcile.read_series(series((1, 0, 1000), (1, 1, 1090), (1, 2, 1200), (1, 3, 0), (1, 4, 7)))
    found = reconcile.differences(told, known, 0.1, "t")
    assert [(one.hora, one.national, one.ours, one.verdict) for one in found] == [
        (1, 1090, 1000, "revision"),
        (2, 1200, 1000, "error"),
        (3, 0, 1000, "error"),
    ]


def test_the_answer_that_counts_is_compared() -> None:
    group = [
        answer("2025-06-01", 0, row_a(clientes=5), asked_at="2025-06-01T05:00:00.000Z"),
        answer(
            "2025-06-01", 0, row_a(clientes="6"), row_a(clientes=None), asked_at="2025-06-03T05:00:00.000Z", version=1
        ),
        answer("2025-06-01", 0, row_b(clientes=9), asked_at="2026-06-03T05:00:00.000Z", version=2),
        answer("2025-06-01", 0, row_a(clientes=7), outcome="implausible", version=3),
    ]
    assert reconcile.customers_of(group) == 6
    assert reconcile.customers_of([answer("2025-06-01", 0)]) is None


def test_a_label_that_happens_twice_is_left_out() -> None:
    told = reconcile.read_series(series((1, 0, 1), (1, 1, 2), (1, 1, 3)))
    assert told == {Label(date(2025, 6, 1), 0): 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'[{"ANHO": 2025}]', series((31, 0, 1)), b"[1]"])
def test_another_form_is_drift(body: bytes) -> None:
    with pytest.raises(OutagesError, match="RECONCILE_DRIFT"):
        reconcile.read_series(body)


def test_differences_are_kept_line_by_line(tmp_path: Path) -> None:
    known = by_hour([answer("2025-06-01", 0, row_b(clientes=100))])
    found = reconcile.differences(reconcile.read_series(series((1, 0, 104))), known, 0.1, "t")
    for _ in range(2):
        reconcile.keep(tmp_path / "record.jsonl", found)
    lines = [json.loads(line) for line in (tmp_path / "record.jsonl").read_text().splitlines()]
    assert (
        lines
        == [{"asked_at": "t", "fecha": "2025-06-01", "hora": 0, "national": 104, "ours": 100, "verdict": "revision"}]
        * 2
    )
