"""Whoever reads: on a phone or a desk, by keyboard, with a screen reader, in the light or the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from outages.figures import FIGURES
from playwright.sync_api import expect

from .conftest import Open, Opened, Scheme

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESK = 390, 1440


def violations(opened: Opened) -> list[tuple[str, Any]]:
    """What axe-core finds that is serious or critical."""
    opened.page.evaluate(AXE.read_text())
    found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (one["id"], [node["target"] for node in one["nodes"]][:5])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def focused(opened: Opened) -> str:
    return str(opened.page.evaluate("document.activeElement.id || document.activeElement.className"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_fits_and_axe_finds_nothing_serious(open_page: Open, width: int, scheme: Scheme) -> None:
    opened = open_page(width=width, scheme=scheme)
    opened.shoot(f"{width}-{scheme}-es")
    for details in opened.page.locator("details[data-table]").all():
        details.locator("summary").click()
        expect(details.locator("th, p").first).to_be_visible()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert violations(opened) == []
    opened.page.locator("#lang-en").click()
    opened.choose(region="BIOBIO")
    opened.shoot(f"{width}-{scheme}-en-biobio")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


def test_pictures_stay_within_their_column_when_the_window_changes(open_page: Open) -> None:
    opened = open_page(width=DESK)
    opened.page.set_viewport_size({"width": PHONE, "height": 800})
    opened.page.wait_for_timeout(300)
    opened.settle()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE
    for figure in FIGURES:
        box = opened.picture(figure.id).locator("svg").first.bounding_box()
        assert box and box["x"] + box["width"] <= PHONE, figure.id


def test_the_page_can_be_used_by_keyboard(open_page: Open) -> None:
    opened = open_page()
    keys = opened.page.keyboard
    keys.press("Tab")
    assert focused(opened) == "skip"
    keys.press("Enter")
    assert focused(opened) == "main"
    opened.page.reload()
    opened.settle()
    order = []
    for _ in range(9):
        keys.press("Tab")
        order.append(focused(opened))
    assert order[:8] == ["skip", "lang-es", "lang-en", "theme", "region", "from", "to", "reset"]
    opened.page.locator("#lang-en").focus()
    keys.press("Enter")
    opened.page.locator("#region").focus()
    keys.type("Maule")
    opened.settle()
    assert opened.page.locator("#region").input_value() == "MAULE"
    assert opened.page.locator("#selection").inner_text().startswith("Maule, Mar 2024 to Jun 2025.")
    opened.page.locator("#section-companies summary").focus()
    keys.press("Enter")
    expect(opened.page.locator("#section-companies tbody tr")).to_have_count(13)
    keys.press("Tab")
    assert focused(opened) == "scroll"


def test_every_picture_has_a_name_a_description_and_a_table(open_page: Open) -> None:
    page = open_page().page
    for figure in FIGURES:
        picture = page.get_by_role("img", name=figure.title["es"], exact=True)
        assert picture.count() == 1
        described = picture.get_attribute("aria-describedby")
        assert page.locator(f"#{described}").inner_text() == figure.caption["es"]
        assert page.locator(f"#section-{figure.id} details[data-table]").count() == len(figure.payloads)
    assert page.locator("#selection").get_attribute("aria-live") == "polite"
    assert page.locator("h1").count() == 1
