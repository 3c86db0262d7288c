"""A figure: what it counts, what it is drawn of, and what stands around the drawing: title, notes, source line.

A figure is a Vega-Lite or Vega specification without data: it names payloads, and whoever draws it puts their items
in. Widths are pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .frame import SAMPLE, SOURCE, WIDTH, Frame, Words
from .layers import once, quoted
from .style import LINE, Spec, common_config

SCHEMAS = {
    "vega-lite": "https://vega.github.io/schema/vega-lite/v6.json",
    "vega": "https://vega.github.io/schema/vega/v6.json",
}


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
    wide: tuple[int, int] = (84, 20)
    bottom: int = 56
    #: Left and right of a narrow one.
    narrow: tuple[int, int] = (64, 14)
    source: Words = field(default_factory=lambda: SOURCE)
    #: How the period is told.
    period: Words = field(default_factory=lambda: {"es": "{}", "en": "{}"})
    #: The key of `_meta` that tells whether the figure rests on a sample.
    sample: str = ""
    #: What `_meta` adds under the title, such as a break of the series; empty when there is nothing.
    note: Callable[[Frame], str] = field(default=lambda frame: "")

    def left(self, frame: Frame) -> int:
        """Pixels left of the plot."""
        return (self.narrow if frame.narrow else self.wide)[0]

    def plot(self, frame: Frame) -> int:
        """Pixels that the plot is wide."""
        return frame.width - sum(self.narrow if frame.narrow else self.wide)

    def build(self, lang: str, about: dict[str, Any], width: int = WIDTH) -> Spec:
        """The specification, without data, in `es` or `en`; `about` is the item of `_meta`."""
        frame = Frame(lang, about, width)
        spec = {"$schema": SCHEMAS[self.kind], "description": self.caption[lang], **self.draw(frame)}
        period = self.period[lang].format(frame.period)
        under = [*frame.wrap(self.subtitle[lang], 13), period[0].upper() + period[1:]]
        if note := self.note(frame):
            under += frame.wrap(note, 13)
        some = SAMPLE[lang] if about.get(self.sample) else ""
        spec["title"] = {"text": frame.wrap(self.title[lang] + some, 18), "subtitle": under}
        spec["config"] = common_config(lang)
        if self.kind == "vega":
            spec["marks"] += _footer_marks(frame, self)
        else:
            last = spec["vconcat"][-1] if "vconcat" in spec else spec
            last["layer"] += _footer(frame, self)
        return spec


def synthetic_mark(frame: Frame) -> str:
    """What a figure of made-up data says of itself; empty for real ones."""
    told = frame("Datos sintéticos (réplica): no son cortes reales", "Synthetic data (replica): no real outages")
    return told if frame.about["synthetic"] else ""


def _footer(frame: Frame, figure: Figure) -> list[Spec]:
    layers, dy = [], figure.bottom
    if told := synthetic_mark(frame):
        layers.append(once("synthetic", told, -figure.left(frame), "height", dy=dy))
        dy += LINE + 3
    return [*layers, once("source", frame.source(figure.source), -figure.left(frame), "height", dy=dy)]


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
