"""Breaks of the series: as a note under the title, and as rules with their reasons in a drawing over months."""

from __future__ import annotations

from typing import Any

from .frame import Frame
from .layers import haloed, lines, quoted
from .style import INK, Spec

#: Pixels of a line of a reason, and of a letter of it.
LINE, LETTER = 14, 5.9
#: Vega expression of what is told of a break.
MONTH, REASON = "utcFormat(toDate(datum.mes), '%b %Y')", {"es": "datum.reason_es || datum.reason", "en": "datum.reason"}


def breaks(frame: Frame) -> str:
    """From which months on the series is not comparable with what went before."""
    months = ", ".join(dict.fromkeys(frame.month(one["mes"]) for one in frame.about.get("breaks", ())))
    told = frame(
        f"Quiebre de la serie, no comparable antes y después: {months}.",
        f"Break of the series, not comparable before and after: {months}.",
    )
    return told if months else ""


def room(frame: Frame) -> int:
    """Pixels over the plot that one reason takes: where there is little width, two lines."""
    return LINE * (2 if frame.narrow else 1) + 2


def break_rules(frame: Frame, plot: int, left: int, height: int, told: bool = True, **x: Any) -> list[Spec]:
    """Layers of a plot over months: a rule at each item of the payload `breaks`, and its reason over the plot.

    All lengths are pixels; rules go down to `height`; `x` is added to their horizontal channel. Reasons stand in
    rows, the first on top, each where its own rule ends, or as far to the left as it must to stay in the picture.
    """
    when = {"field": "at", "type": "temporal", "scale": {"type": "utc"}, **x}
    under = f"-{room(frame)} * (datum.all - datum.place) - 4" if told else "0"
    letters = int((plot + left) / LETTER)
    at = f"min(scale('x', datum.at) + 4, {plot} - {LETTER} * min(length(datum.told), {letters}))"
    tooltip = [
        {"field": "month", "title": frame("Quiebre de la serie", "Break of the series")},
        {"field": "why", "title": frame("Motivo", "Reason")},
    ]
    common = {
        "data": {"name": "breaks"},
        "transform": [
            {"calculate": "toDate(datum.mes)", "as": "at"},
            {"calculate": MONTH, "as": "month"},
            {"calculate": REASON[frame.lang], "as": "why"},
            {"calculate": f"datum.month + ': ' + {quoted(frame('quiebre, ', 'break, '))} + datum.why", "as": "told"},
            {"window": [{"op": "row_number", "as": "place"}], "sort": [{"field": "at"}]},
            {"joinaggregate": [{"op": "count", "as": "all"}]},
        ],
    }
    rule: Spec = {
        "mark": {"type": "rule", "color": INK, "strokeWidth": 1.3, "strokeDash": [5, 3], "clip": False},
        "encoding": {
            "x": when,
            "y": {"value": {"expr": under}},
            "y2": {"value": height},
            "tooltip": tooltip,
        },
    }
    text: Spec = {
        "mark": {
            "type": "text",
            "style": "label",
            "align": "left",
            "baseline": "top",
            "lineHeight": LINE,
            "clip": False,
        },
        "encoding": {
            "x": {"value": {"expr": f"max(-{left}, {at})"}},
            "y": {"value": {"expr": f"{under} - {room(frame)}"}},
            "text": {"field": "lines"},
            "tooltip": tooltip,
        },
    }
    wrapped = {"transform": [*common["transform"], {"calculate": lines("datum.told", letters), "as": "lines"}]}
    return [common | rule, *(haloed(common | wrapped | text) if told else [])]
