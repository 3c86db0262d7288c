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
    return [dict(zip(packed["keys"][which], values, strict=True)) for which, *values in packed["rows"]]


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


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda path: path.name.split(".")[0])
def test_shapes_name_the_kinds_of_every_key(path: Path) -> None:
    items = plot.shape(read_json(path))["items"]
    assert items["kinds"] == ["object"]
    assert set(items["required"]) <= items["keys"].keys()
    assert [key for key, inner in items["keys"].items() if inner["kinds"] == ["any"]] == []


def test_every_payload_of_a_figure_has_a_schema() -> None:
    known = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")}
    assert {id for figure in FIGURES for id in figure.payloads} | set(plot.PAGE_PAYLOADS) <= known
