"""The window on a Supabase project: what it needs of the set-up, what readers may do, what nobody is told."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest
from outages import hot
from outages.targets import Secret, SupabaseTarget

from .postgrest_server import Supabase, look_anew, setup, until
from .window_stage import Window, pairs, table


def test_answers_are_whole_however_few_rows_the_server_gives(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    project_rows.execute("ALTER ROLE authenticator SET pgrst.db_max_rows = '7'; NOTIFY pgrst, 'reload config'")
    address, headers = f"{supabase.url}/rest/v1/interrupciones_hot?select=clave", {"apikey": supabase.anon_key}

    def given() -> int:
        return len(httpx.get(address, headers=headers).json())

    try:
        window.february()
        window(**named)
        until(lambda: given() == 7)
        monkeypatch.setattr(hot, "PAGE", 200)
        before = table(project_rows)
        assert len(before) == 2042
        assert window(**named)["unchanged"] == 2042
        window.march()
        window(**named)
        assert before.items() <= table(project_rows).items() | pairs(window.archived())
    finally:
        project_rows.execute("ALTER ROLE authenticator RESET pgrst.db_max_rows; NOTIFY pgrst, 'reload config'")
        until(lambda: given() > 7)


def test_a_project_of_an_earlier_set_up(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection
) -> None:
    """Rows that do not tell what there is of them are neither replaced nor deleted."""
    window.february()
    window(**named)
    before = table(project_rows)
    project_rows.execute(
        "CREATE OR REPLACE FUNCTION hot_filas(pares jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$ "
        "SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY clave), '[]') FROM interrupciones_hot AS h $$"
    )
    window.march()
    assert "0002_interrupciones_hot.sql" in window.fails("WINDOW_SETUP", **named)
    assert table(project_rows) == before
    project_rows.execute(setup())
    look_anew(supabase, project_rows)
    assert window(**named)["deleted"] == 2 + 17 * 72


@pytest.mark.parametrize(
    ("break_it", "mend"),
    [
        ("ALTER FUNCTION hot_claves RENAME TO gone", "ALTER FUNCTION gone RENAME TO hot_claves"),
        ("ALTER TABLE interrupciones_hot RENAME TO gone", "ALTER TABLE gone RENAME TO interrupciones_hot"),
    ],
)
def test_a_project_that_is_not_set_up(
    window: Window, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection, break_it: str, mend: str
) -> None:
    window.february()
    owner.execute(break_it.encode())
    try:
        window.fails("WINDOW_SETUP", **named)  # PostgREST believes that it is there still
        look_anew(supabase, owner)
        told = window.fails("WINDOW_SETUP", **named)
        assert "0002_interrupciones_hot.sql" in told
        assert supabase.service_key not in told
    finally:
        owner.execute(mend.encode())
        look_anew(supabase, owner)


def test_readers_may_select_and_nothing_else(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection
) -> None:
    window.february()
    window(**named)
    before = table(project_rows)
    (key, huella), *_ = before.items()
    address = f"{supabase.url}/rest/v1"
    calls: dict[str, dict[str, Any]] = {
        "hot_claves": {"desde": "", "cuantas": 1}, "hot_filas": {"pares": {key: huella}},
        "hot_poner": {"filas": [], "antes": {}}, "hot_quitar": {"pares": {key: huella}}, "hot_medidas": {},
    }  # fmt: skip
    supabase.check_keys = False
    for role in ("anon", "authenticated"):
        token = supabase.key_for(role)
        headers = {"apikey": token, "Authorization": f"Bearer {token}"}
        got = httpx.get(f"{address}/interrupciones_hot?select=clave&limit=3", headers=headers)
        assert len(got.json()) == 3
        for name, arguments in calls.items():
            answer = httpx.post(f"{address}/rpc/{name}", headers=headers, json=arguments)
            assert answer.json()["code"] == "42501", (role, name)
        answer = httpx.delete(f"{address}/interrupciones_hot?clave=eq.{key}", headers=headers)
        assert answer.json()["code"] == "42501"
        named["SUPABASE_KEY"] = token
        window.fails("PUBLISH_REFUSED", **named)
    assert table(project_rows) == before


def test_no_key_is_told(window: Window, supabase: Supabase, named: dict[str, str]) -> None:
    window.february()
    named["SUPABASE_KEY"] = supabase.key_for("service_role", "z" * 40)
    supabase.check_keys = False
    told = window.fails("PUBLISH_KEY", **named)
    assert named["SUPABASE_KEY"].rpartition(".")[2] not in told
    target = SupabaseTarget(supabase.url, Secret(supabase.service_key))
    assert target.rpc("hot_medidas", {})["database"] > 1_000_000
    target.close()
