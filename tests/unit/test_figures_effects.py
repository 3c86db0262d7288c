"""Estimates before and after an investment: intervals, refusals, and no axis where nothing is measured."""

import re
from typing import Any
from xml.etree import ElementTree

from .test_figures import SVG, drawn, texts
from .test_figures_marks import META, figure, marks


def work(project: str, **more: Any) -> dict[str, Any]:
    nothing = {"delta": None, "effect_low": None, "effect_high": None, "refused": None}
    return nothing | {"project": project, "year": 2019, "type": "line", "in_service": "2019-06"} | more


def test_estimates_have_intervals_and_refused_ones_a_reason() -> None:
    items = [
        work("Cardones", delta=-12.34, effect_low=-31.2, effect_high=8.8),
        work("Tineo", delta=3.0),
        work("REDENOR", refused="coverage"),
        work("Ancoa", refused="break"),
    ]
    svg = figure("before-after", investment_validation=items)
    told = texts(svg)
    assert {"−12.3 % (−31.2 to +8.8)", "+3.0 % (no interval)"} <= set(told)
    assert "No estimate: under 80 % of the hours observed" in told
    assert "No estimate: the series has a break in between" in told
    assert len(marks(svg, "point")) == 2, "what was refused has no point"
    spanish = texts(figure("before-after", "es", investment_validation=items))
    assert "−12,3 % (−31,2 a +8,8)" in spanish and any("línea, 2019" in text for text in spanish)
    assert "Sin estimación: menos de 80 % de las horas observadas" in spanish


def axis_of_effects(svg: str) -> tuple[int, list[str]]:
    """How many lines and titles of axes are seen, and the numbers beside them."""
    groups = [one for one in ElementTree.fromstring(svg).iter(f"{SVG}g") if "role-axis" in one.get("class", "")]
    parts = {id(part): part for one in groups for kind in ("line", "text") for part in one.iter(f"{SVG}{kind}")}
    seen = [
        one
        for one in parts.values()
        if all(float(one.get(name, 1)) for name in ("opacity", "fill-opacity", "stroke-opacity"))
    ]
    told = ["".join(one.itertext()) for one in seen]
    numbers = [text for text in told if re.fullmatch("[+−]?[0-9]+", text)]
    lines = sum(one.tag == f"{SVG}line" for one in seen)
    return lines + sum("Effect in %" in text for text in told), numbers


def test_without_any_estimate_there_is_no_axis_and_each_work_has_its_reason() -> None:
    refused = [work("Cardones", refused="coverage"), work("Ancoa", refused="break")]
    svg = figure("before-after", investment_validation=refused)
    assert axis_of_effects(svg) == (0, [])
    told = texts(svg)
    assert "No work has an estimate with these data" in told
    assert "No estimate: under 80 % of the hours observed" in told
    assert "No estimate: the series has a break in between" in told
    some = figure("before-after", investment_validation=[*refused, work("Tineo", delta=3.0)])
    assert axis_of_effects(some)[0] > 5 and "−20" in axis_of_effects(some)[1]
    assert "No work has an estimate with these data" not in texts(some)
    assert "No work has an estimate with these data" not in texts(figure("before-after"))


def test_reasons_and_names_of_works_are_broken_into_lines_on_a_phone() -> None:
    items = [work("Pichirropulli - Tineo 500 kV", refused="coverage")]
    svg = drawn("before-after", "es", {"investment_validation": items, "_meta": META}, 330)
    root = ElementTree.fromstring(svg)
    lines = ["".join(one.itertext()) for one in root.iter(f"{SVG}tspan")]
    assert {"Pichirropulli -", "Tineo 500 kV", "línea, 2019", "las horas observadas"} <= set(lines)
