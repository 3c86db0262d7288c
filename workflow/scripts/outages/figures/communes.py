"""Instability by commune as a treemap; Vega, because Vega-Lite has no such layout."""

from __future__ import annotations

from typing import Any

from .base import Figure
from .frame import Frame
from .layers import lines, named, quoted
from .style import FAINT, FONT, INK, MUTED, Spec

#: Pixels, of a phone's too: where there is less width, more height lets small regions and names be seen.
HEIGHT, TALL = 480, 640
#: Pixels: size of names, of a line of them, of the line with a region's name, beside and over a name.
SIZE, LINE, HEAD, MARGIN = 10, 12, 15, 4
#: Most lines of a name.
LINES = 3
#: Kinds of letters, and how much wider than most they are: for each pixel of size, in Arial and what is like it.
USUAL, BOLD = 0.556, 1.08
KINDS = {"[-fijlrtIíì ]": -0.28, "[A-HJ-ZÁÉÍÓÚÑ]": 0.15, "[mwMW]": 0.26}
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
        "height": TALL if frame.narrow else HEIGHT,
        "data": [
            {"name": "market_map"},
            {"name": "tree", "source": "market_map", "transform": _tree(frame)},
            _part("regions", "datum.depth === 1", _region()),
            _part("leaves", "datum.depth === 2", *_commune()),
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
                _text("datum.told")
                | {
                    "x": {"field": "x0", "offset": 3},
                    "y": {"field": "y0", "offset": HEAD / 2 + 1},
                    "fill": {"value": INK},
                    "fontWeight": {"value": "bold"},
                },
            ),
            _mark(
                "text",
                "leaves",
                _text("datum.told")
                | {
                    "x": {"field": "x0", "offset": MARGIN},
                    "y": {"field": "y0", "offset": MARGIN + LINE / 2},
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


def _part(name: str, test: str, *told: Spec) -> Spec:
    return {"name": name, "source": "tree", "transform": [{"type": "filter", "expr": test}, *told]}


def _region() -> Spec:
    """A region's name, where its box is wide enough and has room for more than the name."""
    room = f"datum.x1 - datum.x0 > {BOLD} * {_width('datum.key')} + {MARGIN} && datum.y1 - datum.y0 > {HEAD + LINE}"
    return {"type": "formula", "as": "told", "expr": f"{room} ? datum.key : ''"}


def _commune() -> list[Spec]:
    """A commune's name in lines, where its box holds all of them: a part of a name tells nothing."""
    inner = f"(datum.x1 - datum.x0 - {MARGIN + 2})"
    letters = f"max(1, floor({inner} / {USUAL * SIZE:.2f}))"
    longest = ", ".join(_width(f"(datum.lines[{at}] || '')") for at in range(LINES))
    height = f"datum.y1 - datum.y0 > {LINE} * length(datum.lines) + {MARGIN}"
    fits = f"length(datum.lines) <= {LINES} && max({longest}) <= {inner} && {height}"
    return [
        {"type": "formula", "as": "lines", "expr": lines("datum.nombre_comuna", letters)},
        {"type": "formula", "as": "told", "expr": f"{fits} ? datum.lines : ''"},
    ]


def _width(text: str) -> str:
    """Vega expression: about how many pixels a text takes, at the size of names."""
    kinds = [
        f"{more} * (length({text}) - length(replace({text}, regexp('{kind}', 'g'), '')))"
        for kind, more in KINDS.items()
    ]
    return f"({SIZE} * ({USUAL} * length({text}) + {' + '.join(kinds)}))"


def _box() -> Spec:
    sides = {"x": "x0", "x2": "x1", "y": "y0", "y2": "y1"}
    return {side: {"field": name} for side, name in sides.items()}


def _text(text: str) -> Spec:
    return {
        "text": {"signal": text},
        "font": {"value": FONT},
        "fontSize": {"value": SIZE},
        "lineHeight": {"value": LINE},
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
        "clientes de la región, y sin ellos no hay índice. Los nombres que no caben están en la tabla.",
        "en": "Each rectangle is a commune, within its region. Its area is the customers affected and its colour the "
        "instability index: customers affected for each 100 customers of the region. Grey: the region's customers are "
        "not known, and without them there is no index. Names that do not fit are in the table.",
    },
    filters=frozenset({"region"}),
    draw=_treemap,
    kind="vega",
    wide=(0, 0),
    narrow=(0, 0),
    bottom=78,
)
