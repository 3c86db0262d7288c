"""Figures are drawn the same everywhere: months by UTC, labels as the chronicle prints them."""

import subprocess
import sys

import pytest
from outages import figures

DRAW = """
from outages import figures
items = [{"mes": "2025-03-01", "nombre_region": "MAULE", "afectados": 5}]
print("Mar 2025" in figures.svg(figures.monthly(items)))
"""


@pytest.mark.parametrize("zone", ["America/Santiago", "UTC", "Asia/Tokyo"])
def test_a_month_is_that_month_in_every_time_zone(zone: str) -> None:
    path = str(figures.__file__).rsplit("/", 2)[0]
    done = subprocess.run(
        [sys.executable, "-c", DRAW], env={"TZ": zone, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


def test_shares_are_labelled_with_count_and_percentage() -> None:
    items = [
        {"category": "Unknown geography", "count": 0, "percentage": 0.0, "total": 10},
        {"category": "Ghost rows", "count": 3, "percentage": 0.3, "total": 10},
    ]
    drawn = figures.svg(figures.quality(items))
    assert "0 (0.00%)" in drawn
    assert "3 (30.00%)" in drawn


def test_projects_and_companies_keep_the_order_of_their_payload() -> None:
    drawn = figures.svg(
        figures.projects([{"nombre_region": name, "count": n} for name, n in (("MAULE", 3), ("AYSEN", 1))])
    )
    assert drawn.index(">MAULE<") < drawn.index(">AYSEN<")
