"""The figures of the page, the report and the static export: specifications without data, in Spanish and English."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from .base import Figure
from .communes import COMMUNES
from .counts import COMPANIES, PROJECTS, QUALITY
from .coverage import COVERAGE
from .effects import EFFECTS
from .frame import WIDTH
from .months import MONTHLY
from .service import RELIABILITY, RESTORATION
from .style import Spec

#: In the order of the page.
FIGURES = [QUALITY, PROJECTS, MONTHLY, COVERAGE, COMPANIES, COMMUNES, RELIABILITY, RESTORATION, EFFECTS]
BY_ID = {figure.id: figure for figure in FIGURES}
LANGUAGES = ("es", "en")


def specs(lang: str, about: dict[str, Any], width: int = WIDTH) -> dict[str, Spec]:
    """Every figure's specification by id, without data; `about` is the item of `_meta`, `width` in pixels."""
    return {figure.id: figure.build(lang, about, width) for figure in FIGURES}


def numbered(id: str, lang: str) -> str:
    """A figure's title after its number, which keeps a list of titles in the order of the page."""
    return f"{list(BY_ID).index(id) + 1}. {BY_ID[id].title[lang]}"


def with_data(spec: Spec, payloads: Mapping[str, list[dict[str, Any]]]) -> Spec:
    """A copy of a specification with the items of the payloads in it, ready to draw."""
    if "vega-lite" in spec["$schema"]:
        return spec | {"datasets": dict(payloads)}
    filled = deepcopy(spec)
    for source in filled["data"]:
        if source["name"] in payloads:
            source["values"] = payloads[source["name"]]
    return filled


__all__ = ["BY_ID", "FIGURES", "LANGUAGES", "WIDTH", "Figure", "Spec", "numbered", "specs", "with_data"]
