"""What the page tells beside its figures: breaks, samples, what is left out, shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from outages.figures import FIGURES
from playwright.sync_api import expect

from .conftest import Open, written
from .payloads import world

pytestmark = pytest.mark.browser


def test_breaks_are_drawn_over_the_months_with_their_reason(open_page: Open) -> None:
    opened = open_page()
    for place in ("#overview-picture", '[data-figure="monthly-customers"]', '[data-figure="coverage"]'):
        assert opened.page.locator(f"{place} svg line[stroke-dasharray='5,3']").count() >= 1, place
    written_out = " ".join(opened.picture("monthly-customers").locator("text").all_text_contents())
    assert "may 2025: quiebre, el nivel de filas por hora observada baja 67 %" in written_out
    box = opened.page.locator("#overview-picture svg line[stroke-dasharray='5,3']").bounding_box()
    assert box
    opened.page.mouse.move(box["x"], box["y"] + 20)
    tip = opened.page.locator(".tip")
    expect(tip).to_be_visible()
    assert "el nivel de filas por hora observada baja 67 %" in tip.inner_text()


def test_a_sample_of_projects_is_told_in_the_title(open_page: Open, tmp_path: Path) -> None:
    made = world(3)
    made["_meta"][0]["projects_sample"] = True
    opened = open_page(written(tmp_path, made))
    expect(opened.page.locator("#figure-projects-by-region")).to_have_text("Proyectos de la red por región (muestra)")
    opened.page.locator("#lang-en").click()
    expect(opened.page.locator("#figure-projects-by-region")).to_have_text("Grid projects by region (sample)")
    opened.settle()


def test_companies_tell_how_much_is_left_out(open_page: Open) -> None:
    page = open_page().page
    told = page.locator("#section-companies .left-out")
    assert told.inner_text() == "Sin empresa publicada, y por eso fuera: 4 de 6.789 (0,0%)."
    assert page.locator(".left-out").all_inner_texts().count("") == len(FIGURES) - 1


def test_a_share_is_rounded_down_as_in_the_figures(open_page: Open, tmp_path: Path) -> None:
    for name, observed, told in (("some", 57, "57,0"), ("most", 9_997, "99,9")):
        made = world(3)
        asked = 100 if observed < 100 else 10_000
        for month in made["_meta"][0]["months"]:
            month |= {"observed": observed, "gap": asked - observed, "unasked": 0}
        opened = open_page(written(tmp_path / name, made))
        assert opened.page.locator("#kpi-coverage").inner_text().startswith(f"{told}%")
