"""Colours, type, and the number and date formats of two languages.

The colours of marks are those of Okabe and Ito, which the colour-blind tell apart.
"""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

BLUE, ORANGE, GREEN, RED, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, MUTED, FAINT, RULE = "#1a1a1a", "#595959", "#bdbdbd", "#e2e2e2"
#: Liberation Sans comes with vl-convert and has the widths of Arial, so that texts fit on every machine.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
#: Of the mark of made-up data.
WARNING = "#b30000"
#: Pixels from one line of the source to the next.
LINE = 15
MONTHS = {
    "es": [
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ],
    "en": [
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ],
}  # fmt: skip
DAYS = {
    "es": ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
    "en": ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
}


def common_config(lang: str) -> Spec:
    """Type, colours of text and axes, and the number and date formats of a language."""
    number = {"decimal": ",", "thousands": "."} if lang == "es" else {"decimal": ".", "thousands": ","}
    months, days = MONTHS[lang], DAYS[lang]
    time = {
        "dateTime": "%A %e %B %Y %X", "date": "%Y-%m-%d", "time": "%H:%M:%S", "periods": ["AM", "PM"],
        "days": days, "shortDays": [day[:3] for day in days],
        "months": months, "shortMonths": [month[:3] for month in months],
    }  # fmt: skip
    # Vega-Lite would take `font` for all; Vega asks for each.
    text = {
        "labelFont": FONT,
        "titleFont": FONT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelColor": INK,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
    }
    return {
        "locale": {"number": number | {"grouping": [3], "currency": ["$", ""]}, "time": time},
        "background": "white",
        "padding": 12,
        "font": FONT,
        "view": {"stroke": None},
        "axis": text | {"gridColor": RULE, "domainColor": FAINT, "tickColor": FAINT, "titlePadding": 8},
        "legend": text | {"symbolType": "square"},
        "title": {
            "font": FONT, "fontSize": 18, "color": INK, "anchor": "start", "frame": "bounds", "offset": 14,
            "subtitleFont": FONT, "subtitleFontSize": 13, "subtitleColor": MUTED,
            "subtitlePadding": 5, "subtitleLineHeight": 17,
        },
        "text": {"font": FONT},
        "style": {
            "label": {"fontSize": 12, "color": INK},
            "note": {"fontSize": 12, "color": MUTED},
            "nothing": {"fontSize": 16, "color": MUTED},
            "source": {"fontSize": 11, "color": MUTED, "align": "left", "baseline": "top", "lineHeight": LINE},
            "synthetic": {"fontSize": 12, "color": WARNING, "fontWeight": "bold", "align": "left", "baseline": "top"},
        },
    }  # fmt: skip
