"""What every figure shares: words of two languages, number formats, colours, type, title and source line.

A figure is a Vega-Lite or Vega specification without data: it names payloads, and whoever draws it puts their items
in. Widths are pixels; the colours of marks are those of Okabe and Ito, which the colour-blind tell apart.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..shares import SHORT

Spec = dict[str, Any]
Words = dict[str, str]

WIDTH = 720
BLUE, ORANGE, GREEN, RED, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, MUTED, FAINT, RULE = "#1a1a1a", "#595959", "#bdbdbd", "#e2e2e2"
#: Liberation Sans comes with vl-convert and has the widths of Arial, so that texts fit on every machine.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SCHEMAS = {
    "vega-lite": "https://vega.github.io/schema/vega-lite/v6.json",
    "vega": "https://vega.github.io/schema/vega/v6.json",
}
#: Of the mark of made-up data.
WARNING = "#b30000"
#: Pixels from one line of the source to the next.
LINE = 15

REGIONS = {
    "CHILE": "Chile",
    "ARICA Y PARINACOTA": "Arica y Parinacota",
    "TARAPACA": "Tarapacá",
    "ANTOFAGASTA": "Antofagasta",
    "ATACAMA": "Atacama",
    "COQUIMBO": "Coquimbo",
    "VALPARAISO": "Valparaíso",
    "METROPOLITANA": "Metropolitana",
    "O'HIGGINS": "O'Higgins",
    "MAULE": "Maule",
    "NUBLE": "Ñuble",
    "BIOBIO": "Biobío",
    "LA ARAUCANIA": "La Araucanía",
    "LOS RIOS": "Los Ríos",
    "LOS LAGOS": "Los Lagos",
    "AYSEN": "Aysén",
    "MAGALLANES": "Magallanes",
    "INTERREGIONAL": "Interregional",
}
#: After the title of a figure of a sample.
SAMPLE = {"es": " (muestra)", "en": " (sample)"}
SOURCE = {"es": "Fuente: SEC, Interrupciones en Línea", "en": "Source: SEC, Interrupciones en Línea"}
_MONTHS = {
    "es": [
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ],
    "en": [
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ],
}  # fmt: skip
_DAYS = {
    "es": ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
    "en": ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
}


@dataclass(frozen=True)
class Frame:
    """What a drawing is made for: language, `_meta` item, and width in pixels."""

    lang: str
    about: dict[str, Any]
    width: int = WIDTH

    def __call__(self, es: str, en: str) -> str:
        """The word of the language."""
        return es if self.lang == "es" else en

    def wrap(self, text: str, size: float, width: float | None = None) -> list[str]:
        """Lines of a text that fit the width at a font size, both in pixels."""
        together = re.sub(r"(?<=\d) (?=%)", "\u00a0", text)
        return textwrap.wrap(together, int((width or self.width) / (size * 0.48)), break_long_words=False) or [""]

    @property
    def regions(self) -> Words:
        """Names of the regions as people write them."""
        return REGIONS | {"UNKNOWN": self("Sin región", "Unknown region")}

    @property
    def nothing(self) -> str:
        """What stands where there is nothing to draw."""
        return self("Sin datos", "No data")

    @property
    def period(self) -> str:
        """First and last month, in words."""
        months = [one["month"] for one in self.about["months"]]
        if not months:
            return self.nothing
        first, last = self.month(months[0]), self.month(months[-1])
        return first if first == last else self(f"{first} a {last}", f"{first} to {last}")

    def month(self, month: str) -> str:
        """A month, YYYY-MM, in words."""
        name = _MONTHS[self.lang][int(month[5:7]) - 1]
        return self(f"{name} de {month[:4]}", f"{name} {month[:4]}")

    def source(self, words: Words) -> list[str]:
        """Lines that tell where a figure comes from, and which version of the data this is."""
        about = self.about
        replica = self(" (imitada por una réplica)", " (imitated by a replica)") if about["synthetic"] else ""
        through = max((one["through"] for one in about["months"]), default="")
        until = self(f"datos hasta {_hour(through)} UTC", f"data until {_hour(through)} UTC") if through else ""
        version = f"{(about['commit'] or '-')[:8]}/{about['config_sha256'][:8]}"
        texts = [
            words[self.lang] + replica + ".",
            self("Versión: ", "Version: ") + version + (f", {until}." if until else "."),
        ]
        return self.wrap(" ".join(texts), 11)


@dataclass(frozen=True)
class Figure:
    """A figure of the page; `payloads` are the ids that its specification names as data."""

    id: str
    payloads: tuple[str, ...]
    title: Words
    #: One sentence under the title: what is counted, in which unit.
    subtitle: Words
    #: What it shows, the units, how it is read.
    caption: Words
    filters: frozenset[str]
    draw: Callable[[Frame], Spec]
    kind: str = "vega-lite"
    #: Pixels left and right of the plot, and between the plot and the source line.
    left: int = 84
    right: int = 20
    bottom: int = 56
    source: Words = field(default_factory=lambda: SOURCE)
    #: How the period is told.
    period: Words = field(default_factory=lambda: {"es": "{}", "en": "{}"})

    #: The key of `_meta` that tells whether the figure rests on a sample.
    sample: str = ""
    #: What `_meta` adds under the title, such as a break of the series; empty when there is nothing.
    note: Callable[[Frame], str] = field(default=lambda frame: "")

    def plot(self, frame: Frame) -> int:
        """Pixels that the plot is wide."""
        return frame.width - self.left - self.right

    def build(self, lang: str, about: dict[str, Any], width: int = WIDTH) -> Spec:
        """The specification, without data, in `es` or `en`; `about` is the item of `_meta`."""
        frame = Frame(lang, about, width)
        spec = {"$schema": SCHEMAS[self.kind], "description": self.caption[lang], **self.draw(frame)}
        period = self.period[lang].format(frame.period)
        lines = [*frame.wrap(self.subtitle[lang], 13), period[0].upper() + period[1:]]
        if note := self.note(frame):
            lines += frame.wrap(note, 13)
        some = SAMPLE[lang] if about.get(self.sample) else ""
        spec["title"] = {"text": frame.wrap(self.title[lang] + some, 18), "subtitle": lines}
        spec["config"] = common_config(lang)
        if self.kind == "vega":
            spec["marks"] += _footer_marks(frame, self)
        else:
            last = spec["vconcat"][-1] if "vconcat" in spec else spec
            last["layer"] += _footer(frame, self)
        return spec


def breaks(frame: Frame) -> str:
    """From which months on the series is not comparable with what went before."""
    months = ", ".join(frame.month(one["mes"]) for one in frame.about.get("breaks", ()))
    told = frame(
        f"Quiebre de la serie, no comparable antes y después: {months}.",
        f"Break of the series, not comparable before and after: {months}.",
    )
    return told if months else ""


def common_config(lang: str) -> Spec:
    """Type, colours of text and axes, and the number and date formats of a language."""
    number = {"decimal": ",", "thousands": "."} if lang == "es" else {"decimal": ".", "thousands": ","}
    months, days = _MONTHS[lang], _DAYS[lang]
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


def synthetic_mark(frame: Frame) -> str:
    """What a figure of made-up data says of itself; empty for real ones."""
    told = frame("Datos sintéticos (réplica): no son cortes reales", "Synthetic data (replica): no real outages")
    return told if frame.about["synthetic"] else ""


def one_row() -> Spec:
    """A source of one row, for marks that stand once."""
    return {"sequence": {"start": 0, "stop": 1, "as": "once"}}


def once(style: str, text: Any, x: Any, y: Any, **mark: Any) -> Spec:
    """A text layer that stands once, at pixels; `text` may be lines or an `{"expr": ...}`."""
    return {
        "data": one_row(),
        "mark": {"type": "text", "style": style, "text": text, "clip": False, **mark},
        "encoding": {"x": {"value": x}, "y": {"value": y}},
    }


def unknown(payload: str, field: str | None = None) -> str:
    """A Vega expression: no item of the payload has a value in the field, or there is no item."""
    items = f"data('{payload}')"
    return f"!isValid(extent(pluck({items}, '{field}'))[0])" if field else f"!length({items})"


def no_data(frame: Frame, nothing: str, x: float, y: float) -> Spec:
    """A text layer centred at a pixel, which stands only where the expression `nothing` holds."""
    return once("nothing", {"expr": f"{nothing} ? {_quote(frame.nothing)} : ''"}, x, y, align="center")


def unseen(nothing: str, **at: Any) -> Spec:
    """A mark that cannot be seen where there is nothing: without any value, an axis has no place for its ticks."""
    return {
        "data": one_row(),
        "transform": [{"filter": nothing}],
        "mark": {"type": "point", "opacity": 0, "tooltip": None},
        "encoding": {channel: {"datum": value, "type": kind} for channel, (value, kind) in at.items()},
    }


def _footer(frame: Frame, figure: Figure) -> list[Spec]:
    layers, dy = [], figure.bottom
    if told := synthetic_mark(frame):
        layers.append(once("synthetic", told, -figure.left, "height", dy=dy))
        dy += LINE + 3
    return [*layers, once("source", frame.source(figure.source), -figure.left, "height", dy=dy)]


def _footer_marks(frame: Frame, figure: Figure) -> list[Spec]:
    """The same for Vega, whose styles know no `color`."""
    style, marks, dy = common_config(frame.lang)["style"], [], figure.bottom
    told = synthetic_mark(frame)
    for name, text in (("synthetic", told), ("source", frame.source(figure.source))):
        if text:
            look = {key: {"value": value} for key, value in style[name].items() if key != "color"}
            place = {"x": {"value": 0}, "y": {"signal": f"height + {dy}"}, "fill": {"value": style[name]["color"]}}
            marks.append(
                {"type": "text", "style": name, "encode": {"update": look | place | {"text": {"signal": quoted(text)}}}}
            )
            dy += LINE + 3
    return marks


def percentage(share: str, digits: int = 1) -> str:
    """A Vega expression: a share (0-1) in %, rounded down as `percent` does; nothing where it is not known."""
    step = 10 ** (digits + 2)
    return f"(isValid({share}) ? format(floor({share} * {step} + {SHORT}) / {step}, '.{digits}%') : null)"


def named(words: Mapping[str, str | list[str]], value: str) -> str:
    """A Vega expression: the word for a value (or its lines), or the value itself."""
    pairs = ", ".join(f"{_quote(key)}: {quoted(word)}" for key, word in words.items())
    return f"({{{pairs}}}[{value}] || {value})"


def quoted(text: str | list[str]) -> str:
    """A text, or its lines, as a Vega expression."""
    if isinstance(text, list):
        return f"[{', '.join(map(_quote, text))}]"
    return _quote(text)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _hour(iso: str) -> str:
    return iso[:16].replace("T", " ")
