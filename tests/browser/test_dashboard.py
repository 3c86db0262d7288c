"""What the page shows, and what filters, tables, files and switches do to it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from outages.figures import FIGURES
from playwright.sync_api import expect

from .conftest import Open, Opened, written
from .payloads import Items, world

pytestmark = pytest.mark.browser
MARKS = "svg [class*='mark-'] path, svg [class*='mark-'] text"
Data = dict[str, Items]


def grouped(number: int) -> str:
    """A number as Chileans write it."""
    return f"{number:,}".replace(",", ".")


def selection(opened: Opened) -> str:
    return opened.page.locator("#selection").inner_text()


def affected(data: Data, region: str = "", first: str = "", last: str = "9999") -> int:
    return sum(
        item["afectados"]
        for item in data["time_series"]
        if region in ("", item["nombre_region"]) and first <= item["mes"][:7] <= last
    )


@pytest.mark.parametrize("lang", ["es", "en"])
def test_every_figure_is_drawn_in_both_languages(open_page: Open, lang: str) -> None:
    opened = open_page()
    opened.page.locator(f"#lang-{lang}").click()
    opened.settle()
    expect(opened.page.locator("html")).to_have_attribute("lang", lang)
    for figure in FIGURES:
        assert opened.picture(figure.id).locator(MARKS).count() >= 1, figure.id
        assert opened.page.locator(f"#figure-{figure.id}").inner_text() == figure.title[lang]
        assert opened.page.locator(f"#figure-{figure.id}-caption").inner_text() == figure.caption[lang]
    assert opened.page.locator("#overview-picture svg .bars_marks path").count() >= 15
    assert opened.page.locator("#live-picture svg .mark-line path").count() == 17
    months = opened.page.locator("#overview-picture svg .role-axis-label text").all_text_contents()
    assert {"es": "jul. 2024", "en": "Jul 2024"}[lang] in months


def test_the_language_is_remembered(open_page: Open) -> None:
    opened = open_page()
    opened.page.locator("#lang-en").click()
    opened.page.reload()
    expect(opened.page.locator("h1")).to_have_text("Power outages in Chile")
    assert opened.page.locator("#kpi-events").inner_text() == "12,345"
    opened.settle()


def test_the_headline_numbers_are_those_of_the_data(open_page: Open, data: Data) -> None:
    page = open_page().page
    assert page.locator("#kpi-events").inner_text() == "12.345"
    assert page.locator("#kpi-hours").inner_text() == "9.876.543"
    hours = data["_meta"][0]["months"]
    observed, asked = (sum(m["observed"] for m in hours), sum(m["observed"] + m["gap"] for m in hours))
    told = page.locator("#kpi-coverage").inner_text()
    assert f"{int(1000 * observed / asked) / 10}".replace(".", ",") in told
    assert f"{grouped(observed)} de {grouped(asked)}" in told
    standing = page.locator("#standing").inner_text()
    for fact in ("01234567", "abababab", "mar 2024 – jun 2025", "30 jun 2025, 23:00"):
        assert fact in standing
    assert page.locator("#remarks").inner_text() == "A note <b>of</b> the data."
    assert "may 2025: the shape of the answers changes" in page.locator("#breaks").inner_text()


def test_a_region_changes_what_it_should_and_nothing_else(open_page: Open, data: Data) -> None:
    opened = open_page()
    before = opened.drawings()
    assert f"Clientes afectados: {grouped(affected(data))}." in selection(opened)
    opened.choose(region="MAULE")
    after = opened.drawings()
    changed = {id for id in before if before[id] != after[id]}
    assert changed <= {figure.id for figure in FIGURES if "region" in figure.filters}
    assert "monthly-customers" in changed
    text = selection(opened)
    assert text.startswith("Maule, mar 2024 a jun 2025.")
    assert f"Clientes afectados: {grouped(affected(data, 'MAULE'))}." in text
    hours = sum(
        i["customer_hours"] for i in data["reliability"] if i["nombre_region"] == "MAULE" and len(i["period"]) > 4
    )
    assert f"Clientes-hora observadas: {grouped(hours)}." in text
    assert opened.page.locator("#live-picture svg .mark-line path").count() == 1
    opened.page.locator("#reset").click()
    again = opened.drawings()
    for id in before:
        assert again[id] == before[id], id


def test_a_period_changes_what_it_should_and_nothing_else(open_page: Open, data: Data) -> None:
    opened = open_page()
    before = opened.drawings()
    opened.choose(**{"from": "2025-01", "to": "2025-03"})
    after = opened.drawings()
    changed = {id for id in before if before[id] != after[id]}
    assert "monthly-customers" in changed
    assert changed <= {figure.id for figure in FIGURES if "period" in figure.filters}
    assert f"Clientes afectados: {grouped(affected(data, '', '2025-01', '2025-03'))}." in selection(opened)
    assert selection(opened).startswith("Todo el país, ene 2025 a mar 2025.")


def test_a_month_without_an_observed_hour_has_no_numbers(open_page: Open) -> None:
    opened = open_page()
    opened.choose(**{"to": "2024-04", "from": "2024-04"})
    text = selection(opened)
    assert "Clientes afectados: sin dato. Clientes-hora observadas: sin dato. Cobertura: 0" in text
    assert " 0." not in text.split("Cobertura")[0]


def test_a_drag_over_the_overview_sets_the_period(open_page: Open, data: Data) -> None:
    opened = open_page()
    box = opened.page.locator("#overview-picture svg .bars_marks path").nth(5).bounding_box()
    other = opened.page.locator("#overview-picture svg .bars_marks path").nth(8).bounding_box()
    assert box and other
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    opened.page.mouse.down()
    opened.page.mouse.move(other["x"] + other["width"] / 2, box["y"] + 30, steps=5)
    opened.page.mouse.up()
    # The second month has no bar: the sixth bar is that of the seventh month.
    expect(opened.page.locator("#from")).to_have_value("2024-09")
    expect(opened.page.locator("#to")).to_have_value("2024-12")
    opened.settle()
    assert f"Clientes afectados: {grouped(affected(data, '', '2024-09', '2024-12'))}." in selection(opened)


def read_csv(opened: Opened, scope: str, id: str) -> list[dict[str, str]]:
    with opened.page.expect_download() as waiting:
        opened.page.locator(f'{scope} [data-csv="{id}"]').click()
    assert waiting.value.suggested_filename == f"{id}.csv"
    raw = Path(waiting.value.path()).read_bytes()
    text = raw.decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_field(value: Any) -> Any:
    """What a reader of the file gets for a value; numbers are compared as numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "-", "@")) else value
    return value


def equal(field: str, value: Any) -> bool:
    if isinstance(value, list | dict):
        return bool(json.loads(field) == value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(field) == value
    return bool(field == as_field(value))


def test_tables_and_files_hold_the_items_of_the_payloads(open_page: Open, data: Data) -> None:
    opened = open_page()
    sources = [(f"#section-{figure.id}", id) for figure in FIGURES for id in figure.payloads]
    for scope, id in [("#live", "live_30d"), *sources]:
        items = data[id]
        rows = read_csv(opened, scope, id)
        assert len(rows) == len(items), id
        for row, item in zip(rows, items, strict=True):
            assert all(equal(row[key], item.get(key)) for key in row), (id, row, item)
            assert set(item) <= set(row)
        details = opened.page.locator(f'{scope} details[data-table="{id}"]')
        details.locator("summary").click()
        expect(details.locator("tbody tr").first).to_be_visible()
        more = details.get_by_role("button")
        if more.count():
            more.click()
        expect(details.locator("tbody tr")).to_have_count(len(items))
        heads = details.locator("thead th").all_inner_texts()
        assert set(heads) == {key for item in items for key in item}
        first = dict(zip(heads, details.locator("tbody tr").first.locator("td").all_text_contents(), strict=True))
        for key, value in items[0].items():
            if isinstance(value, str):
                assert first[key] == value
            elif value is None:
                assert first[key] == "sin dato"
        details.locator("summary").click()


def test_tables_and_files_follow_the_filters(open_page: Open, data: Data) -> None:
    opened = open_page()
    scope = "#section-monthly-customers"
    opened.page.locator(f'{scope} details[data-table="time_series"] summary').click()
    opened.choose(region="O'HIGGINS", **{"from": "2025-02"})
    wanted = [i for i in data["time_series"] if i["nombre_region"] == "O'HIGGINS" and i["mes"] >= "2025-02"]
    expect(opened.page.locator(f'{scope} details[data-table="time_series"] tbody tr')).to_have_count(len(wanted))
    rows = read_csv(opened, scope, "time_series")
    assert [(row["mes"], int(row["afectados"])) for row in rows] == [(i["mes"], i["afectados"]) for i in wanted]


def test_a_tooltip_tells_the_number_under_the_pointer(open_page: Open, data: Data) -> None:
    opened = open_page()
    opened.page.locator("#overview-picture svg .bars_marks path").first.hover()
    tip = opened.page.locator(".tip")
    expect(tip).to_be_visible()
    assert grouped(affected(data, "", "2024-03", "2024-03")) in tip.inner_text()
    opened.page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_the_theme_follows_the_system_until_it_is_chosen(open_page: Open) -> None:
    opened = open_page(scheme="dark")
    html = opened.page.locator("html")
    expect(html).to_have_attribute("data-theme", "dark")
    assert "#1a1a1a" not in "".join(opened.drawings().values())
    opened.page.locator("#theme").click()
    expect(html).to_have_attribute("data-theme", "light")
    opened.page.reload()
    expect(html).to_have_attribute("data-theme", "light")
    opened.settle()


def test_lines_of_the_last_30_days_break_at_gaps(open_page: Open, data: Data) -> None:
    opened = open_page()
    titles = opened.page.locator("#live-picture svg .role-title-text, #live-picture svg .mark-text").all_text_contents()
    told = " ".join(titles)
    assert told.index("Arica y Parinacota") < told.index("Coquimbo") < told.index("Maule") < told.index("Magallanes")
    line = opened.page.locator("#live-picture svg .mark-line path").first.get_attribute("d")
    assert line and line.count("M") == 2
    events = opened.page.locator("#open-events tbody tr")
    largest = max(data["live_30d"], key=lambda item: item["eventos_abiertos"][0]["clientes_ahora"])
    assert events.count() == 10
    told = events.first.inner_text()
    assert f"Comuna de {largest['nombre_region']}" in told
    assert '<img src="x" onerror="alert(1)">' in told


def test_made_up_data_are_told_loudly_and_others_are_not(open_page: Open, tmp_path: Path) -> None:
    expect(open_page().page.locator("#banner")).to_be_hidden()
    opened = open_page(written(tmp_path, world(3, synthetic=True)), width=390)
    banner = opened.page.locator("#banner")
    expect(banner).to_be_visible()
    assert re.search(r"datos sintéticos.*synthetic data", banner.inner_text(), re.S | re.I)
    assert opened.page.locator(".made-up").count() == len(FIGURES)


def test_nine_years_fit_and_the_first_picture_is_told(open_page: Open, tmp_path: Path) -> None:
    page = written(tmp_path, world(108))
    text = page.read_text()
    data = sum(map(len, re.findall(r'<script type="application/json" id="data-[^>]*>(.*?)</script>', text)))
    assert page.stat().st_size < 2_000_000
    assert data < 600_000
    opened = open_page(page)
    times = []
    for _ in range(3):  # the machine has others to serve
        times.append(opened.page.evaluate("performance.getEntriesByName('first-picture')[0].startTime"))
        opened.page.reload()
        opened.settle()
    first = min(times)
    print(f"\nnine years: {page.stat().st_size:,} bytes, data {data:,}; first picture after {first:.0f} ms")
    assert first < 1_000
    opened.shoot("nine-years")


def test_without_the_last_30_days_the_section_is_left_out(open_page: Open, tmp_path: Path, data: Data) -> None:
    opened = open_page(written(tmp_path, {id: items for id, items in data.items() if id != "live_30d"}))
    expect(opened.page.locator("#live")).to_be_hidden()
