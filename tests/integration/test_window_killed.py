"""kill -9 at ten moments of a window that puts, archives and deletes: nothing is lost, and the next run ends alike."""

from __future__ import annotations

import signal
from typing import Any

import psycopg
import pytest
from outages.cold import read

from .postgrest_server import Supabase
from .window_stage import Deadly, Window, pairs, spread, table


def kept(conn: psycopg.Connection) -> dict[str, str]:
    """Put the hot table back as it was when `kept` was made; its rows."""
    conn.execute("TRUNCATE interrupciones_hot; INSERT INTO interrupciones_hot TABLE kept")
    return table(conn)


def prepared(window: Window, conn: psycopg.Connection, environment: dict[str, str]) -> tuple[Any, int]:
    """The table of an undisturbed run, its archive, and how many moments it has; then everything as before it."""
    window.february()
    window(**environment)
    conn.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS TABLE interrupciones_hot")
    window.march()
    process = window.start(0, **environment)
    moments = int(process.communicate(timeout=60)[0])
    wanted = (table(conn), window.archived())
    assert set(wanted[1]["motivo"]) == {"old", "superseded", "replaced"}
    return wanted, moments


def killed_ends_well(
    window: Window, conn: psycopg.Connection, environment: dict[str, str], before: dict[str, str], wanted: Any
) -> None:
    """After a kill nothing is lost; another run ends as the undisturbed one did."""
    hot_now = table(conn)
    assert before.items() <= hot_now.items() | pairs(window.archived())
    window(**environment)
    after, archive = table(conn), window.archived()
    assert (before.items() | hot_now.items()) <= after.items() | pairs(archive)
    assert after == wanted[0]
    assert archive.equals(wanted[1])
    assert not list(window.cold.glob("*.part"))
    for path in window.cold.glob("*.parquet"):
        read(path)


def test_ten_kills_on_the_warehouse(window: Window, warehouse_url: str, warehouse: psycopg.Connection) -> None:
    environment = {"DATABASE_URL": warehouse_url}
    wanted, moments = prepared(window, warehouse, environment)
    for moment in spread(10, moments):
        window.forget()
        before = kept(warehouse)
        process = window.start(moment, **environment)
        assert process.wait(60) == -signal.SIGKILL
        killed_ends_well(window, warehouse, environment, before, wanted)


@pytest.mark.slow
def test_ten_kills_on_supabase(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The proxy kills the job while a request is with PostgREST, before or after that has acted."""
    supabase.requests.clear()
    wanted, _ = prepared(window, project_rows, named)
    calls = [request.rpartition("/")[2] for request in supabase.requests]
    calls = calls[len(calls) - calls[::-1].index("hot_medidas", 1) - 1 :]
    # Every call that changes something, both ways; of the others some.
    moments = [(n, after) for n, call in enumerate(calls) for after in (False, True)]
    acting = [moment for moment in moments if calls[moment[0]] in ("hot_poner", "hot_quitar")]
    others = [moment for moment in moments if moment not in acting and not moment[1]]
    chosen = [*acting, *others[1:]][:: max(1, (len(acting) + len(others) - 1) // 12)]
    assert len(chosen) >= 10 and {"hot_poner", "hot_quitar", "hot_filas"} <= {calls[n] for n, _ in chosen}
    for number, after in chosen:
        window.forget()
        before = kept(project_rows)
        with monkeypatch.context() as patched:
            deadly = Deadly(supabase, number, after)
            patched.setattr(supabase, "_forward", deadly)
            deadly.process = window.start(0, **named)
            assert deadly.process.wait(60) == -signal.SIGKILL
        killed_ends_well(window, project_rows, named, before, wanted)
    project_rows.execute("DROP TABLE kept")
