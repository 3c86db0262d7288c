"""Figures over months: customers affected with storms, and the states of hours."""

from __future__ import annotations

from .base import BLUE, FAINT, RED, Figure, Frame, Spec, breaks, named, no_data, percentage, quoted, unknown, unseen

LANE, BARS, HEAT = 84, 210, 312
#: Share of the hours that a month needs for its bar to be drawn as whole (0-1).
COVERED = 0.8
#: Blues of whole months and of months that miss more, and of observed hours.
PART, SEEN = "#7fb8d8", "#a6cfe6"
UNASKED = "#8c8c8c"
#: Up to so many months each one gets a label.
FEW = 14


def month_axis(frame: Frame) -> Spec:
    """Months under a plot: each one of a few, else as many as fit; the year stands under its January."""
    few = len(frame.about["months"]) <= FEW
    name, year = "utcFormat(datum.value, '%b')", "utcFormat(datum.value, '%Y')"
    first = "datum.index === 0 || utcFormat(datum.value, '%m') === '01'"
    other = "utcFormat(datum.value, '%d') !== '01' || datum.value >= domain('x')[1]"
    return {
        "tickCount": "month" if few else 8 if frame.width > 600 else 5,
        "labelExpr": f"{other} ? '' : {first} ? [{name}, {year}] : {name}",
        "labelAlign": "left",
        "labelOverlap": True,
        "ticks": few,
        "grid": False,
    }


def _monthly(frame: Frame) -> Spec:
    plot = MONTHLY.plot(frame)
    # One for both panels: the first views' scales are merged with the others'.
    time = {"type": "temporal", "scale": {"type": "utc"}, "title": None, "axis": month_axis(frame)}
    month = {"timeUnit": "utcyearmonth", "field": "mes", **time}
    return {
        "vconcat": [_storms(frame, plot), _bars(frame, plot, month)],
        "spacing": 14,
        "resolve": {"scale": {"x": "shared"}},
    }


def _nothing(frame: Frame, nothing: str, plot: int, height: int) -> list[Spec]:
    """What stands in place of months: the word, and the first month of the period so that there is a time axis."""
    first = min((one["month"] for one in frame.about["months"]), default="2000-01")
    year, month = map(int, first.split("-"))
    time = ({"year": year, "month": month, "date": 1, "utc": True}, "temporal")
    return [no_data(frame, nothing, plot / 2, height / 2), unseen(nothing, x=time)]


def _value_axis(ticks: int) -> Spec:
    return {
        "minExtent": MONTHLY.left - 20,
        "maxExtent": MONTHLY.left - 20,
        "tickCount": ticks,
        "tickMinStep": 1,
        "format": ",d",
    }


def _storms(frame: Frame, plot: int) -> Spec:
    x = {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": None}
    peak = {
        "field": "peak_customers",
        "type": "quantitative",
        "title": frame("Temporales", "Storms"),
        "axis": _value_axis(2),
        "scale": {"domain": {"unionWith": [0, 1]}},
    }
    late = "datum.at > (datum.first + datum.last) / 2"
    return {
        "width": plot,
        "height": LANE,
        "data": {"name": "storms"},
        "transform": [
            # Begins are UTC, months local: Chile's clocks are 3 or 4 hours behind.
            {"calculate": "toDate(datum.begin) - 4 * 3600000", "as": "at"},
            {"calculate": named(frame.regions, "datum.nombre_region"), "as": "region"},
            {"calculate": "datum.region + ', ' + format(datum.peak_customers, ',')", "as": "label"},
        ],
        "layer": [
            {
                "mark": {"type": "rule", "color": RED, "opacity": 0.6},
                "encoding": {"x": x, "y": peak, "y2": {"datum": 0}},
            },
            {
                "mark": {
                    "type": "point",
                    "shape": "triangle-down",
                    "filled": True,
                    "color": RED,
                    "size": 60,
                    "opacity": 0.8,
                },
                "encoding": {
                    "x": x,
                    "y": peak,
                    "tooltip": [
                        {"field": "region", "title": frame("Región", "Region")},
                        {"field": "begin", "title": frame("Comienzo (UTC)", "Begin (UTC)")},
                        {"field": "hours", "title": frame("Horas", "Hours"), "format": ","},
                        {"field": "peak_customers", "title": frame("Máximo sin suministro", "Most out"), "format": ","},
                    ],
                },
            },
            {
                "transform": [
                    {
                        "joinaggregate": [
                            {"op": "min", "field": "at", "as": "first"},
                            {"op": "max", "field": "at", "as": "last"},
                        ]
                    },
                    {
                        "window": [{"op": "row_number", "as": "place"}],
                        "sort": [{"field": "peak_customers", "order": "descending"}],
                    },
                    {"filter": "datum.place === 1"},
                ],
                "mark": {
                    "type": "text",
                    "style": "label",
                    "align": {"expr": f"{late} ? 'right' : 'left'"},
                    "dx": {"expr": f"{late} ? -9 : 9"},
                },
                "encoding": {"x": x, "y": peak, "text": {"field": "label"}},
            },
        ],
    }


def _bars(frame: Frame, plot: int, month: Spec) -> Spec:
    unknown_months = [
        {"aggregate": [{"op": "sum", "field": "observed", "as": "seen"}], "groupby": ["mes"]},
        {"filter": "datum.seen === 0"},
        {"calculate": quoted(frame("Sin ninguna hora observada", "No observed hour")), "as": "told"},
    ]
    when = {"field": "mes", "type": "temporal", "timeUnit": "utcyearmonth", "title": frame("Mes", "Month")}
    return {
        "width": plot,
        "height": BARS,
        "layer": [
            {
                "data": {"name": "coverage"},
                "transform": unknown_months,
                "mark": {"type": "rect", "color": FAINT, "opacity": 0.45},
                "encoding": {"x": month, "tooltip": [when, {"field": "told", "title": frame("Datos", "Data")}]},
            },
            {
                "data": {"name": "time_series"},
                "transform": [
                    {"filter": "isValid(datum.afectados)"},
                    {"aggregate": [{"op": "sum", "field": "afectados", "as": "customers"}], "groupby": ["mes"]},
                    {"lookup": "mes", "from": {"data": {"name": "coverage"}, "key": "mes", "fields": ["coverage"]}},
                    {"calculate": percentage("datum.coverage"), "as": "seen"},
                ],
                "mark": {"type": "bar", "binSpacing": 3 if len(frame.about["months"]) <= 2 * FEW else 1},
                "encoding": {
                    "x": month,
                    "y": {
                        "field": "customers",
                        "type": "quantitative",
                        "title": frame("Clientes afectados", "Customers affected"),
                        "axis": _value_axis(4),
                        "scale": {"domain": {"unionWith": [0, 1]}},
                    },
                    "color": {"condition": {"test": f"datum.coverage < {COVERED}", "value": PART}, "value": BLUE},
                    "tooltip": [
                        when,
                        {"field": "customers", "title": frame("Clientes", "Customers"), "format": ","},
                        {"field": "seen", "title": frame("Cobertura", "Coverage")},
                    ],
                },
            },
            *_nothing(frame, unknown("time_series", "afectados"), plot, BARS),
        ],
    }


MONTHLY = Figure(
    id="monthly-customers",
    payloads=("time_series", "storms", "coverage"),
    title={"es": "Clientes afectados por mes", "en": "Customers affected by month"},
    subtitle={
        "es": "Barras: suma del máximo de cada evento. Triángulos: temporales, con los clientes sin suministro en su "
        "peor hora. Celeste: mes con menos de 80 % de sus horas; gris: sin datos.",
        "en": "Bars: sum of the peak of each event. Triangles: storms, with the customers out in their worst hour. "
        "Light blue: month with under 80 % of its hours; grey: no data.",
    },
    caption={
        "es": "Barras: clientes afectados, cada evento con su máximo, en el mes de su primera hora observada. "
        "Triángulos: temporales, episodios de una región con varias comunas a la vez, en su comienzo. Un mes sin "
        "ninguna hora observada es gris y no tiene barra: no es cero.",
        "en": "Bars: customers affected, each event with its peak, in the month of its first observed hour. "
        "Triangles: storms, episodes of a region with several communes at once, at their begin. A month without an "
        "observed hour is grey and has no bar: it is not zero.",
    },
    filters=frozenset({"region", "period"}),
    draw=_monthly,
    note=breaks,
    left=96,
)


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
                            "minExtent": COVERAGE.left - 20,
                            "maxExtent": COVERAGE.left - 20,
                            "grid": False,
                            "domain": False,
                        },
                    },
                    "y2": {"field": "until"},
                    "color": {
                        "field": "state",
                        "type": "nominal",
                        "scale": {"domain": states, "range": [SEEN, RED, UNASKED]},
                        "legend": {"orient": "top", "title": None, "offset": 6},
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
            *_nothing(frame, unknown("coverage_hours", "observed"), plot, HEAT),
        ],
    }


COVERAGE = Figure(
    id="coverage",
    payloads=("coverage_hours",),
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
    left=84,
)
