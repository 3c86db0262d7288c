"""Reliability by region, and how supply came back after storms."""

from __future__ import annotations

from .base import Figure
from .break_rules import breaks
from .counts import STEP, bands
from .frame import Frame
from .layers import named, no_data, percentage, quoted, unknown
from .style import BLUE, GREEN, INK, MUTED, RED, Spec

CURVES = 300
#: Pixels of a line of the note.
NOTE = 16
#: Curves that get a colour of their own; the others are grey.
TOLD = 6
COLOURS = [BLUE, RED, GREEN, INK, "#a8518a", "#8a6100"]
DASHES: list[list[int]] = [[1, 0], [1, 0], [1, 0], [1, 0], [6, 3], [2, 3]]


def _reliability(frame: Frame) -> Spec:
    words = [frame("Todos los días", "All days"), frame("Sin días de evento mayor", "Without major event days")]
    refused = {
        "days": frame(
            "Sin días de evento mayor: no se calcula, hay menos de 30 días anteriores utilizables",
            "Without major event days: not computed, under 30 usable days before",
        ),
        "denominator": frame(
            "Sin días de evento mayor: no se calcula, no se conocen los clientes",
            "Without major event days: not computed, the customers are not known",
        ),
    }
    reasons = {code: frame.wrap(text, 12) for code, text in refused.items()}
    left = RELIABILITY.left(frame)
    above = (56 if frame.narrow else 38) + NOTE * max(map(len, reasons.values()))
    bold = {"condition": {"test": "datum.value === 'Chile'", "value": "bold"}, "value": "normal"}
    y = {
        "field": "name",
        "type": "nominal",
        "sort": {"op": "max", "field": "saidi_hours", "order": "descending"},
        "title": None,
        "axis": bands(frame, RELIABILITY, grid=True, labelFontWeight=bold),
    }
    x = {
        "field": "saidi_hours",
        "type": "quantitative",
        "title": frame("Horas por cliente (SAIDI)", "Hours per customer (SAIDI)"),
        "axis": {"tickCount": 3 if frame.narrow else 6, "format": ",.2~f"},
        "scale": {"domain": {"unionWith": [0, 0.1]}},
    }
    without = {"field": "saidi_hours_without_major", "type": "quantitative"}
    colour = {"type": "nominal", "scale": {"domain": words, "range": [BLUE, RED]}, "legend": _legend(frame)}
    shape = {"type": "nominal", "scale": {"domain": words, "range": ["circle", "diamond"]}, "legend": _legend(frame)}
    both = {"transform": [{"filter": "isValid(datum.saidi_hours_without_major)"}]}
    tooltip = [
        {"field": "name", "title": frame("Región", "Region")},
        {"field": "period", "title": frame("Año", "Year")},
        {"field": "saidi_hours", "title": words[0], "format": ".2f"},
        {"field": "without", "title": words[1]},
        {"field": "seen", "title": frame("Cobertura", "Coverage")},
        {"field": "months", "title": frame("Meses", "Months")},
    ]
    months = f"(datum.months === 1 ? {quoted(frame(' mes', ' month'))} : {quoted(frame(' meses', ' months'))})"
    seen = quoted(frame(" con datos, cobertura ", " of data, coverage "))
    note = f"datum.period + ': ' + datum.months + {months} + {seen} + datum.seen"
    return {
        "width": RELIABILITY.plot(frame),
        "height": {"step": STEP},
        "data": {"name": "reliability"},
        "transform": [
            {"filter": "length(datum.period) === 4 && isValid(datum.saidi_hours)"},
            {"joinaggregate": [{"op": "max", "field": "period", "as": "latest"}]},
            {"filter": "datum.period === datum.latest"},
            {"calculate": named(frame.regions, "datum.nombre_region"), "as": "name"},
            {
                "calculate": "isValid(datum.saidi_hours_without_major) ? "
                f"format(datum.saidi_hours_without_major, '.2f') : {named(refused, 'datum.t_med_refused')}",
                "as": "without",
            },
            {"calculate": percentage("datum.coverage"), "as": "seen"},
            {"calculate": note, "as": "note"},
            {"calculate": quoted(words[0]), "as": "all"},
            {"calculate": quoted(words[1]), "as": "fewer"},
            {"calculate": named(reasons, "datum.t_med_refused"), "as": "reason"},
            {"joinaggregate": [{"op": "valid", "field": "saidi_hours_without_major", "as": "given"}]},
            {"window": [{"op": "row_number", "as": "place"}]},
        ],
        "layer": [
            both
            | {
                "mark": {"type": "rule", "color": MUTED, "strokeWidth": 1.5},
                "encoding": {"x": x, "x2": {"field": "saidi_hours_without_major"}, "y": y},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 95, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour | {"field": "all"},
                    "shape": shape | {"field": "all"},
                    "tooltip": tooltip,
                },
            },
            both
            | {
                "mark": {"type": "point", "filled": True, "size": 95, "opacity": 1},
                "encoding": {
                    "x": without | {"title": x["title"]},
                    "y": y,
                    "color": colour | {"field": "fewer"},
                    "shape": shape | {"field": "fewer"},
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "text", "style": "label", "align": "left", "dx": 9},
                "encoding": {
                    "x": {"field": "saidi_hours", "type": "quantitative"},
                    "y": y,
                    "text": {"field": "saidi_hours", "format": ".2f"},
                },
            },
            # The year, and why a threshold is missing, are told once.
            _note("note", left, above),
            {"transform": [{"filter": "datum.given === 0"}]} | _note("reason", left, above - NOTE),
            no_data(frame, unknown("reliability", "saidi_hours"), RELIABILITY.plot(frame) / 2, 10 - above),
        ],
    }


def _note(field: str, left: int, above: int) -> Spec:
    """A text of the first row, over the plot; beside the transform of its layer, if it has one."""
    return {
        "mark": {
            "type": "text", "style": "note", "align": "left", "baseline": "top", "lineHeight": NOTE, "clip": False,
            "text": {"expr": f"datum.place === 1 ? datum.{field} : ''"},
        },
        "encoding": {"x": {"value": -left}, "y": {"value": -above}},
    }  # fmt: skip


def _legend(frame: Frame) -> Spec:
    direction = "vertical" if frame.narrow else "horizontal"
    return {
        "orient": "top", "direction": direction, "title": None, "offset": 4, "labelLimit": 300, "symbolSize": 95,
    }  # fmt: skip


RELIABILITY = Figure(
    id="reliability",
    payloads=("reliability",),
    title={"es": "Horas sin suministro por cliente", "en": "Hours without supply per customer"},
    subtitle={
        "es": "SAIDI del último año del periodo, por región, con y sin los días de evento mayor",
        "en": "SAIDI of the last year of the period, by region, with and without major event days",
    },
    caption={
        "es": "SAIDI: horas sin suministro por cliente en el último año del periodo, sobre las horas observadas. Los "
        "días de evento mayor son los que superan el umbral de IEEE 1366 (2,5 beta), que necesita al menos 30 días "
        "anteriores; sin ellos no se calcula, y no hay rombo. Incluye la fuerza mayor: no es el índice oficial.",
        "en": "SAIDI: hours without supply per customer in the last year of the period, over the hours observed. Major "
        "event days exceed the threshold of IEEE 1366 (2.5 beta), which needs at least 30 days before; without them it "
        "is not computed, and there is no diamond. Force majeure is included: this is not the official index.",
    },
    filters=frozenset({"region"}),
    draw=_reliability,
    note=breaks,
    wide=(150, 50),
    narrow=(116, 44),
)


def _restoration(frame: Frame) -> Spec:
    plot = RESTORATION.plot(frame)
    x = {
        "field": "days",
        "type": "quantitative",
        "title": frame("Días desde la peor hora", "Days since the worst hour"),
        "axis": {"tickMinStep": 0.5, "format": ".1~f", "tickCount": 4 if frame.narrow else 7},
        "scale": {"nice": False, "domain": {"unionWith": [0, 1]}},
    }
    y = {
        "field": "share",
        "type": "quantitative",
        "title": frame("Clientes aún sin suministro", "Customers still out"),
        "axis": {"format": ".0%", "values": [0, 0.1, 0.25, 0.5, 0.75, 1]},
        "scale": {"domain": [0, 1.05], "nice": False},
    }
    # What was not observed breaks the line.
    line = {"type": "line", "invalid": "break-paths-show-domains", "strokeCap": "round", "clip": True}
    # A legend of Vega's would have no size without a storm: this one is drawn.
    told = [{"filter": f"datum.rank <= {TOLD}"}]
    domain = list(range(1, TOLD + 1))
    rank = {"field": "rank", "type": "nominal", "legend": None}
    colours = {
        "color": rank | {"scale": {"domain": domain, "range": COLOURS}},
        "strokeDash": rank | {"scale": {"domain": domain, "range": DASHES}},
    }
    tooltip = [
        {"field": "storm", "title": frame("Temporal", "Storm")},
        {"field": "hours", "title": frame("Horas después", "Hours after")},
        {"field": "customers", "title": frame("Clientes sin suministro", "Customers out"), "format": ","},
        {"field": "out", "title": frame("De los de la peor hora", "Of those of the worst hour")},
    ]
    name = named(frame.regions, "datum.nombre_region")
    return {
        "width": plot,
        "height": CURVES,
        "data": {"name": "restoration"},
        "transform": [
            {
                "calculate": f"{name} + ', ' + utcFormat(toDate(datum.peak_at) - 4 * 3600000, '%-d %b %Y')",
                "as": "where",
            },
            {"calculate": "datum.rank + '. ' + datum.where", "as": "storm"},
            {"calculate": "datum.background || 0", "as": "usual"},
            {"flatten": ["curve"], "as": ["point"]},
            {"calculate": "datum.point.hours", "as": "hours"},
            {"calculate": "datum.point.hours / 24", "as": "days"},
            {"calculate": "datum.point.customers", "as": "customers"},
            {
                # What was out before the storm too does not come back: 0 is that background.
                "calculate": "isValid(datum.customers) && datum.peak_customers > datum.usual ? "
                "max(0, datum.customers - datum.usual) / (datum.peak_customers - datum.usual) : null",
                "as": "share",
            },
            {"calculate": percentage("datum.share"), "as": "out"},
        ],
        "layer": [
            {
                "transform": [{"filter": f"datum.rank > {TOLD}"}],
                "mark": line | {"color": "#c4c4c4", "strokeWidth": 1.2},
                "encoding": {"x": x, "y": y, "detail": {"field": "rank"}, "tooltip": tooltip},
            },
            {
                "transform": told,
                "mark": line | {"strokeWidth": 2.2},
                "encoding": {"x": x, "y": y, "tooltip": tooltip} | colours,
            },
            *_key(frame, plot, told, colours),
            no_data(frame, unknown("restoration", "rank"), plot / 2, CURVES / 2),
        ],
    }


def _key(frame: Frame, plot: int, told: list[Spec], colours: Spec) -> list[Spec]:
    """Stroke and name of each storm that has a colour, in rows under the plot."""
    columns = 1 if frame.narrow else 3
    left = RESTORATION.left(frame)
    x = f"{(plot + left) / columns:.0f} * (datum.slot % {columns}) - {left}"
    y = {"value": {"expr": f"height + 64 + 20 * floor(datum.slot / {columns})"}}
    slots = [
        *told,
        {"filter": "datum.hours === 0"},
        {"window": [{"op": "row_number", "as": "place"}], "sort": [{"field": "rank"}]},
        {"calculate": "datum.place - 1", "as": "slot"},
    ]
    stroke = {"x": {"value": {"expr": x}}, "x2": {"value": {"expr": f"{x} + 26"}}, "y": y}
    name = {"x": {"value": {"expr": f"{x} + 33"}}, "y": y, "text": {"field": "storm"}}
    return [
        {
            "transform": slots,
            "mark": {"type": "rule", "strokeWidth": 2.2, "clip": False, "tooltip": None},
            "encoding": stroke | colours,
        },
        {
            "transform": slots,
            "mark": {"type": "text", "style": "label", "align": "left", "clip": False},
            "encoding": name,
        },
    ]


RESTORATION = Figure(
    id="restoration",
    payloads=("restoration",),
    title={"es": "Cómo volvió el suministro", "en": "How supply came back"},
    subtitle={
        "es": "Clientes aún sin suministro tras los mayores temporales, en % de su peor hora sobre lo habitual. Gris: "
        "los menores.",
        "en": "Customers still out after the largest storms, in % of their worst hour above the usual. Grey: "
        "smaller ones.",
    },
    caption={
        "es": "Cada curva es un temporal de una región, desde su peor hora: qué parte de los clientes que perdieron el "
        "suministro seguía sin él. 0 % es lo habitual del mes, que estaba sin suministro también antes. Termina cuando "
        "volvió el 95 %, o antes si faltan datos o llega otro temporal. Las horas sin datos interrumpen la línea.",
        "en": "Each curve is a storm of a region, from its worst hour on: which share of the customers that it cut off "
        "was still out. 0 % is what is usual in the month, which was out before too. It ends when 95 % are back, or "
        "before if data are missing or another storm comes. Hours without data break the line.",
    },
    filters=frozenset({"region", "period"}),
    draw=_restoration,
    wide=(84, 20),
    bottom=118,
)
