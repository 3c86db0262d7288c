"""Marks that several figures have, and Vega expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..shares import SHORT
from .frame import Frame
from .style import Spec


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


def haloed(text: Spec) -> list[Spec]:
    """A text layer over a margin of the paper's colour: no line runs through it."""
    return [text | {"mark": text["mark"] | {"stroke": "white", "strokeWidth": 5, "strokeJoin": "round"}}, text]


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


def lines(text: str, letters: int | str) -> str:
    """A Vega expression: a text in lines of at most so many letters, if its words allow."""
    ends = f"replace({text}, regexp('(.{{1,' + {letters} + '}})( |$)', 'g'), '$1|')"
    return f"split(replace({ends}, regexp('[|]$'), ''), '|')"
