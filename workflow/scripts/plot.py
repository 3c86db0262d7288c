"""Stage 7: payloads in; one page out that opens from disk, with every figure, both languages and no network.

The page is joined from workflow/dashboard/. It holds each payload once, specifications of the figures without data,
and the Vega runtime of stage vega. Units are those of the payloads. What no part of the page shows is left out:
other payloads, and of `_meta` the digests.
"""

import base64
import hashlib
import json
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

from outages.figures import FIGURES, LANGUAGES, specs
from outages.figures.frame import SAMPLE
from outages.figures.style import BLUE, FAINT, INK, MUTED, RULE
from outages.files import read_json, replacing
from outages.fingerprint import REPOSITORY
from outages.reporting import run, tell

DASHBOARD = REPOSITORY / "workflow" / "dashboard"
SCHEMAS = REPOSITORY / "workflow" / "schemas" / "payloads"
SCRIPTS = ("base", "data", "filters", "table", "draw", "overview", "live", "page")
#: Read by the page itself, besides what figures read.
PAGE_PAYLOADS = ("_meta", "coverage", "reliability", "time_series", "live_30d")
#: An older publisher does not have it; the page then leaves the section out.
OPTIONAL = ("live_30d",)
#: Pixels that a figure is made for: a column of text, and a phone of 390 less the margins of the page.
WIDTHS = {"wide": 836, "narrow": 330}
#: Colours of figures on paper, and what takes their place on a dark page, where the first would hardly be seen.
DARK = {
    INK: "#e8eaed",
    MUTED: "#a9b1ba",
    RULE: "#343b43",
    FAINT: "#5b6670",
    BLUE: "#4aa3dc",
    '"white"': '"#1b2026"',
    "#c4c4c4": "#505a64",
    "#a8518a": "#d98bbd",
    "#8a6100": "#d9a441",
}
META_KEYS = (
    "months", "totals", "breaks", "notes", "versions", "commit", "config_sha256", "synthetic", "projects_sample",
    "unknown_company",
)  # fmt: skip
MONTH_KEYS = ("month", "observed", "gap", "unasked", "through")
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
Items = list[dict[str, Any]]


def plot(payloads: list[Path], meta: Path, runtime: Path, page: Path) -> None:
    """Write the page from the payloads, `_meta` and the script that draws figures (stage vega)."""
    about = read_json(meta)[0]
    files = {path.stem: path for path in payloads}
    wanted = sorted({*PAGE_PAYLOADS, *(id for figure in FIGURES for id in figure.payloads)} - {"_meta"})
    data = {id: read_json(files[id]) for id in wanted if id in files}
    text = join(data | {"_meta": [_shown(about)]}, about, runtime.read_text(encoding="utf-8"))
    with replacing(page) as part:
        part.write_text(text, encoding="utf-8")
    tell(f"{len(FIGURES)} figures, {page.stat().st_size / 1e6:.1f} MB")


def join(data: dict[str, Items], about: dict[str, Any], runtime: str) -> str:
    """The text of the page for payloads by id, the item of `_meta` and the runtime."""
    blocks = {"words": read_json(DASHBOARD / "words.json"), "facts": _facts(sorted({*data, *OPTIONAL}))}
    blocks |= {f"data-{id}": pack(items) for id, items in sorted(data.items())}
    for lang in LANGUAGES:
        for name, width in WIDTHS.items():
            made = specs(lang, about, width)
            blocks |= {f"spec-{id}-{lang}-{name}": bare(spec) for id, spec in made.items()}
    scripts = [runtime, _wrapped([(DASHBOARD / f"{name}.js").read_text() for name in SCRIPTS])]
    style = (DASHBOARD / "style.css").read_text()
    return Template((DASHBOARD / "index.html").read_text()).substitute(
        policy=_policy(scripts, style),
        style=style,
        banner="" if about["synthetic"] else " hidden",
        data="\n".join(
            f'<script type="application/json" id="{id}">{_json(value)}</script>' for id, value in blocks.items()
        ),
        script="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def pack(items: Items) -> dict[str, Any]:
    """Items by columns: `keys`, the lists of keys that items have; `which` of them each item has; `columns` by key.

    A column holds the values of the items that have its key, in their order.
    """
    kinds: dict[tuple[str, ...], int] = {}
    which = [kinds.setdefault(tuple(sorted(item)), len(kinds)) for item in items]
    names = sorted({key for keys in kinds for key in keys})
    columns = {key: _column([item[key] for item in items if key in item]) for key in names}
    return {"keys": [list(keys) for keys in kinds], "which": _column(which), "columns": columns}


def _column(values: list[Any]) -> list[Any] | dict[str, Any]:
    """The values, or where that is shorter each one once (`of`) and how often it stands in a row, or its places."""
    # 1, 1.0 and true are not one value; what has no hash is told by its text.
    told = [(type(one), _json(one) if isinstance(one, list | dict) else one) for one in values]
    places: dict[Any, int] = {}
    at = [places.setdefault(one, len(places)) for one in told]
    runs = [[place, sum(1 for _ in run)] for place, run in groupby(at)]
    first = dict(zip(reversed(told), reversed(values), strict=True))
    of = [first[one] for one in places]
    ways: list[list[Any] | dict[str, Any]] = [values, {"of": of, "at": at}, {"of": of, "runs": runs}]
    return min(ways, key=lambda way: len(_json(way)))


def bare(spec: dict[str, Any]) -> dict[str, Any]:
    """A specification without what the page tells around the figure: title, source line, mark of made-up data."""
    told = {key: value for key, value in spec.items() if key not in ("title", "description", "$schema")}
    for view in [told, *told.get("vconcat", [])]:
        for marks in ("layer", "marks"):
            if marks in view:
                view[marks] = [one for one in view[marks] if _style(one) not in ("source", "synthetic")]
    return told


def shape(schema: dict[str, Any]) -> dict[str, Any]:
    """What the page checks of data from elsewhere: kinds of value, and keys and items within."""
    told: dict[str, Any] = {"kinds": _kinds(schema)}
    if "items" in schema:
        told["items"] = shape(schema["items"])
    if "properties" in schema:
        told["keys"] = {key: shape(inner) for key, inner in schema["properties"].items()}
        told["required"] = schema.get("required", [])
    return told


def _kinds(schema: dict[str, Any]) -> list[str]:
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if "enum" in schema or "const" in schema:
        return sorted({KINDS[type(value)] for value in schema.get("enum", [schema.get("const")])})
    return sorted({kind for one in schema.get("oneOf", schema.get("anyOf", [])) for kind in _kinds(one)}) or ["any"]


def _style(mark: dict[str, Any]) -> Any:
    """The style of a layer of Vega-Lite or a mark of Vega."""
    inner = mark.get("mark")
    return inner.get("style") if isinstance(inner, dict) else mark.get("style")


def _facts(ids: list[str]) -> dict[str, Any]:
    figures = [
        {
            "id": figure.id,
            "kind": figure.kind,
            "payloads": list(figure.payloads),
            "filters": sorted(figure.filters),
            "title": figure.title,
            "subtitle": figure.subtitle,
            "caption": figure.caption,
            "source": figure.source,
            "sample": figure.sample,
        }
        for figure in FIGURES
    ]
    shapes = {id: shape(read_json(SCHEMAS / f"{id}.schema.json")) for id in ids}
    # An older publisher's `_meta` may lack what the page does not read.
    about = shapes["_meta"]["items"]
    _keep(about, META_KEYS)
    _keep(about["keys"]["months"]["items"], MONTH_KEYS)
    return {"figures": figures, "shapes": shapes, "optional": OPTIONAL, "dark": DARK, "sample": SAMPLE}


def _keep(told: dict[str, Any], keys: tuple[str, ...]) -> None:
    told["keys"] = {key: told["keys"][key] for key in keys}
    told["required"] = [key for key in told["required"] if key in keys]


def _shown(about: dict[str, Any]) -> dict[str, Any]:
    months = [{key: month[key] for key in MONTH_KEYS} for month in about["months"]]
    return {key: about[key] for key in META_KEYS if key in about} | {"months": months}


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _wrapped(parts: list[str]) -> str:
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();"


def _policy(scripts: list[str], style: str) -> str:
    """Nothing is loaded, only these scripts run, and requests go where a reader's `?supabase=` says."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hashed, scripts))}",
            f"style-src {_hashed(style)}",
            "connect-src https: http:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


if "snakemake" in globals():
    run(plot, snakemake)
