"""The page as text: what it holds, that it is equal for equal data, and that no data can leave its block."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import plot
import pytest
import vega
from outages.figures import FIGURES
from outages.files import read_json, write_json

from ..browser.payloads import HOSTILE, SCHEMAS, Items, world

WORDS = read_json(plot.DASHBOARD / "words.json")
TEMPLATE = (plot.DASHBOARD / "index.html").read_text()


@pytest.fixture(scope="module")
def data() -> dict[str, Items]:
    return world(4)


@pytest.fixture(scope="module")
def page(data: dict[str, Items], tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(data, tmp_path_factory.mktemp("page"))


def written(data: dict[str, Items], folder: Path) -> str:
    for name, items in data.items():
        write_json(items, folder / f"{name}.json")
    vega.vega(folder / "vega.js")
    plot.plot(
        [folder / f"{name}.json" for name in data if name != "_meta"],
        folder / "_meta.json", folder / "vega.js", folder / "a.html",
    )  # fmt: skip
    return (folder / "a.html").read_text()


def blocks(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', page, re.S)
    return {name: json.loads(text) for name, text in found}


def unpacked(packed: dict[str, Any]) -> Items:
    columns = {key: iter(spread(column)) for key, column in packed["columns"].items()}
    items = [{key: next(columns[key]) for key in packed["keys"][kind]} for kind in spread(packed["which"])]
    assert all(next(column, None) is None for column in columns.values())
    return items


def spread(column: Any) -> list[Any]:
    if isinstance(column, list):
        return column
    if "at" in column:
        return [column["of"][place] for place in column["at"]]
    return [column["of"][place] for place, times in column["runs"] for _ in range(times)]


def test_the_page_holds_each_payload_once_and_whole(page: str, data: dict[str, Items]) -> None:
    held = {name.removeprefix("data-"): unpacked(one) for name, one in blocks(page).items() if name.startswith("data-")}
    assert {id for figure in FIGURES for id in figure.payloads} <= held.keys()
    assert all(held[name] == data[name] for name in held if name != "_meta")
    assert held["_meta"][0]["totals"] == data["_meta"][0]["totals"]
    assert "bronze_sha256" not in page


def test_every_figure_has_a_specification_for_each_language_and_width(page: str) -> None:
    wanted = {f"spec-{f.id}-{lang}-{width}" for f in FIGURES for lang in ("es", "en") for width in ("wide", "narrow")}
    held = {name: spec for name, spec in blocks(page).items() if name.startswith("spec-")}
    assert held.keys() == wanted
    text = json.dumps(list(held.values()))
    assert '"style": "source"' not in text
    assert '"style": "synthetic"' not in text
    assert not re.search(r'"url": "(?!data:)', text)


def test_data_cannot_end_their_block(page: str) -> None:
    assert "</script>" in HOSTILE
    assert page.count("</script>") == len(blocks(page)) + 2
    assert HOSTILE[4] not in page


def test_only_the_scripts_and_the_style_of_the_page_may_run(page: str) -> None:
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])  # type: ignore[index]
    ran = [*re.findall(r"<script>(.*?)</script>", page, re.S), *re.findall(r"<style>(.*?)</style>", page, re.S)]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in ran]
    assert re.findall(r"sha256-([^']+)'", policy) == digests
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_equal_data_give_equal_bytes(page: str, data: dict[str, Items], tmp_path: Path) -> None:
    assert written(data, tmp_path) == page


def test_both_languages_have_every_word_and_no_other() -> None:
    assert WORDS["es"].keys() == WORDS["en"].keys()
    for key, text in WORDS["es"].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", WORDS["en"][key])), key
    scripts = TEMPLATE + "".join((plot.DASHBOARD / f"{name}.js").read_text() for name in plot.SCRIPTS)
    assert [key for key in WORDS["es"] if f'"{key}"' not in scripts] == []


def test_the_template_says_what_spanish_readers_get() -> None:
    told = re.findall(r'data-word="(\w+)">([^<]*)<', TEMPLATE)
    assert len(told) > 20
    assert {key: text for key, text in told if WORDS["es"][key] != text} == {}
    assert all(
        WORDS["es"][key] == text for text, key in re.findall(r'aria-label="([^"]*)" data-label="(\w+)"', TEMPLATE)
    )


def test_no_script_makes_elements_of_text() -> None:
    scripts = "".join((plot.DASHBOARD / f"{name}.js").read_text() for name in plot.SCRIPTS)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", scripts)


def test_packed_items_come_back_with_the_keys_they_had() -> None:
    items = [{"b": 1, "a": None}, {"a": [2], "b": {"c": 3}, "weights": 4}, {"a": "x", "b": True}]
    packed = plot.pack(items)
    assert len(packed["keys"]) == 2
    assert unpacked(packed) == items
    assert unpacked(plot.pack([])) == []


def test_columns_are_written_in_the_shortest_way_that_keeps_every_value() -> None:
    whole = {"plain": [3, 1.5, None, 7], "places": [f"region {n % 2}" for n in range(9)], "runs": [0.25] * 9}
    for name, values in whole.items():
        column = plot.pack([{"key": value} for value in values])["columns"]["key"]
        assert (list(column) if isinstance(column, dict) else "plain") == {
            "plain": "plain", "places": ["of", "at"], "runs": ["of", "runs"]}[name]  # fmt: skip
        assert spread(column) == values
    # 1, 1.0 and true are equal in Python, and not in a file.
    assert json.dumps(unpacked(plot.pack([{"a": value} for value in (1, 1.0, True, 1)]))) == json.dumps(
        [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": 1}]
    )


def test_the_data_of_nine_years_take_half_of_their_rows() -> None:
    rows = {id: items for id, items in world(108).items() if id in ("reliability", "coverage", "coverage_hours")}
    for id, items in rows.items():
        assert len(json.dumps(plot.pack(items))) < len(json.dumps([list(item.values()) for item in items])) / 2, id


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda path: path.name.split(".")[0])
def test_shapes_name_the_kinds_of_every_key(path: Path) -> None:
    items = plot.shape(read_json(path))["items"]
    assert items["kinds"] == ["object"]
    assert set(items["required"]) <= items["keys"].keys()
    assert [key for key, inner in items["keys"].items() if inner["kinds"] == ["any"]] == []


def test_every_payload_of_a_figure_has_a_schema() -> None:
    known = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")}
    assert {id for figure in FIGURES for id in figure.payloads} | set(plot.PAGE_PAYLOADS) <= known
