"""Instability by commune as a treemap; Vega, because Vega-Lite has no such layout."""

from __future__ import annotations

from typing import Any

from .base import FAINT, FONT, INK, MUTED, Figure, Frame, Spec, named, quoted

HEIGHT = 480
#: Sizes of names (pixels), and the width of a letter for each pixel of size.
REGION, COMMUNE, WIDE = 10, 10, 0.53
#: Pixels of the line with a region's name.
HEAD = 17
LIGHT, MIDDLE, DARK = "#deebf7", "#6baed6", "#08306b"


def _treemap(frame: Frame) -> Spec:
    told = f"(isValid(datum.index) ? format(datum.index, '.2f') : {quoted(frame('sin denominador', 'no denominator'))})"
    tooltip = {
        frame("Comuna", "Commune"): "datum.nombre_comuna",
        frame("Región", "Region"): "datum.region",
        frame("Índice", "Index"): told,
        frame("Clientes afectados", "Customers affected"): "format(datum.customers, ',')",
        frame("Eventos", "Events"): "format(datum.events, ',')",
    }
    fill = "isValid(datum.index) ? scale('shade', datum.index) : '" + FAINT + "'"
    return {
        "width": frame.width,
        "height": HEIGHT,
        "data": [
            {"name": "market_map"},
            {"name": "tree", "source": "market_map", "transform": _tree(frame)},
            _part("regions", "datum.depth === 1"),
            _part("leaves", "datum.depth === 2"),
        ],
        "scales": [
            {
                "name": "shade",
                "type": "sqrt",
                "domain": {"data": "leaves", "field": "index"},
                "domainMin": 0,
                "domainMax": {"signal": "max(0.01, extent(pluck(data('leaves'), 'index'))[1] || 0)"},
                "range": [LIGHT, MIDDLE, DARK],
                "interpolate": "lab",
            }
        ],
        "legends": [
            {
                "fill": "shade",
                "orient": "bottom",
                "direction": "horizontal",
                "title": frame("Índice (0 a 100); gris: sin denominador", "Index (0 to 100); grey: no denominator"),
                "titleLimit": frame.width,
                "gradientLength": 220,
                "gradientThickness": 12,
                "format": ".1~f",  # "~g" would tell 20 as 2e+1
                "tickCount": 5,
                "offset": 10,
            }
        ],
        "marks": [
            _mark(
                "rect",
                "leaves",
                _box()
                | {
                    "fill": {"signal": fill},
                    "tooltip": {"signal": _object(tooltip)},
                    "description": {"signal": _sentence(tooltip)},
                },
            ),
            _mark(
                "text",
                "regions",
                _text(_fitting("datum.name", REGION), REGION)
                | {
                    "x": {"field": "x0", "offset": 3},
                    "y": {"field": "y0", "offset": HEAD / 2},
                    "fill": {"value": INK},
                    "fontWeight": {"value": "bold"},
                },
            ),
            _mark(
                "text",
                "leaves",
                _text(_fitting("datum.nombre_comuna", COMMUNE, words=True), COMMUNE)
                | {
                    "x": {"field": "x0", "offset": 4},
                    "y": {"field": "y0", "offset": 10},
                    "fill": {"signal": f"luminance({fill}) > 0.3 ? '#111111' : '#ffffff'"},
                },
            ),
            {
                "type": "text",
                "interactive": False,
                "encode": {
                    "update": {
                        "x": {"signal": "width / 2"},
                        "y": {"signal": "height / 2"},
                        "align": {"value": "center"},
                        "font": {"value": FONT},
                        "fontSize": {"value": 16},
                        "fill": {"value": MUTED},
                        "text": {"signal": f"length(data('leaves')) ? '' : {quoted(frame.nothing)}"},
                    }
                },
            },
        ],
    }


def _tree(frame: Frame) -> list[Spec]:
    longest = ", ".join(f"length(datum.words[{at}] || '')" for at in range(4))
    sums = {"total_afectados": "customers", "instability_index": "sum", "frecuencia": "events"}
    return [
        {
            "type": "aggregate",
            "groupby": ["nombre_region", "nombre_comuna"],
            "fields": [*sums, "instability_index"],
            "ops": ["sum", "sum", "sum", "valid"],
            "as": [*sums.values(), "known"],
        },
        # Without the customers of the region there is no index: nothing, and not 0.
        {"type": "formula", "as": "index", "expr": "datum.known ? min(100, datum.sum) : null"},
        {"type": "formula", "as": "region", "expr": named(frame.regions, "datum.nombre_region")},
        {"type": "filter", "expr": "datum.customers > 0"},
        {"type": "formula", "as": "words", "expr": "split(datum.nombre_comuna, ' ')"},
        {"type": "formula", "as": "longest", "expr": f"max({longest})"},
        {"type": "nest", "keys": ["region"], "generate": True},
        {
            "type": "treemap",
            "field": "customers",
            "sort": {"field": "value", "order": "descending"},
            "method": "squarify",
            "ratio": 1.4,
            "paddingInner": 1,
            "paddingOuter": 1.5,
            "paddingTop": HEAD,
            "round": True,
            "size": [{"signal": "width"}, {"signal": f"height + {HEAD}"}],
        },
        # The root has a head too, which stands for nothing: all moves up by it.
        {"type": "formula", "as": "y0", "expr": f"datum.y0 - {HEAD}"},
        {"type": "formula", "as": "y1", "expr": f"datum.y1 - {HEAD}"},
    ]


def _part(name: str, test: str) -> Spec:
    more = [{"type": "formula", "as": "name", "expr": "datum.key"}] if name == "regions" else []
    return {"name": name, "source": "tree", "transform": [{"type": "filter", "expr": test}, *more]}


def _box() -> Spec:
    sides = {"x": "x0", "x2": "x1", "y": "y0", "y2": "y1"}
    return {side: {"field": name} for side, name in sides.items()}


def _fitting(name: str, size: int, words: bool = False) -> str:
    """A name if its box holds it, else its words in lines, else nothing: a part of a name tells nothing."""
    wide, high = "(datum.x1 - datum.x0 - 6)", "(datum.y1 - datum.y0)"
    letter = WIDE * size
    lines = f"{wide} > {letter:.2f} * datum.longest && {high} > {size + 2} * length(datum.words) + 6 ? datum.words : "
    return f"{wide} > {letter:.2f} * length({name}) && {high} > 14 ? {name} : {lines if words else ''}''"


def _text(text: str, size: int) -> Spec:
    return {
        "text": {"signal": text},
        "font": {"value": FONT},
        "fontSize": {"value": size},
        "lineHeight": {"value": size + 2},
        "baseline": {"value": "middle"},
    }


def _mark(kind: str, data: str, encoding: dict[str, Any]) -> Spec:
    return {"type": kind, "from": {"data": data}, "interactive": kind == "rect", "encode": {"update": encoding}}


def _sentence(parts: dict[str, str]) -> str:
    """What a screen reader tells of a commune."""
    return " + '; ' + ".join(f"{quoted(name + ': ')} + {value}" for name, value in parts.items())


def _object(parts: dict[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {value}" for name, value in parts.items()) + "}"


COMMUNES = Figure(
    id="communes",
    payloads=("market_map",),
    title={"es": "Inestabilidad por comuna", "en": "Instability by commune"},
    subtitle={
        "es": "Superficie: clientes afectados, suma del máximo de cada evento. Color: índice, los mismos por cada 100 "
        "clientes de la región, a lo más 100.",
        "en": "Area: customers affected, sum of the peak of each event. Colour: index, the same for each 100 customers "
        "of the region, at most 100.",
    },
    caption={
        "es": "Cada rectángulo es una comuna, dentro de su región. Su superficie son los clientes afectados y su color "
        "el índice de inestabilidad: clientes afectados por cada 100 clientes de la región. Gris: no se conocen los "
        "clientes de la región, y sin ellos no hay índice.",
        "en": "Each rectangle is a commune, within its region. Its area is the customers affected and its colour the "
        "instability index: customers affected for each 100 customers of the region. Grey: the region's customers are "
        "not known, and without them there is no index.",
    },
    filters=frozenset({"region"}),
    draw=_treemap,
    kind="vega",
    left=0,
    right=0,
    bottom=78,
)
