"""What a reader can make out of the figures: no letter too small, no name beyond its box, at a desk and on a phone."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from outages.figures import FIGURES

from .conftest import Open, Opened, written
from .payloads import world

pytestmark = pytest.mark.browser
COMMUNES = Path(__file__).parents[2] / "resources" / "communes.csv"
REGIONS = Path(__file__).parents[2] / "resources" / "regions.csv"
PHONE, DESK = 390, 1440
#: Pixels on the screen: of the smallest letters.
SMALLEST = 9.9

SIZES = """svg => {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const told = [...svg.querySelectorAll('text')].filter(one => one.textContent);
    return told.map(one => parseFloat(getComputedStyle(one).fontSize) * scale);
}"""
#: Of each name in the treemap, how far it goes beyond the box that it begins in.
BEYOND = """svg => {
    const boxes = [...svg.querySelectorAll('.mark-rect path')].map(one => one.getBoundingClientRect());
    return [...svg.querySelectorAll('.mark-text text')].filter(one => one.textContent).map(one => {
        const { left, right, top, bottom } = one.getBoundingClientRect();
        const box = boxes.find(b => b.left <= left && left <= b.right && b.top <= top + 3 && top + 3 <= b.bottom);
        return box ? [one.textContent, right - box.right, bottom - box.bottom] : null;
    }).filter(Boolean);
}"""


def real_communes() -> list[dict[str, Any]]:
    """Each commune of the country, by its own name, the larger the sooner in its region's list."""
    with REGIONS.open() as file:
        names = {row["codigo_region"]: row["nombre_region"] for row in csv.DictReader(file)}
    with COMMUNES.open() as file:
        rows = list(csv.DictReader(file))
    return [
        {
            "nombre_region": names[row["codigo_region"]], "nombre_comuna": row["nombre_comuna"],
            "nombre_empresa": "CGE", "total_afectados": 90_000 // (1 + n % 40), "frecuencia": 3,
            "instability_index": float(n % 20),
        }
        for n, row in enumerate(rows)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("real"), world(16) | {"market_map": real_communes()})


def svg_of(opened: Opened, id: str, script: str) -> Any:
    return opened.picture(id).locator("svg").first.evaluate(script)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_no_letter_is_too_small(open_page: Open, real: Path, width: int) -> None:
    opened = open_page(real, width=width)
    assert {
        f.id: min(svg_of(opened, f.id, SIZES)) for f in FIGURES if min(svg_of(opened, f.id, SIZES)) < SMALLEST
    } == {}


@pytest.mark.parametrize("region", ["", "VALPARAISO"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_names_of_communes_stay_in_their_boxes(open_page: Open, real: Path, width: int, region: str) -> None:
    opened = open_page(real, width=width)
    opened.choose(region=region)
    told = svg_of(opened, "communes", BEYOND)
    assert len(told) >= 15
    assert [one for one in told if max(one[1:]) > 0.5] == []


def test_pictures_for_a_phone_are_as_wide_as_it(open_page: Open) -> None:
    opened = open_page(width=PHONE)
    for figure in FIGURES:
        svg = opened.picture(figure.id).locator("svg").first
        made, shown = svg.evaluate("one => [one.viewBox.baseVal.width, one.getBoundingClientRect().width]")
        assert 0.95 < shown / made < 1.15, figure.id
