"""Every figure tells what its payloads hold, in both languages, and never more: no data is no zero."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair
import figures as stage
import pytest
from outages.figures import BY_ID, FIGURES, LANGUAGES, specs, with_data
from outages.figures import export as drawing

from tests.browser.payloads import world

Items = list[dict[str, Any]]
SVG = "{http://www.w3.org/2000/svg}"
IDS = [
    "data-quality", "projects-by-region", "monthly-customers", "coverage", "companies", "communes", "reliability",
    "restoration", "before-after",
]  # fmt: skip
EVERY = pytest.mark.parametrize(("figure", "lang"), [(id, lang) for id in IDS for lang in LANGUAGES])


@pytest.fixture(scope="module")
def payloads() -> dict[str, Items]:
    """Sixteen months, real as far as the figures know."""
    return world(16, synthetic=False)


def drawn(figure: str, lang: str, payloads: dict[str, Items], width: int = 720) -> str:
    return drawing.svg(BY_ID[figure].build(lang, payloads["_meta"][0], width), chosen(figure, payloads))


def chosen(figure: str, payloads: dict[str, Items]) -> dict[str, Items]:
    return {id: payloads[id] for id in BY_ID[figure].payloads}


def texts(svg: str) -> list[str]:
    """What is written, in the order of the drawing."""
    written = (one for one in ElementTree.fromstring(svg).iter(f"{SVG}text"))
    return [text for one in written if (text := "".join(one.itertext()))]


def words(svg: str) -> str:
    return " ".join(texts(svg))


def values(node: Any) -> Iterator[Any]:
    """Every inline source of data of a specification."""
    if isinstance(node, dict):
        if isinstance(node.get("data"), dict):
            yield node["data"]
        for inner in node.values():
            yield from values(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from values(inner)


def test_the_figures_stand_in_the_order_of_the_page() -> None:
    assert [figure.id for figure in FIGURES] == IDS
    assert all(figure.filters <= {"region", "period"} for figure in FIGURES)


@EVERY
def test_a_specification_holds_no_data(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    spec = BY_ID[figure].build(lang, payloads["_meta"][0])
    assert "datasets" not in spec
    if BY_ID[figure].kind == "vega":
        assert all("values" not in source and "url" not in source for source in spec["data"])
        named = {source["name"] for source in spec["data"] if "source" not in source}
    else:
        sources = list(values(spec))
        assert all(set(source) in ({"name"}, {"sequence"}) for source in sources)
        named = {source["name"] for source in sources if "name" in source}
    assert named == set(BY_ID[figure].payloads)
    full = with_data(spec, chosen(figure, payloads))
    assert full != spec
    assert spec == BY_ID[figure].build(lang, payloads["_meta"][0]), "putting data in changes a copy"


@EVERY
def test_a_specification_is_vega_lite(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    spec = with_data(BY_ID[figure].build(lang, payloads["_meta"][0]), chosen(figure, payloads))
    if BY_ID[figure].kind == "vega-lite":
        altair.Chart.from_dict(spec)  # raises for what the schema of Vega-Lite does not know


@EVERY
def test_a_figure_explains_itself(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    told, about = words(drawn(figure, lang, payloads)), payloads["_meta"][0]
    of = BY_ID[figure]
    assert of.title[lang] in told
    assert "SEC, Interrupciones en Línea" in told and {"es": "Fuente: ", "en": "Source: "}[lang] in told
    first, last = about["months"][0]["month"], about["months"][-1]["month"]
    months = {"es": ("marzo de", " a junio de"), "en": ("March", " to June")}[lang]
    assert first.endswith("-03") and last.endswith("-06")
    assert re.search(f"{months[0]} {first[:4]}.*{months[1]} {last[:4]}", told, re.IGNORECASE)
    assert f"{(about['commit'] or '-')[:8]}/{about['config_sha256'][:8]}" in told
    assert "NaN" not in told and "undefined" not in told and "null" not in told
    assert not re.search("sintético|synthetic", told, re.IGNORECASE)


@EVERY
def test_made_up_data_are_marked(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    about = payloads["_meta"][0] | {"synthetic": True}
    told = words(drawn(figure, lang, payloads | {"_meta": [about]}))
    assert {"es": "Datos sintéticos (réplica)", "en": "Synthetic data (replica)"}[lang] in told


@EVERY
def test_without_data_a_figure_says_so(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    nothing = drawn(figure, lang, {id: [] for id in payloads} | {"_meta": payloads["_meta"]})
    assert {"es": "Sin datos", "en": "No data"}[lang] in texts(nothing)
    assert "NaN" not in nothing and "Infinity" not in nothing
    assert drawing.png(nothing).startswith(b"\x89PNG")
    assert {"es": "Sin datos", "en": "No data"}[lang] not in texts(drawn(figure, lang, payloads))


NUMBERS = {
    "data-quality": ("eda_quality_stats", ["count", "percentage", "total"]),
    "projects-by-region": ("eda_projects_dist", ["count"]),
    "companies": ("company_ranking", ["total_clientes_afectados"]),
    "communes": ("market_map", ["total_afectados"]),
    "reliability": ("reliability", ["saidi_hours", "saidi_hours_without_major"]),
}


@pytest.mark.parametrize("figure", NUMBERS)
def test_unknown_values_are_no_zeros(figure: str, payloads: dict[str, Items]) -> None:
    payload, keys = NUMBERS[figure]
    unknown = [item | dict.fromkeys(keys) for item in payloads[payload]]
    told = texts(drawn(figure, "en", payloads | {payload: unknown}))
    assert "No data" in told
    assert not any(re.match(r"0 \(|0\.00$", text) for text in told)


@EVERY
def test_equal_payloads_give_equal_bytes(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    first = drawn(figure, lang, payloads)
    drawn("communes", lang, payloads)  # which numbers its gradients on
    assert drawn(figure, lang, payloads) == first
    if figure in ("coverage", "communes"):
        assert drawing.png(first) == drawing.png(first)


@pytest.mark.parametrize("zone", ["America/Santiago", "Asia/Tokyo"])
def test_the_zone_of_the_machine_changes_nothing(zone: str, payloads: dict[str, Items], tmp_path: Path) -> None:
    (tmp_path / "payloads.json").write_text(json.dumps(payloads))
    program = (
        "import json, sys; from outages.figures import BY_ID, export; p = json.load(open(sys.argv[1]))\n"
        "for one in ('monthly-customers', 'coverage', 'restoration'):\n"
        "    print(export.svg(BY_ID[one].build('es', p['_meta'][0]), {i: p[i] for i in BY_ID[one].payloads}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "payloads.json")],
        env={"TZ": zone, "PYTHONPATH": str(Path(stage.__file__).parent)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    here = [drawn(figure, "es", payloads) for figure in ("monthly-customers", "coverage", "restoration")]
    assert done.stdout == "".join(f"{one}\n" for one in here)


@EVERY
def test_every_text_lies_within_the_picture(figure: str, lang: str, payloads: dict[str, Items]) -> None:
    """At column width: of each text the place where it is anchored, and of the picture its width."""
    root = ElementTree.fromstring(drawn(figure, lang, payloads))
    width = float(root.attrib["width"])
    assert 680 <= width <= 760
    sizes = [float(one.attrib.get("font-size", "12px").removesuffix("px")) for one in root.iter(f"{SVG}text")]
    assert min(sizes) >= 10
    fonts = {one.attrib["font-family"] for one in root.iter(f"{SVG}text")}
    assert fonts == {"Liberation Sans, Arial, Helvetica, sans-serif"}


def test_specs_are_made_for_each_width(payloads: dict[str, Items]) -> None:
    about = payloads["_meta"][0]
    for lang in LANGUAGES:
        assert list(specs(lang, about)) == IDS
    narrow = ElementTree.fromstring(drawn("coverage", "es", payloads, width=480))
    assert float(narrow.attrib["width"]) < 520


def test_the_stage_writes_pictures_of_both_languages(payloads: dict[str, Items], tmp_path: Path) -> None:
    for name, items in payloads.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(items))
    pictures = [tmp_path / f"companies.{lang}.{kind}" for lang in LANGUAGES for kind in ("png", "svg")]
    stage.figures([tmp_path / "company_ranking.json"], tmp_path / "_meta.json", pictures, "companies")
    assert "Empresas con más" in words((tmp_path / "companies.es.svg").read_text())
    assert "Companies with" in words((tmp_path / "companies.en.svg").read_text())
    svg = ElementTree.fromstring((tmp_path / "companies.en.svg").read_text())
    size = (tmp_path / "companies.en.png").read_bytes()[16:24]
    assert int.from_bytes(size[:4]) == 2 * int(float(svg.attrib["width"]))
