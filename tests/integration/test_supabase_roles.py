"""Who may do what in a Supabase project that also holds the warehouse: readers read what is published, no more."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from backup import backup, restore
from outages.errors import OutagesError
from outages.event_loading import replace_events
from outages.loading import load_month
from outages.postgres import Embedded
from outages.targets import Secret
from outages.warehouse import PUBLIC, migrate, sync_dimensions, table_digests

from . import postgrest_server
from .attempts import (
    ATTEMPTS,
    ELSEWHERE,
    PRIVATE,
    PRIVILEGES,
    READERS,
    ROW,
    STATEMENTS,
    Attempt,
    ask,
    functions,
    relations,
)
from .conftest import REPOSITORY, RESOURCES
from .postgrest_server import ROLES, Supabase, needed, postgrest, setup
from .small_files import write_golden, write_month


@pytest.fixture(scope="module")
def shared(place: Path) -> Iterator[tuple[Supabase, psycopg.Connection]]:
    """A project whose default privileges are Supabase's, with a warehouse in the same schema, and its owner."""
    needed()
    with Embedded(place / "postgres").running() as server, psycopg.connect(server.url, autocommit=True) as owner:
        owner.execute(ROLES.encode())
        migrate(owner)
        sync_dimensions(owner, RESOURCES)
        load_month(owner, "2025-03", *write_month(place / "silver", "2025-03"))
        replace_events(owner, write_golden(place / "golden.parquet", [datetime(2025, 3, 1, 12, tzinfo=UTC)]))
        owner.execute(setup())
        owner.execute("INSERT INTO dashboard_stats VALUES ('kept', '[1]', now())")
        with postgrest(server.url, place) as supabase:
            supabase.check_keys = False
            yield supabase, owner


@pytest.mark.parametrize("role", READERS)
def test_readers_only_read_what_is_published(role: str, shared: tuple[Supabase, psycopg.Connection]) -> None:
    supabase, owner = shared
    before = table_digests(owner)
    answers = {name: ask(supabase, role, attempt) for name, attempt in ATTEMPTS.items()}
    for name, _, arguments in functions(owner):
        answers[f"call {name}"] = ask(supabase, role, Attempt("POST", f"rpc/{name}", dict.fromkeys(arguments)))
    assert [name for name, answer in answers.items() if answer.status_code < 400] == []
    assert len(answers) > 40
    # Refused for want of a right, not because a request was malformed.
    writes = ("insert", "upsert", "put", "update", "delete", "forged", "read ", "call ")
    codes = {
        name: answer.json().get("code")
        for name, answer in answers.items()
        if name.startswith(writes) and "read a file" not in name
    }
    assert set(codes.values()) == {"42501"}, codes
    assert table_digests(owner) == before
    for table in sorted(PUBLIC):
        assert ask(supabase, role, Attempt("GET", table)).status_code == 200
    assert ask(supabase, role, Attempt("GET", "dashboard_stats?select=id,data")).json() == [{"id": "kept", "data": [1]}]


@pytest.mark.parametrize("role", READERS)
def test_sql_refuses_what_rest_cannot_express(role: str, shared: tuple[Supabase, psycopg.Connection]) -> None:
    owner = shared[1]
    before = table_digests(owner)
    columns = dict(owner.execute("SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attnum = 1"))
    tables = [*PUBLIC, *PRIVATE]
    statements = [text.format(table=t, column=columns[t], role=role) for t in tables for text in STATEMENTS.values()]
    statements += [f"SELECT * FROM {name}" for name in relations(owner) if name not in PUBLIC]
    statements += ELSEWHERE
    done = []
    for statement in statements:
        try:
            with owner.transaction(force_rollback=True):
                owner.execute(f"SET LOCAL ROLE {role}".encode())
                owner.execute(statement.encode())
            done.append(statement)
        except psycopg.errors.InsufficientPrivilege:
            pass
    assert done == []
    assert len(statements) > 100
    assert table_digests(owner) == before


@pytest.mark.parametrize("role", READERS)
def test_nothing_is_granted_but_reading_what_is_published(
    role: str, shared: tuple[Supabase, psycopg.Connection]
) -> None:
    owner = shared[1]
    granted = {
        (table, privilege)
        for table in {*PUBLIC, *PRIVATE}
        for privilege in PRIVILEGES
        if owner.execute("SELECT has_table_privilege(%s, %s, %s)", (role, table, privilege)).fetchone() == (True,)
    }
    assert granted == {(table, "SELECT") for table in PUBLIC}
    for _, signature, _ in functions(owner):
        asked = owner.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", (role, signature))
        assert asked.fetchone() == (False,), signature


@pytest.mark.parametrize(
    "forge",
    [
        lambda s: s.key_for("service_role", "z" * 64),
        lambda s: s.key_for("service_role", expires=-3600),
        lambda s: s.key_for("service_role").rpartition(".")[0] + ".",
        lambda s: s.key_for("postgres"),
        lambda s: s.key_for("authenticator"),
        lambda s: s.key_for("nobody"),
    ],
)
def test_no_token_makes_a_writer_of_a_reader(forge: Any, shared: tuple[Supabase, psycopg.Connection]) -> None:
    supabase, owner = shared
    before = table_digests(owner)
    headers = {"apikey": supabase.anon_key, "Authorization": f"Bearer {forge(supabase)}"}
    address = f"{supabase.url}/rest/v1/dashboard_stats"
    assert httpx.post(address, headers=headers, json=[ROW]).status_code in (400, 401, 403)
    assert table_digests(owner) == before


def test_the_service_key_does_what_publishing_needs(shared: tuple[Supabase, psycopg.Connection]) -> None:
    supabase, owner = shared
    before = table_digests(owner)
    upsert = Attempt("POST", "dashboard_stats?on_conflict=id", [ROW], {"Prefer": "resolution=merge-duplicates"})
    assert ask(supabase, "service_role", upsert).status_code == 201
    assert ask(supabase, "service_role", upsert._replace(json=[ROW | {"data": [2]}])).status_code in (200, 201)
    read = ask(supabase, "service_role", Attempt("GET", "dashboard_stats?select=id,data&order=id"))
    assert read.json() == [{"id": "kept", "data": [1]}, {"id": "mine", "data": [2]}]
    assert ask(supabase, "service_role", Attempt("DELETE", "dashboard_stats?id=eq.mine")).status_code == 204
    assert ask(supabase, "service_role", Attempt("POST", "rpc/hot_medidas", {})).json()["dashboard_stats"] > 0
    assert table_digests(owner) == before


def test_the_command_prints_the_migrations_and_nothing_else(shared: tuple[Supabase, psycopg.Connection]) -> None:
    files = sorted((REPOSITORY / "workflow/supabase").iterdir())
    assert [path.name[:5] for path in files] == [f"{n:04d}_" for n in range(1, len(files) + 1)]
    assert setup() == b"".join(path.read_bytes() for path in files)
    assert all(path.read_bytes().endswith(b"\n") for path in files)
    before = table_digests(shared[1])
    shared[1].execute(setup())  # again: nothing changes
    assert table_digests(shared[1]) == before


def test_a_warehouse_beside_a_project_takes_a_schema_of_its_own(shared: tuple[Supabase, psycopg.Connection]) -> None:
    owner = shared[1]
    owner.execute("CREATE DATABASE beside TEMPLATE template0 STRATEGY file_copy")
    url = f"postgresql://{owner.info.user}@/beside?host={owner.info.host}"
    with psycopg.connect(url, autocommit=True) as beside:
        beside.execute(ROLES.encode())
        beside.execute(setup())
        with pytest.raises(OutagesError, match=r"MIGRATION_OCCUPIED.*dashboard_stats"):
            migrate(beside)
        # What had been made so far stays; the other schema is a fresh start.
        beside.execute("CREATE SCHEMA warehouse")
    with psycopg.connect(f"{url}&options=-csearch_path%3Dwarehouse", autocommit=True) as beside:
        assert migrate(beside)[0] == 1
        assert "dashboard_stats" in table_digests(beside)
        asked = "SELECT has_table_privilege('anon', 'warehouse.observaciones', 'SELECT')"
        assert beside.execute(asked).fetchone() == (False,)


RIGHTS = """
    SELECT c.relname, a.grantee::regrole::text, a.privilege_type
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.grantee <> c.relowner
    UNION ALL
    SELECT p.proname, CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END, a.privilege_type
    FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'public'::regnamespace AND a.grantee <> p.proowner
"""


@pytest.mark.parametrize("of_a_project", [False, True], ids=["plain", "default privileges of Supabase"])
def test_what_is_restored_is_as_closed_as_what_was_backed_up(
    of_a_project: bool, shared: tuple[Supabase, psycopg.Connection], tmp_path: Path
) -> None:
    owner = shared[1]
    name = f"restored_{of_a_project}".lower()
    owner.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy".encode())
    url = f"postgresql://{owner.info.user}@/{name}?host={owner.info.host}"
    backup(tmp_path, tmp_path / "w.dump", Secret(f"postgresql://{owner.info.user}@/outages?host={owner.info.host}"))
    with psycopg.connect(url, autocommit=True) as conn:
        if of_a_project:
            conn.execute(ROLES.encode())
        restore(tmp_path, tmp_path / "w.dump", Secret(url))
        restored = set(conn.execute(RIGHTS).fetchall())
        assert migrate(conn) == []
        rights = set(conn.execute(RIGHTS).fetchall())
        assert restored == rights  # closed from the start, not from the next run
        readers = {right for right in rights if right[1] != "service_role"}
        may_read = {(table, role, "SELECT") for table in PUBLIC for role in READERS}
        assert readers == (may_read if of_a_project else set())
        may_call = {(name, "service_role", "EXECUTE") for name, _, _ in functions(conn)}
        assert len(may_call) == 5 and may_call <= rights
        # And each time that somebody opens it: what a careless hand has given is taken back, of nobody else.
        conn.execute("GRANT ALL ON dashboard_stats, interrupciones_hot TO anon, authenticated, service_role")
        conn.execute("GRANT ALL ON FUNCTION hot_poner, hot_medidas TO public, anon, service_role")
        assert migrate(conn) == []
        opened = set(conn.execute(RIGHTS).fetchall())
        assert {right for right in opened if right[1] != "service_role"} == may_read
        assert opened >= rights | {(table, "service_role", "TRUNCATE") for table in PUBLIC}
        conn.execute(setup())  # what the documentation says to do after a restore
        assert {right for right in conn.execute(RIGHTS) if right[1] != "service_role"} == may_read


def test_opening_again_looks_once_and_changes_nothing(shared: tuple[Supabase, psycopg.Connection]) -> None:
    owner = shared[1]
    migrate(owner)
    versions = """
        SELECT oid, xmin::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT oid, xmin::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1
    """
    before = owner.execute(versions).fetchall()
    migrate(owner)
    assert owner.execute(versions).fetchall() == before


def test_where_make_test_installs_postgrest_its_tests_are_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgrest_server, "program", lambda: None)
    installed = (sys.platform, platform.machine()) == ("linux", "x86_64")
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as caught:
        needed()
    assert isinstance(caught.value, pytest.fail.Exception if installed else pytest.skip.Exception)
