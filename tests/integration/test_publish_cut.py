"""Connections that break while a publication is under way: what is public stays entirely old, or is entirely new."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from .cutting import Cutter, Side, cutting
from .postgrest_server import Supabase, until
from .publish_stage import PAYLOADS, Stage, unlike_their_meta, with_digests

OLD = with_digests(PAYLOADS | {f"payload_{n}": [{"n": n, "é": 0.1, "i": i} for i in range(300)] for n in range(6)})
NEW = with_digests(PAYLOADS | {f"payload_{n}": [{"n": n, "é": 1e-7, "i": -i} for i in range(300)] for n in range(7)})
CHANGED = sorted(name for name in NEW if OLD.get(name) != NEW[name])

#: Where to cut: bytes of the request or of its answer, from its head, its length and the length of the answer.
Moment = Callable[[int, int, int], int]
MOMENTS: dict[str, tuple[Side, Moment]] = {
    "before the first byte": ("request", lambda head, size, answer: 0),
    "within the head": ("request", lambda head, size, answer: head // 2),
    "after the head": ("request", lambda head, size, answer: head),
    "a quarter of the body": ("request", lambda head, size, answer: head + (size - head) // 4),
    "half of the body": ("request", lambda head, size, answer: head + (size - head) // 2),
    "nine tenths of the body": ("request", lambda head, size, answer: head + (size - head) * 9 // 10),
    "all but the last byte": ("request", lambda head, size, answer: size - 1),
    "after the request": ("request", lambda head, size, answer: size),
    "before the answer": ("answer", lambda head, size, answer: 0),
    "one byte of the answer": ("answer", lambda head, size, answer: 1),
    "half of the answer": ("answer", lambda head, size, answer: answer // 2),
    "most of the answer": ("answer", lambda head, size, answer: answer * 9 // 10),
}


@pytest.fixture
def outside(supabase: Supabase) -> Iterator[Cutter]:
    """Between the publisher and the project."""
    with cutting(int(supabase.url.rpartition(":")[2])) as cutter:
        yield cutter


@pytest.fixture
def inside(supabase: Supabase, reachable: Path) -> Iterator[Cutter]:
    """Between the gateway and PostgREST, which then gets half a request. The gateway answers 502."""
    upstream, supabase.upstream = supabase.upstream, reachable / "cut.sock"
    with cutting(upstream, supabase.upstream) as cutter:
        yield cutter
    supabase.upstream = upstream


def public(conn: psycopg.Connection) -> dict[str, Any]:
    return dict(conn.execute("SELECT id, data FROM dashboard_stats").fetchall())


def settled(supabase: Supabase, owner: psycopg.Connection) -> dict[str, Any]:
    """What is public when nothing is under way any more."""
    running = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'authenticator' AND state <> 'idle'"
    until(lambda: not supabase.under_way and owner.execute(running).fetchone() == (0,))
    return public(owner)


def publish_and_cut(
    moment: str, stage: Stage, supabase: Supabase, owner: psycopg.Connection, cutter: Cutter, named: dict[str, str]
) -> str:
    """Publish a first set, measure a request, then publish another one and cut; what was told."""
    side, place = MOMENTS[moment]
    stage.put(OLD)
    stage(**named)
    stage.put(NEW)
    stage(**named)
    head = cutter.passed["request"].index(b"\r\n\r\n") + 4
    size, answer = len(cutter.passed["request"]), len(cutter.passed["answer"])
    assert size - head > 50_000
    owner.execute("TRUNCATE dashboard_stats")
    (stage.folder / "payload_6.json").unlink()
    stage.put(OLD)
    stage(**named)
    supabase.reset()
    cutter.cut = (side, place(head, size, answer))
    stage.put(NEW)
    told = stage.fails("PUBLISH_FAILED", **named)
    found = settled(supabase, owner)
    assert found in (OLD, NEW)
    assert unlike_their_meta(found) == []
    if moment != "after the request":  # then PostgREST has all and may have been quick enough
        assert found == (OLD if side == "request" else NEW)
    return told


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cut_connection_leaves_a_whole_set(
    moment: str, stage: Stage, supabase: Supabase, owner: psycopg.Connection, outside: Cutter
) -> None:
    named = {"SUPABASE_URL": f"http://127.0.0.1:{outside.port}", "SUPABASE_KEY": supabase.service_key}
    told = publish_and_cut(moment, stage, supabase, owner, outside, named)
    assert "the connection broke" in told
    assert outside.cuts == 1  # neither an answer of 5xx nor a time-out: not sent again
    outside.cut = None
    assert stage(**named)["sent"] == ([] if "answer" in moment else CHANGED) or moment == "after the request"
    assert public(owner) == NEW


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_gateway_that_loses_postgrest_leaves_a_whole_set(
    moment: str, stage: Stage, supabase: Supabase, owner: psycopg.Connection, inside: Cutter, named: dict[str, str]
) -> None:
    told = publish_and_cut(moment, stage, supabase, owner, inside, named)
    assert "HTTP 502" in told
    assert inside.cuts == 3
    inside.cut = None
    stage(**named)
    assert public(owner) == NEW


def test_a_warehouse_that_dies_in_the_middle_keeps_the_old_set(
    stage: Stage, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    stage.put(OLD)
    stage(DATABASE_URL=warehouse_url)
    # The sixth row of the statement waits, with five rows written and none committed.
    warehouse.execute(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;"
        "CREATE TRIGGER wait BEFORE UPDATE ON dashboard_stats FOR EACH ROW WHEN (NEW.id = 'payload_5')"
        "EXECUTE FUNCTION wait()"
    )
    killed: list[Any] = []

    def kill() -> None:
        sleeping = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        with psycopg.connect(warehouse_url, autocommit=True) as conn:
            until(lambda: killed.extend(conn.execute(sleeping).fetchall()) or bool(killed))

    killer = threading.Thread(target=kill)
    killer.start()
    stage.put(NEW)
    told = stage.fails("PUBLISH_FAILED", DATABASE_URL=warehouse_url)
    killer.join()
    assert killed == [(True,)]
    assert "What was public is unchanged" in told
    assert public(warehouse) == OLD
    warehouse.execute("DROP TRIGGER wait ON dashboard_stats")
    assert stage(DATABASE_URL=warehouse_url)["sent"] == CHANGED
    assert public(warehouse) == NEW
