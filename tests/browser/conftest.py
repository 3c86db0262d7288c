"""A real headless Chromium on the page as it opens from disk, which fails on any console error or stray request."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import plot
import pytest
import vega
from outages.files import write_json
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from ..integration.conftest import owner, place, project, supabase  # noqa: F401
from .payloads import Items, world

SHOTS = Path(__file__).parent / "shots"
WAIT_MS = 60_000
NUMBERED = re.compile(r"(?<=gradient_)\d+|(?<=clip)\d+")


@dataclass
class Opened:
    """A page in a browser, with what it said and asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until every picture is drawn as the page stands."""
        waiting = self.page.locator(".card:not([hidden]) .picture:not([data-drawn])")
        expect(waiting).to_have_count(0, timeout=WAIT_MS)

    def picture(self, id: str) -> Locator:
        return self.page.locator(f'[data-figure="{id}"]')

    def drawings(self) -> dict[str, str]:
        """The SVG, or the words in its place, of each figure."""
        self.settle()
        places = self.page.locator("[data-figure]").all()
        # Vega numbers gradients and clips as it goes.
        return {str(one.get_attribute("data-figure")): NUMBERED.sub("", one.inner_html()) for one in places}

    def choose(self, **values: str) -> None:
        for name, value in values.items():
            self.page.locator(f"#{name}").select_option(value)
        self.settle()

    def shoot(self, name: str) -> None:
        """A picture of the whole page, to be looked at."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


Scheme = Literal["light", "dark"]
Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is missing: install Debian's chromium, or name the program in CHROMIUM"
    sandbox = [] if os.getuid() else ["--no-sandbox"]  # Chromium refuses root a sandbox
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield running
        running.close()


def written(folder: Path, payloads: dict[str, Items]) -> Path:
    """The page that the stage makes of payloads."""
    gold, page = folder / "gold", folder / "index.html"
    for name, items in payloads.items():
        write_json(items, gold / f"{name}.json")
    vega.vega(folder / "vega.js")
    plot.plot(
        [gold / f"{name}.json" for name in payloads if name != "_meta"], gold / "_meta.json", folder / "vega.js", page
    )
    return page


@pytest.fixture(scope="session")
def data() -> dict[str, Items]:
    """Sixteen months."""
    return world(16)


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Items]) -> Path:
    return written(tmp_path_factory.mktemp("page"), data)


@pytest.fixture
def open_page(browser: Browser, file: Path) -> Iterator[Open]:
    """Open the page, or another file; at the end nothing was wrong and nobody was asked."""
    opened: list[Opened] = []
    contexts = []

    def start(
        path: Path = file, query: str = "", allowed: str = "", width: int = 1440, scheme: str = "light"
    ) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        one = Opened(context.new_page())
        opened.append(one)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        one.page.on("console", lambda said: one.errors.append(said.text) if said.type == "error" else None)
        inside = ("file:", "blob:", *([allowed] if allowed else []))
        one.page.on("request", lambda r: None if r.url.startswith(inside) else one.requests.append(r.url))
        one.page.goto(f"{path.as_uri()}{query}")
        one.settle()
        return one

    yield start
    for context in contexts:
        context.close()
    assert [(one.errors, one.requests) for one in opened] == [([], [])] * len(opened)
