"""The documentation as a site: every page has its place, links lead to headings, nothing is loaded from elsewhere.

`make docs` builds it with strict links; what can be told without mkdocs is told here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.pages import OUTSIDE, REFERENCE, ROOT, reference, relinked, settings

DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)): path for path in sorted(DOCS.rglob("*.md"))}
PAGES |= {page: ROOT / path for path, page in OUTSIDE.items() if (ROOT / path).exists()}
SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def in_nav(part: Any) -> Iterator[str]:
    """Pages of a part of the navigation."""
    if isinstance(part, str):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from in_nav(inner)


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as forges and mkdocs make them."""
    titles = re.findall(r"^#+ (.*)$", without_fences(text), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def test_the_reference_is_that_of_the_schema() -> None:
    assert REFERENCE.read_text() == reference(), "run `make docs`"


def test_every_setting_has_a_meaning_and_its_default() -> None:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert all(part.get("description") for _, part in settings(schema, schema))
    text = reference()
    assert "| `source.rate` | `1` | number from 0 to 10000 | Requests a second" in text
    assert "| `months.first` | `auto` | `auto` or month |" in text
    assert "| `investments.validation[].treated` | | list of regions |" in text


def test_every_page_stands_in_the_navigation_once() -> None:
    assert sorted(in_nav(SITE["nav"])) == sorted(PAGES)


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = (DOCS / "README.md").read_text()
    missing = [
        str(path.relative_to(DOCS))
        for path in PAGES.values()
        if path.is_relative_to(DOCS) and path.name != "README.md" and f"({path.relative_to(DOCS)})" not in listed
    ]
    assert not missing


def test_links_lead_to_headings() -> None:
    broken = []
    for page, path in PAGES.items():
        for target, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", without_fences(path.read_text())):
            aim = (path.parent / target) if target else path
            if aim.suffix == ".md" and anchor not in anchors(aim.read_text()):
                broken.append(f"{page}: {target}#{anchor}")
    assert not broken


def test_every_target_of_make_is_explained_and_no_other() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    told = re.findall(r"^\| `make ([a-z-]+)` \|", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert sorted(told) == sorted(targets)


def test_every_stage_is_in_the_readme_and_the_design() -> None:
    stages = {path.stem for path in (ROOT / "workflow/rules").glob("*.smk")} - {"common"}
    for name in ("README.md", "docs/design.md"):
        text = (ROOT / name).read_text()
        assert not [stage for stage in stages if not re.search(rf"\b{stage}\b", text)], name


def test_the_site_loads_nothing_from_elsewhere() -> None:
    assert SITE["theme"]["font"] is False
    assert SITE["plugins"] == ["search"]
    assert not {"extra_javascript", "extra_css", "repo_url"} & SITE.keys()
    # Material fetches the program that draws Mermaid from a CDN; `![](https://` would fetch a picture.
    drawn = [
        page for page, path in PAGES.items() if re.search(r"^```mermaid|!\[[^]]*\]\(https?:", path.read_text(), re.M)
    ]
    assert not drawn


def test_links_are_validated_strictly() -> None:
    assert SITE["strict"] is True
    assert {value for part in SITE["validation"].values() for value in part.values()} == {"warn"}


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("how-to/run-live.md", "[a](../operations.md#health)", "[a](../operations.md#health)"),
        ("how-to/run-live.md", "[a](../../config/README.md#months)", "[a](../configuring.md#months)"),
        ("overview.md", "[a](docs/tutorial.md)", "[a](tutorial.md)"),
        ("configuring.md", "[a](../docs/how-to/publish.md)", "[a](how-to/publish.md)"),
        (
            "design.md",
            "[schema](../workflow/schemas/config.schema.yaml)",
            "schema (`workflow/schemas/config.schema.yaml`)",
        ),
        ("overview.md", "[LICENSE](LICENSE)", "LICENSE"),
        (
            "design.md",
            "[a](#the-stages) [b](https://example.org/x.md)",
            "[a](#the-stages) [b](https://example.org/x.md)",
        ),
        ("design.md", "[a](nowhere.md)", "[a](nowhere.md)"),
        ("design.md", "```\n[a](../LICENSE)\n```", "```\n[a](../LICENSE)\n```"),
    ],
)
def test_links_out_of_the_folder_become_links_of_the_site(page: str, link: str, becomes: str) -> None:
    assert relinked(link, page, set(PAGES)) == becomes


def test_no_page_is_lost_between_repository_and_site() -> None:
    assert all((ROOT / path).exists() for path in OUTSIDE)
    assert len(PAGES) == len({Path(page).with_suffix("") for page in PAGES})
