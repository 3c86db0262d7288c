"""The states of the hours of each month."""

from __future__ import annotations

from .base import Figure
from .break_rules import break_rules, room
from .frame import Frame
from .layers import named, unknown
from .months import FEW, month_axis, nothing
from .style import RED, Spec

HEAT = 312
#: Of observed hours, and of those that were not asked.
SEEN, UNASKED = "#a6cfe6", "#8c8c8c"


def _coverage(frame: Frame) -> Spec:
    plot = COVERAGE.plot(frame)
    words = {
        "observed": frame("Todas observadas", "All observed"),
        "gap": frame("Con vacíos", "With gaps"),
        "unasked": frame("Sin preguntar", "Not asked"),
    }
    states = list(words.values())
    few = len(frame.about["months"]) <= 4 * FEW
    return {
        "width": plot,
        "height": HEAT,
        "data": {"name": "coverage_hours"},
        "transform": [
            {"calculate": "datum.observed + datum.gap + datum.unasked", "as": "total"},
            {"filter": "datum.total > 0"},
            # A gap is final, and is not to be hidden by hours that are only not asked yet.
            {
                "calculate": "datum.gap + datum.unasked === 0 ? 'observed' : datum.gap > 0 ? 'gap' : 'unasked'",
                "as": "worst",
            },
            {"calculate": named(words, "datum.worst"), "as": "state"},
            {
                "calculate": "datum.worst === 'observed' ? 1 : datum[datum.worst] / datum.total > 0.5 ? 1 : 0.65",
                "as": "depth",
            },
            {"calculate": "datum.hora + 1", "as": "until"},
        ],
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "white", "strokeWidth": 1 if few else 0},
                "encoding": {
                    "x": {
                        "timeUnit": "utcyearmonth",
                        "field": "mes",
                        "type": "temporal",
                        "scale": {"type": "utc"},
                        "title": None,
                        "axis": month_axis(frame) | {"domain": False},
                    },
                    "y": {
                        "field": "hora",
                        "type": "quantitative",
                        "scale": {"domain": [0, 24], "reverse": True, "nice": False},
                        "title": frame("Hora del día (local)", "Hour of the day (local)"),
                        "axis": {
                            "values": [0, 6, 12, 18, 24],
                            "labelExpr": "format(datum.value, '02d') + ':00'",
                            "minExtent": COVERAGE.left(frame) - 20,
                            "maxExtent": COVERAGE.left(frame) - 20,
                            "grid": False,
                            "domain": False,
                        },
                    },
                    "y2": {"field": "until"},
                    "color": {
                        "field": "state",
                        "type": "nominal",
                        "scale": {"domain": states, "range": [SEEN, RED, UNASKED]},
                        "legend": {
                            "orient": "top",
                            "direction": "vertical" if frame.narrow else "horizontal",
                            "title": None,
                            "offset": {"expr": f"12 + {room(frame)} * length(data('breaks'))"},
                        },
                    },
                    "opacity": {"field": "depth", "type": "quantitative", "scale": None},
                    "tooltip": [
                        {
                            "field": "mes",
                            "type": "temporal",
                            "timeUnit": "utcyearmonth",
                            "title": frame("Mes", "Month"),
                        },
                        {"field": "hora", "title": frame("Hora", "Hour")},
                        {"field": "observed", "title": frame("Observadas", "Observed"), "format": ","},
                        {"field": "gap", "title": frame("Vacíos", "Gaps"), "format": ","},
                        {"field": "unasked", "title": frame("Sin preguntar", "Not asked"), "format": ","},
                    ],
                },
            },
            *break_rules(frame, plot, COVERAGE.left(frame), HEAT),
            *nothing(frame, unknown("coverage_hours", "observed"), plot, HEAT),
        ],
    }


COVERAGE = Figure(
    id="coverage",
    payloads=("coverage_hours", "breaks"),
    title={"es": "Qué horas se observaron", "en": "Which hours were observed"},
    subtitle={
        "es": "Días de cada mes con respuesta utilizable de la fuente a esa hora. Más intenso: faltan más días; "
        "vacío: hora que no se pregunta.",
        "en": "Days of each month with a usable answer of the source at that hour. Deeper: more days are missing; "
        "empty: an hour that is not asked.",
    },
    caption={
        "es": "Cada celda es una hora del día en un mes (hora de Chile continental). Celeste: todos sus días se "
        "observaron. Bermellón: la fuente no dio respuesta utilizable en algunos, y eso ya no cambia. Gris: aún no se "
        "han preguntado. Lo que falta nunca se cuenta como cero.",
        "en": "Each cell is an hour of the day in a month (time of mainland Chile). Light blue: all its days were "
        "observed. Vermilion: the source gave no usable answer on some, and that is final. Grey: not asked yet. What "
        "is missing never counts as zero.",
    },
    filters=frozenset({"period"}),
    draw=_coverage,
    wide=(84, 20),
)
