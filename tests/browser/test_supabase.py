"""The page on a published Supabase: a real PostgREST, whose answers are taken for nothing but data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import psycopg
import pytest
from outages.figures import FIGURES
from playwright.sync_api import expect
from psycopg.types.json import Jsonb

from ..integration.postgrest_server import Supabase
from .conftest import Open, Opened
from .payloads import Items, world

pytestmark = pytest.mark.browser
ALLOWED = "apikey, authorization, accept-profile"


def publish(owner: psycopg.Connection, payloads: dict[str, Items]) -> None:
    for name, items in payloads.items():
        owner.execute("INSERT INTO dashboard_stats VALUES (%s, %s, now())", (name, Jsonb(items)))


def query(supabase: Supabase, key: str | None = None) -> str:
    return "?" + urlencode({"supabase": supabase.url, "key": supabase.anon_key if key is None else key})


def shows_nothing(opened: Opened) -> None:
    """No number of the page's own data is shown in place of those that were asked for."""
    assert opened.page.locator("#kpi-events").inner_text() == "sin dato"
    for figure in FIGURES:
        expect(opened.picture(figure.id)).to_have_text("Sin dato para esta selección.")


def error(opened: Opened) -> str:
    expect(opened.page.locator("#error")).to_be_visible()
    return opened.page.locator("#error").inner_text()


def test_published_data_take_the_place_of_the_built_in(
    open_page: Open, supabase: Supabase, owner: psycopg.Connection
) -> None:
    published = world(5, synthetic=True)
    publish(owner, published | {"of_another": [{"x": 1}]})
    opened = open_page(query=query(supabase), allowed=supabase.url)
    expect(opened.page.locator("#error")).to_be_hidden()
    expect(opened.page.locator("#banner")).to_be_visible()
    assert supabase.url.removeprefix("http://") in opened.page.locator("#standing").inner_text()
    assert opened.page.locator("#from option").count() == 5
    total = sum(item["afectados"] for item in published["time_series"])
    assert f"Clientes afectados: {total:,}.".replace(",", ".") in opened.page.locator("#selection").inner_text()
    for figure in FIGURES:
        assert opened.picture(figure.id).locator("svg").count() == 1, figure.id
    assert [one for one in supabase.requests if one.startswith("GET")] == ["GET /rest/v1/dashboard_stats"]


def test_missing_and_malformed_payloads_are_named_and_left_out(
    open_page: Open, supabase: Supabase, owner: psycopg.Connection
) -> None:
    payloads = world(5)
    del payloads["company_ranking"]
    payloads["market_map"][3]["total_afectados"] = "many"
    payloads["eda_projects_dist"] = {"an": "object"}  # type: ignore[assignment]
    payloads["time_series"][0]["more"] = "<img src=x onerror=alert(1)>"
    publish(owner, payloads)
    opened = open_page(query=query(supabase), allowed=supabase.url)
    told = error(opened)
    assert "faltan: company_ranking." in told
    assert "eda_projects_dist, market_map." in told
    for name in ("companies", "communes", "projects-by-region"):
        expect(opened.picture(name)).to_have_text("Sin dato para esta selección.")
    assert opened.picture("monthly-customers").locator("svg").count() == 1


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server that gives everyone the same answer, and lets pages of other places read it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name in ("Origin", "Headers"):
                self.send_header(f"Access-Control-Allow-{name}", "*" if name == "Origin" else ALLOWED)
            self.end_headers()
            self.wfile.write(body)

        def do_OPTIONS(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("body", [b"<html>", b'{"a": 1}', b"[1]", b'[{"id": 1, "data": []}]'])
def test_an_answer_that_is_no_list_of_payloads_is_told(open_page: Open, body: bytes) -> None:
    with answering(body) as url:
        opened = open_page(query="?" + urlencode({"supabase": url, "key": "k"}), allowed=url)
        assert "no es una lista" in error(opened)
        shows_nothing(opened)


def test_a_wrong_key_is_told(open_page: Open, supabase: Supabase) -> None:
    supabase.check_keys = False  # PostgREST itself refuses, and tells a page of another place so
    opened = open_page(query=query(supabase, "wrong"), allowed=supabase.url)
    assert "(estado 401)" in error(opened)
    assert "wrong" not in opened.page.locator("body").inner_text()
    shows_nothing(opened)
    # The browser itself writes of an answer that is no success.
    assert all("401" in said for said in opened.errors)
    opened.errors.clear()


def test_no_answer_is_told(open_page: Open, supabase: Supabase) -> None:
    nobody = "http://127.0.0.1:9"
    opened = open_page(query="?" + urlencode({"supabase": nobody, "key": "k"}), allowed=nobody)
    assert "127.0.0.1:9 no responde" in error(opened)
    shows_nothing(opened)
    opened.errors.clear()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"supabase": "javascript:alert(1)", "key": "k"}, "no es una dirección http(s) válida"),
        ({"supabase": "nowhere", "key": "k"}, "no es una dirección http(s) válida"),
        ({"supabase": "https://example.org"}, "Falta la clave"),
    ],
)
def test_an_address_that_cannot_be_asked_is_told(open_page: Open, asked: dict[str, str], words: str) -> None:
    opened = open_page(query="?" + urlencode(asked))
    assert words in error(opened)
    shows_nothing(opened)
