"""What single figures draw: labels, order, storms, gaps, refusals."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from outages.figures import BY_ID, specs
from outages.figures.style import FAINT, GREEN, RED

from .test_figures import SVG, Items, drawn, texts, world

META = world(4, synthetic=False)["_meta"]


def figure(id: str, lang: str = "en", **payloads: Items) -> str:
    given: dict[str, Items] = {payload: [] for payload in BY_ID[id].payloads}
    return drawn(id, lang, given | payloads | {"_meta": META})


def marks(svg: str, kind: str) -> list[ElementTree.Element]:
    """Marks that are told to screen readers by that name, such as "bar" or "point"."""
    found = ElementTree.fromstring(svg).iter(f"{SVG}path")
    return [one for one in found if one.get("aria-roledescription") == kind]


def rule(category: str, count: int, total: int = 10) -> dict[str, Any]:
    return {"category": category, "count": count, "percentage": count / total, "total": total}


def test_quality_labels_tell_count_and_percentage() -> None:
    items = [rule("Unknown geography", 0), rule("Ghost rows", 2500, 10_000)]
    assert {"0 (0.00%)", "2,500 (25.00%)", "Ghost rows"} <= set(texts(figure("data-quality", eda_quality_stats=items)))
    spanish = set(texts(figure("data-quality", "es", eda_quality_stats=items)))
    assert {"0 (0,00%)", "2.500 (25,00%)", "Filas fantasma", "Geografía desconocida"} <= spanish


@pytest.mark.parametrize(("lang", "ideal"), [("es", "0 es lo ideal"), ("en", "0 is the ideal")])
def test_quality_says_that_0_is_the_ideal(lang: str, ideal: str) -> None:
    svg = figure("data-quality", lang, eda_quality_stats=[rule("Unknown geography", 0), rule("Ghost rows", 1)])
    assert sum(ideal in text for text in texts(svg)) == 2  # under the title, and on the axis
    assert [one.get("fill") for one in marks(svg, "point")] == [GREEN]  # of the rule that touched nothing


def test_projects_descend_in_soft_blues() -> None:
    counts = {"MAULE": 1, "INTERREGIONAL": 1200, "NUBLE": 30}
    items = [{"nombre_region": name, "count": count} for name, count in counts.items()]
    svg = figure("projects-by-region", eda_projects_dist=items)
    told = texts(svg)
    assert [text for text in told if text in ("Maule", "Interregional", "Ñuble")] == ["Interregional", "Ñuble", "Maule"]
    assert "1,200" in told
    fills = [one.get("fill") or "" for one in marks(svg, "bar")]
    levels = [tuple(map(int, re.findall(r"\d+", fill))) for fill in fills]
    assert all(blue > green > red for red, green, blue in levels)
    assert sum(levels[1]) < sum(levels[2]) < sum(levels[0])  # more is darker: 1,200, 30, 1


def company(name: str, customers: int) -> dict[str, Any]:
    return {
        "nombre_empresa": name, "total_eventos": 2, "total_clientes_afectados": customers,
        "promedio_afectados": customers / 2,
    }  # fmt: skip


def test_companies_descend() -> None:
    told = texts(figure("companies", "es", company_ranking=[company("CGE", 5), company("ENEL", 12_345)]))
    assert told.index("ENEL") < told.index("CGE")
    assert "12.345" in told


def month(mes: str, afectados: int | None, region: str = "MAULE") -> dict[str, Any]:
    return {"mes": f"{mes}-01", "nombre_region": region, "afectados": afectados}


def hours(mes: str, observed: int, coverage: float) -> dict[str, Any]:
    return {"mes": f"{mes}-01", "nombre_region": "MAULE", "observed": observed, "coverage": coverage}


STORM = {"nombre_region": "NUBLE", "begin": "2025-04-11T10:00:00.000Z", "hours": 8, "peak_customers": 64_394}


def test_storms_are_marked_beside_the_months() -> None:
    series = [month("2025-03", 5), month("2025-04", 9), month("2025-04", 1, "NUBLE")]
    svg = figure("monthly-customers", "es", time_series=series, storms=[STORM, STORM | {"peak_customers": 3}])
    assert len(marks(svg, "bar")) == 2  # regions are added up
    assert [one.get("fill") for one in marks(svg, "point")] == [RED, RED]
    assert "Ñuble, 64.394" in texts(svg)
    assert not marks(figure("monthly-customers", time_series=series), "point")


def test_a_month_without_an_observed_hour_is_grey_and_not_zero() -> None:
    series = [month("2025-03", 5), month("2025-05", 0)]
    covered = [hours("2025-03", 744, 1.0), hours("2025-04", 0, 0.0), hours("2025-05", 700, 0.9)]
    svg = figure("monthly-customers", time_series=series, coverage=covered)
    assert len(marks(svg, "bar")) == 2
    assert [one.get("fill") for one in marks(svg, "rect mark")] == [FAINT]


def test_the_coverage_has_three_states() -> None:
    cell = {"mes": "2025-03-01", "observed": 31, "gap": 0, "unasked": 0}
    cells = [
        cell | {"hora": 0},
        cell | {"hora": 1, "observed": 29, "gap": 2},
        cell | {"hora": 2, "observed": 20, "unasked": 11},
        cell | {"hora": 3, "observed": 0, "gap": 31},
    ]
    svg = figure("coverage", coverage_hours=cells)
    found = [(one.get("fill"), float(one.get("opacity", 1))) for one in marks(svg, "rect mark")]
    assert [fill for fill, _ in found] == ["#a6cfe6", RED, "#8c8c8c", RED]
    assert found[0][1] == 1 and found[1][1] < found[3][1] == 1
    assert {"All observed", "With gaps", "Not asked"} <= set(texts(svg))


def commune(name: str, index: float | None, customers: int = 500, company: str = "CGE") -> dict[str, Any]:
    return {
        "nombre_region": "NUBLE", "nombre_comuna": name, "nombre_empresa": company, "total_afectados": customers,
        "frecuencia": 3, "instability_index": index,
    }  # fmt: skip


def test_the_treemap_adds_companies_up_and_greys_what_has_no_denominator() -> None:
    items = [commune("Chillán", 20.0), commune("Chillán", 20.0, company="COPELEC"), commune("Bulnes", None)]
    svg = figure("communes", market_map=items)
    labels = [one.get("aria-label") or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    told = [label for label in labels if "Commune" in label]
    assert len(told) == 2
    assert any("Chillán" in label and "40.00" in label and "1,000" in label for label in told)
    assert any("Bulnes" in label and "no denominator" in label for label in told)
    assert {"Ñuble", "Chillán", "Bulnes"} <= set(texts(svg))
    assert FAINT in {one.get("fill") for one in ElementTree.fromstring(svg).iter(f"{SVG}path")}


def region(name: str, saidi: float, without: float | None, refused: str | None = None) -> dict[str, Any]:
    return {
        "period": "2025", "nombre_region": name, "saidi_hours": saidi, "saidi_hours_without_major": without,
        "t_med_refused": refused, "months": 4, "coverage": 0.998,
    }  # fmt: skip


def test_reliability_stands_with_and_without_major_days() -> None:
    items = [
        region("MAULE", 2.5, 1.25),
        region("NUBLE", 7, None, "days"),
        region("LOS RIOS", 99, 1) | {"period": "2024"},
    ]
    svg = figure("reliability", reliability=items)
    told = texts(svg)
    assert told.index("Ñuble") < told.index("Maule") and "Los Ríos" not in told  # of the last year
    assert len(marks(svg, "point")) == 3
    assert "2025: 4 months of data, coverage 99.8%" in told
    assert not any("not computed" in text for text in told)


def test_reliability_says_why_there_is_no_threshold() -> None:
    items = [region("MAULE", 2.5, None, "days"), region("NUBLE", 7, None, "days")]
    svg = figure("reliability", "es", reliability=items)
    assert len(marks(svg, "point")) == 2
    assert any("menos de 30 días anteriores" in text for text in texts(svg))


def test_restoration_breaks_where_nothing_was_observed() -> None:
    curve = [{"hours": n, "customers": None if n in (3, 4) else 100 - 10 * n} for n in range(8)]
    peak = {"nombre_region": "NUBLE", "peak_at": "2025-06-12T02:00:00.000Z", "peak_customers": 100}
    storms = [peak | {"rank": 1, "curve": curve}, peak | {"rank": 7, "curve": curve[:3]}]
    svg = figure("restoration", "es", restoration=storms)
    lines = marks(svg, "line mark")
    assert sorted(one.get("d", "").count("M") for one in lines) == [1, 2]
    # Told by the local day; a storm beyond the largest has no name.
    assert [text for text in texts(svg) if "Ñuble" in text] == ["1. Ñuble, 11 jun 2025"]


@pytest.mark.parametrize(("lang", "told"), [("es", "por región (muestra)"), ("en", "by region (sample)")])
def test_projects_say_that_they_are_a_sample_when_they_are(lang: str, told: str) -> None:
    titles = {
        sample: " ".join(specs(lang, META[0] | {"projects_sample": sample})["projects-by-region"]["title"]["text"])
        for sample in (True, False)
    }
    assert titles[True].endswith(told)
    assert titles[False] == BY_ID["projects-by-region"].title[lang]


def test_notes_of_the_meta_item_stand_under_the_title() -> None:
    plain = {
        "months": [], "synthetic": False, "commit": None, "config_sha256": "0" * 64,
    }  # fmt: skip
    about = plain | {
        "breaks": [{"mes": "2025-05", "reason": "the shape changes"}],
        "unknown_company": {"total_eventos": 1, "total_clientes_afectados": 1_360_006},
        "totals": {"eventos": 2, "clientes_afectados": 2_239_214, "clientes_hora": 3},
    }
    found = {name: " ".join(spec["title"]["subtitle"]) for name, spec in specs("es", about).items()}
    told = {name: text.replace("\u00a0", " ") for name, text in found.items()}
    assert "Quiebre de la serie, no comparable antes y después: mayo de 2025." in told["monthly-customers"]
    assert "Sin empresa publicada, y por eso fuera: 1.360.006 de 2.239.214 (60,7 %)." in told["companies"]
    quiet = " ".join(specs("en", plain | {"breaks": []})["monthly-customers"]["title"]["subtitle"])
    assert "Break" not in quiet
