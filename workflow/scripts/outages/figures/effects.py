"""Before and after an investment: estimates with their intervals, and those that were refused."""

from __future__ import annotations

from .base import Figure
from .counts import bands
from .frame import Frame
from .layers import lines, named, no_data, once, quoted, unknown
from .style import BLUE, INK, MUTED, Spec

ROW = 58
#: Pixels of half of an estimate in words.
HALF = 70
KINDS = {"line": "línea", "substation": "subestación", "storage": "almacenamiento"}


def _reasons(frame: Frame) -> dict[str, str]:
    return {
        "break": frame("la serie tiene un quiebre entre medio", "the series has a break in between"),
        "pattern": frame("las horas preguntadas difieren", "the hours that are asked differ"),
        "shape": frame("la forma de las respuestas difiere", "the shape of the answers differs"),
        "coverage": frame("menos de 80 % de las horas observadas", "under 80 % of the hours observed"),
        "denominator": frame("no se conocen los clientes", "the customers are not known"),
        "no_outages": frame("no se observó ningún corte", "no outage was observed"),
    }


def _effects(frame: Frame) -> Spec:
    plot = EFFECTS.plot(frame)
    kinds = KINDS if frame.lang == "es" else {}
    letters = 20 if frame.narrow else 32
    name, kind = "split(datum.value, '|')[0]", "split(datum.value, '|')[1]"
    wrapped = f"split(join({lines(name, letters)}, '|') + '|' + {kind}, '|')"
    # Without any estimate an axis would measure nothing.
    none = unknown("investment_validation", "delta")
    seen = {"expr": f"{none} ? 0 : 1"}
    y = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": bands(frame, EFFECTS, labelExpr=wrapped, labelLineHeight=14, labelBaseline="middle"),
    }
    negative = frame(" (negativo: menos horas-cliente)", " (negative: fewer customer-hours)")
    scale = {"domain": {"unionWith": [-20, 20]}}
    x = {
        "type": "quantitative",
        "title": frame("Efecto en %", "Effect in %") + ("" if frame.narrow else negative),
        "scale": scale,
        "axis": {
            "format": "+~r",
            "tickCount": 3 if frame.narrow else 6,
            "labelExpr": f"{none} ? '' : datum.value === 0 ? '0' : datum.label",
            **dict.fromkeys(("titleOpacity", "gridOpacity", "domainOpacity", "tickOpacity"), seen),
        },
    }
    to = quoted(frame(" a ", " to "))
    interval = f"' (' + format(datum.effect_low, '+.1f') + {to} + format(datum.effect_high, '+.1f') + ')'"
    bare = quoted(frame(" (sin intervalo)", " (no interval)"))
    tooltip = [
        {"field": "project", "title": frame("Obra", "Work")},
        {"field": "in_service", "title": frame("En servicio", "In service")},
        {"field": "told", "title": frame("Efecto", "Effect")},
    ]
    nowhere = frame("Ninguna obra tiene estimación con estos datos", "No work has an estimate with these data")
    refused = f"{quoted(frame('Sin estimación: ', 'No estimate: '))} + {named(_reasons(frame), 'datum.refused')}"
    at = "scale('x', datum.delta)"
    side = f"{at} < {HALF} ? 'left' : {at} > {plot - HALF} ? 'right' : 'center'"
    given = [{"filter": "isValid(datum.delta)"}]
    return {
        "width": plot,
        "height": {"step": ROW},
        "data": {"name": "investment_validation"},
        "transform": [
            {"calculate": f"datum.project + '|' + {named(kinds, 'datum.type')} + ', ' + datum.year", "as": "name"},
            {
                "calculate": "isValid(datum.delta) ? format(datum.delta, '+.1f') + ' %' + "
                f"(isValid(datum.effect_low) ? {interval} : {bare}) : {refused}",
                "as": "told",
            },
            {"calculate": lines("datum.told", plot // 6), "as": "lines"},
        ],
        "layer": [
            {
                # The line of no effect, beside estimates only.
                "transform": given,
                "mark": {
                    "type": "tick",
                    "orient": "vertical",
                    "height": 18,
                    "thickness": 1,
                    "color": INK,
                    "opacity": 1,
                },
                "encoding": {"x": x | {"datum": 0}, "y": y},
            },
            {
                "transform": [{"filter": "isValid(datum.delta) && isValid(datum.effect_low)"}],
                "mark": {"type": "rule", "color": BLUE, "strokeWidth": 3},
                "encoding": {"x": x | {"field": "effect_low"}, "x2": {"field": "effect_high"}, "y": y},
            },
            {
                "transform": given,
                "mark": {"type": "point", "filled": True, "size": 110, "color": BLUE, "opacity": 1},
                "encoding": {"x": x | {"field": "delta"}, "y": y, "tooltip": tooltip},
            },
            {
                "transform": given,
                "mark": {"type": "text", "style": "label", "dy": -18, "align": {"expr": side}},
                "encoding": {"x": x | {"field": "delta"}, "y": y, "text": {"field": "told"}},
            },
            {
                "transform": [{"filter": "!isValid(datum.delta)"}],
                "mark": {
                    "type": "text",
                    "style": "note",
                    "align": "left",
                    "fontStyle": "italic",
                    "color": MUTED,
                    "lineHeight": 14,
                },
                "encoding": {"x": {"value": 8}, "y": y, "text": {"field": "lines"}, "tooltip": tooltip},
            },
            once(
                "note",
                {"expr": f"{none} && !{unknown('investment_validation')} ? {quoted(nowhere)} : ''"},
                plot if frame.narrow else 8,
                "height",
                dy=16,
                align="right" if frame.narrow else "left",
            ),
            no_data(frame, unknown("investment_validation"), plot / 2, -12),
        ],
    }


EFFECTS = Figure(
    id="before-after",
    payloads=("investment_validation",),
    title={"es": "Antes y después de las inversiones", "en": "Before and after the investments"},
    subtitle={
        "es": "Cambio de las horas-cliente sin suministro en las regiones servidas frente a las de control; línea: "
        "intervalo de 95 %",
        "en": "Change of the customer-hours without supply in the regions served against control regions; line: 95 % "
        "interval",
    },
    caption={
        "es": "Punto: efecto estimado de cada obra, en %; línea: su intervalo de 95 %. Si el intervalo cruza el 0, no "
        "se distingue un efecto. Cuando los periodos no son comparables no hay estimación, y se dice por qué. No se "
        "excluyen otras causas en los mismos meses.",
        "en": "Point: estimated effect of each work, in %; line: its 95 % interval. If the interval crosses 0, no "
        "effect can be told. Where the periods cannot be compared there is no estimate, and the reason is told. Other "
        "causes in the same months are not excluded.",
    },
    filters=frozenset(),
    draw=_effects,
    wide=(200, 20),
    narrow=(120, 14),
)
