"""Customers affected by month, with storms and breaks of the series."""

from __future__ import annotations

from .base import Figure
from .break_rules import break_rules, breaks
from .frame import Frame
from .layers import haloed, named, no_data, percentage, quoted, unknown, unseen
from .style import BLUE, FAINT, RED, Spec

LANE, BARS = 84, 210
#: Share of the hours that a month needs for its bar to be drawn as whole (0-1).
COVERED = 0.8
#: Blue of months that miss more.
PART = "#7fb8d8"
#: Up to so many months each one gets a label.
FEW = 14


def month_axis(frame: Frame) -> Spec:
    """Months under a plot: each one of a few, else as many as fit; the year stands under its January."""
    few = len(frame.about["months"]) <= FEW
    name, year = "utcFormat(datum.value, '%b')", "utcFormat(datum.value, '%Y')"
    first = "datum.index === 0 || utcFormat(datum.value, '%m') === '01'"
    other = "utcFormat(datum.value, '%d') !== '01' || datum.value >= domain('x')[1]"
    return {
        "tickCount": "month" if few else 5 if frame.narrow else 8,
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


def nothing(frame: Frame, none: str, plot: int, height: int) -> list[Spec]:
    """What stands in place of months: the word, and the first month of the period so that there is a time axis."""
    first = min((one["month"] for one in frame.about["months"]), default="2000-01")
    year, month = map(int, first.split("-"))
    time = ({"year": year, "month": month, "date": 1, "utc": True}, "temporal")
    return [no_data(frame, none, plot / 2, height / 2), unseen(none, x=time)]


def _value_axis(frame: Frame, ticks: int) -> Spec:
    return {
        "minExtent": MONTHLY.left(frame) - 20,
        "maxExtent": MONTHLY.left(frame) - 20,
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
        "axis": _value_axis(frame, 2),
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
            *break_rules(frame, plot, MONTHLY.left(frame), LANE, axis=None),
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
            *haloed(
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
                }
            ),
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
                        "axis": _value_axis(frame, 4),
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
            *break_rules(frame, plot, MONTHLY.left(frame), BARS, told=False),
            *nothing(frame, unknown("time_series", "afectados"), plot, BARS),
        ],
    }


MONTHLY = Figure(
    id="monthly-customers",
    payloads=("time_series", "storms", "coverage", "breaks"),
    title={"es": "Clientes afectados por mes", "en": "Customers affected by month"},
    subtitle={
        "es": "Barras: suma del máximo de cada evento. Triángulos: temporales, con los clientes sin suministro en su "
        "peor hora. Celeste: mes con menos de 80 % de sus horas; gris: sin datos. Línea cortada: quiebre de la serie.",
        "en": "Bars: sum of the peak of each event. Triangles: storms, with the customers out in their worst hour. "
        "Light blue: month with under 80 % of its hours; grey: no data. Dashed line: break of the series.",
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
    wide=(96, 20),
    narrow=(84, 14),
)
