"""Breaks of the series are rules in the drawings over months, with their reasons."""

import re
from typing import Any
from xml.etree import ElementTree

from outages.figures import BY_ID

from .test_figures import SVG, Items, drawn, texts
from .test_figures_marks import META, STORM, figure, month


def broken(mes: str, kind: str, reason: str, reason_es: str) -> dict[str, Any]:
    return {"mes": f"{mes}-01", "kind": kind, "reason": reason, "reason_es": reason_es}


BREAKS = [
    broken("2025-04", "pattern", "the pattern changes", "las horas preguntadas cambian"),
    broken("2025-05", "shape", "the shape changes", "la forma de las respuestas cambia"),
]


def dashed(svg: str) -> list[tuple[float, float]]:
    """Position and length of each dashed vertical line, from left to right."""
    found = [one for one in ElementTree.fromstring(svg).iter(f"{SVG}line") if one.get("stroke-dasharray") == "5,3"]
    places = [re.findall(r"-?[\d.]+", one.get("transform", "")) for one in found]
    return sorted((float(x), abs(float(one.get("y2", 0)))) for (x, _), one in zip(places, found, strict=True))


def test_breaks_are_rules_in_both_panels_with_their_reason() -> None:
    series = [month(mes, 5) for mes in ("2025-03", "2025-04", "2025-05", "2025-06")]
    given: dict[str, Items] = {"time_series": series, "storms": [STORM], "breaks": BREAKS}
    svg = figure("monthly-customers", "es", **given)
    told = texts(svg)
    assert "abr 2025: quiebre, las horas preguntadas cambian" in told
    assert "may 2025: quiebre, la forma de las respuestas cambia" in told
    assert "May 2025: break, the shape changes" in texts(figure("monthly-customers", **given))
    rules = dashed(svg)
    assert len(rules) == 4  # two breaks, beside the storms and beside the bars
    assert rules[0][0] == rules[1][0] < rules[2][0] == rules[3][0]
    heights = sorted(height for _, height in rules)
    assert heights[0] > 84 and heights[-1] == 210  # through the storms up to the reason, and over the whole of the bars
    assert not dashed(figure("monthly-customers", **(given | {"breaks": []})))


def test_reasons_of_breaks_stay_in_a_narrow_picture_and_tell_all() -> None:
    series = [month(mes, 5) for mes in ("2025-03", "2025-04", "2025-05", "2025-06")]
    long = [broken("2025-06", "pattern", "the pattern of hours changes from 0, 6, 12, 18 to all", "")]
    given: dict[str, Items] = {id: [] for id in BY_ID["monthly-customers"].payloads}
    svg = drawn("monthly-customers", "en", given | {"time_series": series, "breaks": long, "_meta": META}, 330)
    assert float(ElementTree.fromstring(svg).attrib["width"]) <= 330 + 24
    assert "the pattern of hours changes from 0, 6, 12, 18 to all".replace(" ", "") in "".join(texts(svg)).replace(
        " ", ""
    )


def test_breaks_are_rules_in_the_coverage() -> None:
    cells = [{"mes": f"{mes}-01", "hora": 0, "observed": 31, "gap": 0, "unasked": 0} for mes in ("2025-04", "2025-05")]
    svg = figure("coverage", coverage_hours=cells, breaks=BREAKS)
    assert len(dashed(svg)) == 2
    assert "Apr 2025: break, the pattern changes" in texts(svg)
