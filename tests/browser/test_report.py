"""The report of a small whole run, opened from disk: every figure with its caption, run times, nobody asked."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from outages.figures import FIGURES, LANGUAGES
from playwright.sync_api import Browser, Page, expect

from ..integration.workflow_runs import Work, checkout, record

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).parent / "shots"
CATEGORIES = {"es": "Español", "en": "English"}


@pytest.fixture(scope="module")
def report(place: Path) -> Path:
    """`make report` of a finished directory: one month, one hour a day."""
    work = Work(
        place / "reported",
        checkout(place / "code"),
        {
            "months": {"first": "2025-03", "last": "2025-03"},
            "hours": [12],
            "source": {"kind": "recorded", "path": str(place / "recorded"), "pattern": "{fecha}T{hora}.json"},
            "customers": {"ask": False},
            "now": "2025-05-01T00:00:00Z",
        },
    )
    record(place / "recorded", date(2025, 3, 1), date(2025, 4, 1))
    work.must("all")
    assert work.pending("all") == []
    page = work.folder / "results" / "report.html"
    told = work.must("all", "--report", str(page))
    assert "Report created" in told
    # The figures are outputs like others: one that is gone is drawn again, and nothing else is.
    (work.folder / "results/figures/coverage.en.png").unlink()
    assert work.pending("all") == ["Drawing coverage"]
    return page


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    inside = ("file:", "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(inside) else wrong.append(request.url))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert wrong == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_figure_is_there_with_its_caption(opened: Page, lang: str) -> None:
    expect(opened.get_by_text("Every answer is kept verbatim")).to_be_visible()
    category = opened.get_by_role("link", name=CATEGORIES[lang], exact=True)
    category.click()
    rows = opened.locator("tbody tr")
    expect(rows).to_have_count(len(FIGURES))
    titles = [f"{number}. {figure.title[lang]}" for number, figure in enumerate(FIGURES, start=1)]
    assert [one.inner_text().strip() for one in rows.all()] == titles
    for number, figure in enumerate(FIGURES):
        rows.nth(number).locator("[iconname=eye]").click()
        opened.wait_for_function("[...document.images].some((one) => one.complete && one.naturalWidth > 600)")
        rows.nth(number).locator("[iconname=information-circle]").click()
        expect(opened.get_by_text(figure.caption[lang][:60]).first).to_be_visible()
        category.click()
        expect(rows).to_have_count(len(FIGURES))
    SHOTS.mkdir(exist_ok=True)
    opened.screenshot(path=SHOTS / f"report-{lang}.png")


def test_run_times_are_told(opened: Page) -> None:
    opened.get_by_role("link", name="Statistics").click()
    drawings = opened.locator("canvas")  # of run times, and of when files were made
    expect(drawings).to_have_count(2)
    points = "(one) => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some((value) => value > 0)"
    assert all(one.evaluate(points) for one in drawings.all())
    SHOTS.mkdir(exist_ok=True)
    opened.screenshot(path=SHOTS / "report-statistics.png")
