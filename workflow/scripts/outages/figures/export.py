"""Specifications drawn to SVG and PNG by vl-convert: no browser, no network, and the fonts that come with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import Spec, with_data

#: Pixels of a PNG for each pixel of the figure.
SCALE = 2
#: Names that Vega numbers through all the pictures of a process.
_NUMBERED = re.compile(r"\b(gradient_|clip|pattern_)(\d+)\b")


def svg(spec: Spec, payloads: Mapping[str, list[dict[str, Any]]]) -> str:
    """A specification with the items of its payloads, as SVG text; equal ones give equal text."""
    import vl_convert

    draw = vl_convert.vega_to_svg if "/vega/" in spec["$schema"] else vl_convert.vegalite_to_svg
    # No address may be asked: a specification names payloads, never files.
    drawn = str(draw(with_data(spec, payloads), allowed_base_urls=[]))
    places: dict[str, int] = {}
    return _NUMBERED.sub(lambda found: f"{found[1]}{places.setdefault(found[0], len(places))}", drawn)


def png(drawn: str) -> bytes:
    """SVG text as a PNG."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(drawn, scale=SCALE))
