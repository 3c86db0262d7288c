"""Makes docs/configuration.md from the schema (`python docs/pages.py`), and is mkdocs' hook (mkdocs.yml).

In the repository the pages are plain Markdown whose links lead to files, wherever these lie. For the site the hook adds
the pages that lie outside of docs/, and turns links to them into links of the site. What is linked to and is no page,
such as a schema, stands there as its path; a link that leads nowhere stops the build.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "configuration.md"
#: Pages that lie where a reader of the repository looks for them: path -> page of the site.
OUTSIDE = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "config/README.md": "configuring.md",
    "resources/README.md": "tables.md",
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
HEAD = """\
# Settings

Made from [the schema](../workflow/schemas/config.schema.yaml) and [the defaults](../config/config.yaml) by
`make docs`; a test keeps them equal. How to use them, with examples: [configuration](../config/README.md).

An unknown key or a value out of bounds stops the run before anything else. `null` means that the setting is off.

| setting | default | allowed | meaning |
|---|---|---|---|
"""


def settings(schema: dict[str, Any], root: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every setting of the schema by its path, in order, with references resolved; its own words count first."""
    for name, part in schema.get("properties", {}).items():
        known = _resolve(part, root)
        yield prefix + name, known
        yield from settings(known, root, f"{prefix}{name}.")
        yield from settings(known.get("items", {}), root, f"{prefix}{name}[].")


def reference() -> str:
    """The text of docs/configuration.md."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    defaults = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    lines = []
    for path, part in settings(schema, schema):
        if "description" not in part:
            raise ValueError(f"{path} has no description in the schema")
        cells = [f"`{path}`", _default(path, part, defaults), _allowed(part, schema), part["description"]]
        cells = [cell.replace("|", r"\|") for cell in cells]
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return HEAD + "\n".join(lines) + "\n"


def _resolve(part: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    name = part.get("$ref", "").removeprefix("#/$defs/")
    return {**root["$defs"][name], **part} if name else part


def _default(path: str, part: dict[str, Any], defaults: Any) -> str:
    if "[]" in path or "properties" in part:
        return ""
    for name in path.split("."):
        defaults = defaults[name]
    if isinstance(defaults, list) and defaults:
        return f"{len(defaults)} of them"
    plain = isinstance(defaults, str) and defaults
    return f"`{defaults if plain else json.dumps(defaults)}`"


def _allowed(part: dict[str, Any], root: dict[str, Any]) -> str:
    """What a value may be, in words."""
    part = _resolve(part, root)
    if "properties" in part or (part.get("type") == "array" and "items" not in part):
        return ""
    if choices := part.get("anyOf") or part.get("oneOf"):
        return " or ".join(dict.fromkeys(_allowed(choice, root) for choice in choices))
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"]) if len(part["enum"]) < 6 else "region"
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    if kinds == ["array"]:
        item = _resolve(part["items"], root)
        return "list" + ("" if "properties" in item else f" of {_plural(_allowed(item, root))}")
    if kinds == ["object"]:
        return "object of month and pattern"
    if part.get("pattern") == root["$defs"]["month"]["pattern"]:
        return "month"
    words = {"string": "text", "number": "number", "integer": "whole number", "boolean": "`true`, `false`"}
    text = " or ".join("`null`" if kind == "null" else words[kind] + _bounds(part) for kind in kinds)
    return text.replace("text not empty", "text, not empty")


def _bounds(part: dict[str, Any]) -> str:
    if part.get("minLength"):
        return " not empty"
    least = f" from {part['minimum']}" if "minimum" in part else ""
    if "exclusiveMinimum" in part:
        least = f" above {part['exclusiveMinimum']}"
    return least + (f" to {part['maximum']}" if "maximum" in part else "")


def _plural(text: str) -> str:
    return text.replace("number", "numbers") if "number" in text else f"{text}s"


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside of docs/."""
    from mkdocs.structure.files import File

    for path, page in OUTSIDE.items():
        if (ROOT / path).exists():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links between files of the repository into links of the site."""
    here = page.file.src_uri
    return relinked(markdown, here, {file.src_uri for file in files})


def relinked(markdown: str, page: str, pages: set[str]) -> str:
    """A page's text with its links led to `pages`; one that leads nowhere is left."""
    origin = {site: path for path, site in OUTSIDE.items()}.get(page, f"docs/{page}")

    def lead(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return found[0]
        path = os.path.normpath(PurePosixPath(origin).parent / target)
        if not (ROOT / path).exists():
            return found[0]  # mkdocs says that it leads nowhere
        inside = OUTSIDE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")
        if inside in pages:
            return f"[{text}]({os.path.relpath(inside, PurePosixPath(page).parent)}{anchor})"
        return text if path in text else f"{text} (`{path}`)"

    # Between fences stands what is shown, not what is linked.
    parts = re.split(r"(^```.*?^```)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(lead, part) for part in parts)


if __name__ == "__main__":
    REFERENCE.write_text(reference())
