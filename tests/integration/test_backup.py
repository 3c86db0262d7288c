"""Backup and restore on real servers: the same rows come back or nothing does, and no password is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from backup import backup, restore
from outages import pgprograms, warehouse
from outages.errors import OutagesError
from outages.files import sha256
from outages.loading import load_month, replace_events
from outages.postgres import Embedded, database
from outages.targets import Secret
from outages.warehouse import EVENTS, TABLES, migrate, read_migrations, sync_dimensions, table_digests, transaction
from psycopg.sql import Identifier

from .small_files import write_golden, write_month

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "tell-nobody"
New = Callable[[Path], Embedded]


def fill(url: str, folder: Path) -> dict[str, str]:
    """Two months, three events and a payload; the digests."""
    folder.mkdir(exist_ok=True)
    starts = [datetime(2025, 1, day, tzinfo=UTC) for day in (3, 4, 5)]
    with database(url, Path()) as conn:
        migrate(conn)
        sync_dimensions(conn, REPOSITORY / "resources")
        for month in ("2025-01", "2025-02"):
            load_month(conn, month, *write_month(folder, month))
        replace_events(conn, write_golden(folder / "golden.parquet", starts))
        conn.execute("""INSERT INTO dashboard_stats VALUES ('año', '[{"n": 1.50, "text": "Ñuble\\n"}]', now())""")
        return table_digests(conn)


def digests(url: str) -> dict[str, str]:
    with database(url, Path()) as conn:
        return table_digests(conn)


def held(url: str) -> int:
    """How many relations of its own a database has."""
    with database(url, Path()) as conn:
        found = conn.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone()
    assert found
    return int(found[0])


@pytest.fixture
def source(warehouse_url: str, tmp_path: Path) -> Secret:
    fill(warehouse_url, tmp_path / "silver")
    return Secret(warehouse_url)


@pytest.fixture
def file(source: Secret, tmp_path: Path) -> Path:
    """A backup of the source."""
    backup(tmp_path, tmp_path / "made" / "w.dump", source)
    return tmp_path / "made" / "w.dump"


def refused(code: str, action: Callable[..., Any], *arguments: object) -> OutagesError:
    with pytest.raises(OutagesError) as caught:
        action(*arguments)
    assert caught.value.code == code, caught.value
    return caught.value


def test_what_is_restored_is_what_was_backed_up(source: Secret, file: Path, empty_url: str, tmp_path: Path) -> None:
    before = digests(source.reveal())
    told = json.loads((tmp_path / "made/w.dump.json").read_bytes())
    newest = read_migrations(warehouse.MIGRATIONS)[-1].version
    assert told == {"digests": before, "schema": "public", "schema_version": newest, "sha256": sha256(file)}
    assert set(before) == set(TABLES)
    assert sorted(path.name for path in file.parent.iterdir()) == ["w.dump", "w.dump.json"]
    assert restore(tmp_path, file, Secret(empty_url)) == told
    assert digests(empty_url) == before
    catalogue = """
        SELECT c.relname, c.relkind, c.relrowsecurity, pg_get_viewdef(c.oid), obj_description(c.oid),
            pg_get_indexdef(c.oid)
        FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT conname, contype, NULL, pg_get_constraintdef(oid), NULL, NULL
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT polname, polcmd, NULL, pg_get_expr(polqual, polrelid), NULL, NULL FROM pg_policy
        UNION ALL SELECT proname, prokind, NULL, prosrc, NULL, NULL
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1, 2
    """
    with database(source.reveal(), Path()) as one, database(empty_url, Path()) as other:
        assert one.execute(catalogue).fetchall() == other.execute(catalogue).fetchall()
        assert migrate(other) == []


@pytest.mark.parametrize("schema", ["warehouse", 'My "own" schema.*'])
@pytest.mark.parametrize("there", [False, True])
def test_a_schema_of_its_own_comes_back(
    there: bool, schema: str, empty_url: str, second_empty_url: str, tmp_path: Path
) -> None:
    quoted = Identifier(schema).as_string()
    path = quote(f"-csearch_path={quoted}".replace(" ", "\\ "))
    one, other = (f"{url}&options={path}" for url in (empty_url, second_empty_url))
    with database(empty_url, Path()) as conn:
        conn.execute(f"CREATE SCHEMA {quoted}".encode())
    before = fill(one, tmp_path / "silver")
    told = backup(tmp_path, tmp_path / "w.dump", Secret(one))
    assert told["schema"] == schema
    with database(second_empty_url, Path()) as conn:
        if there:
            conn.execute(f"CREATE SCHEMA {quoted}".encode())
        restore(tmp_path, tmp_path / "w.dump", Secret(other))
        assert digests(other) == before
        assert held(second_empty_url) == 0  # nothing in public
    with database(other, Path()) as conn:
        assert migrate(conn) == []


@pytest.mark.parametrize("schema", [None, ["public"]])
def test_a_backup_that_tells_no_schema_is_refused(schema: Any, file: Path, empty_url: str, tmp_path: Path) -> None:
    beside = file.with_name("w.dump.json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"schema": schema}))
    refused("BACKUP_FILE", restore, tmp_path, file, Secret(empty_url))


def test_the_commands_on_embedded_databases(reachable: Path, new_embedded: New, tmp_path: Path) -> None:
    one, other, file = reachable / "one", reachable / "other", tmp_path / "w.dump"
    with new_embedded(one / "results/postgres").running() as server:
        before = fill(server.url, tmp_path / "silver")

    def make(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MAKEFLAGS")}
        command = [
            "make",
            "--no-print-directory",
            "--old-file=.venv/.ready",
            f"BIN={Path(sys.executable).parent}",
            *words,
        ]
        return subprocess.run(command, cwd=REPOSITORY, env=kept, input=text, capture_output=True, text=True)

    done = make("psql", f"DIR={one}", text="SELECT count(*) AS events FROM interrupciones;\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-4:] == ["--------", "3", "(1", "row)"]
    assert "has no database yet" in make("psql", f"DIR={other}").stderr
    assert "Name the file" in make("backup", f"DIR={one}").stderr
    assert "BACKUP_EMPTY" in make("backup", f"DIR={other}", f"FILE={file}").stderr
    for words in (("backup", f"DIR={one}"), ("restore", f"DIR={other}")):
        done = make(*words, f"FILE={file}")
        assert done.returncode == 0, done.stderr
        assert f"{words[0]}: {file}" in done.stdout
    assert "RESTORE_NOT_EMPTY" in make("restore", f"DIR={other}", f"FILE={file}").stderr
    assert Embedded(other / "results/postgres").cluster.pid() is None
    with database(None, other / "results/postgres") as conn:
        assert table_digests(conn) == before


@pytest.mark.parametrize(
    "other",
    [
        "CREATE TABLE kept (n int)",
        "CREATE TYPE kept AS ENUM ('a')",
        "CREATE FUNCTION kept() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.kept AS SELECT 1 AS n",
    ],
)
def test_a_database_that_holds_anything_is_refused(other: str, file: Path, empty_url: str, tmp_path: Path) -> None:
    with database(empty_url, Path()) as conn:
        conn.execute(other.encode())
    before = held(empty_url)
    error = refused("RESTORE_NOT_EMPTY", restore, tmp_path, file, Secret(empty_url))
    assert "kept" in error.message
    assert held(empty_url) == before


def test_what_is_no_backup_touches_nothing(file: Path, empty_url: str, tmp_path: Path) -> None:
    beside = file.with_name("w.dump.json")
    told = json.loads(beside.read_text())
    bad: list[tuple[str, Any]] = [
        ("MIGRATION_AHEAD", told | {"schema_version": 999}),
        ("MIGRATION_AHEAD", told | {"digests": {"unheard_of": "x"}}),
        ("BACKUP_FILE", told | {"sha256": "0" * 64}),
        ("BACKUP_FILE", {"sha256": told["sha256"]}),
        ("BACKUP_FILE", []),
    ]
    for code, content in bad:
        beside.write_text(json.dumps(content))
        refused(code, restore, tmp_path / "nowhere", file, None)
    beside.write_text(json.dumps(told))
    with file.open("r+b") as opened:
        opened.seek(-100, os.SEEK_END)
        opened.write(b"damage")
    refused("BACKUP_FILE", restore, tmp_path, file, Secret(empty_url))
    beside.unlink()
    refused("BACKUP_FILE", restore, tmp_path, file, Secret(empty_url))
    assert held(empty_url) == 0
    assert not (tmp_path / "nowhere").exists()


def test_a_restore_that_fails_half_way_leaves_nothing(file: Path, empty_url: str, tmp_path: Path) -> None:
    beside = file.with_name("w.dump.json")
    told = json.loads(beside.read_text())
    whole = file.read_bytes()
    for length in (len(whole) * 9 // 10, len(whole) // 2):
        file.write_bytes(whole[:length])
        beside.write_text(json.dumps(told | {"sha256": sha256(file)}))
        refused("RESTORE_FAILED", restore, tmp_path, file, Secret(empty_url))
        assert held(empty_url) == 0


def test_other_rows_than_were_backed_up_are_told(file: Path, empty_url: str, tmp_path: Path) -> None:
    beside = file.with_name("w.dump.json")
    told = json.loads(beside.read_text())
    told["digests"]["cobertura"] = "0" * 32
    beside.write_text(json.dumps(told))
    assert refused("RESTORE_MISMATCH", restore, tmp_path, file, Secret(empty_url)).facts == {"tables": ["cobertura"]}


def test_a_backup_is_never_written_over(source: Secret, file: Path, tmp_path: Path) -> None:
    before = file.read_bytes(), file.with_name("w.dump.json").read_bytes()
    refused("BACKUP_EXISTS", backup, tmp_path, file, source)
    assert (file.read_bytes(), file.with_name("w.dump.json").read_bytes()) == before


def test_nothing_to_back_up(empty_url: str, tmp_path: Path) -> None:
    refused("BACKUP_EMPTY", backup, tmp_path, tmp_path / "w.dump", Secret(empty_url))
    refused("BACKUP_EMPTY", backup, tmp_path, tmp_path / "w.dump", None)
    assert not list(tmp_path.iterdir())


def test_a_backup_waits_for_a_load_and_holds_what_it_leaves(source: Secret, empty_url: str, tmp_path: Path) -> None:
    """TRUNCATE and COPY FREEZE do not care for snapshots: one taken before would hold an empty table."""
    before = digests(source.reveal())
    failed: list[BaseException] = []

    def work() -> None:
        try:
            backup(tmp_path, tmp_path / "w.dump", source)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = " \
        "(SELECT oid FROM pg_database WHERE datname = current_database())"  # fmt: skip
    with database(source.reveal(), Path()) as conn:
        thread = threading.Thread(target=work)
        with transaction(conn, EVENTS):
            conn.execute("TRUNCATE fact_interrupciones")
            thread.start()
            deadline = time.monotonic() + 60
            while conn.execute(waiting).fetchone() != (1,):
                assert time.monotonic() < deadline and thread.is_alive(), failed
                time.sleep(0.02)
        thread.join()
    assert not failed
    restore(tmp_path, tmp_path / "w.dump", Secret(empty_url))
    after = digests(empty_url)
    assert after == digests(source.reveal())
    assert {name for name in after if after[name] != before[name]} == {"fact_interrupciones"}


def test_every_version_of_the_schema_is_backed_up_and_migrated_later(
    empty_url: str, second_url: str, source: Secret, tmp_path: Path
) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    first = sorted(warehouse.MIGRATIONS.glob("0001_*.sql"))[0]
    (folder / first.name).write_bytes(first.read_bytes())
    with database(empty_url, Path()) as conn:
        migrate(conn, folder)
        told = backup(tmp_path, tmp_path / "old.dump", Secret(empty_url))
        assert told["schema_version"] == 1
        assert sorted(told["digests"]) == ["dim_empresa", "dim_geografia", "dim_tiempo", "schema_migrations"]
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    restore(tmp_path, tmp_path / "old.dump", Secret(empty_url))
    fill(empty_url, tmp_path / "again")
    assert digests(empty_url) == digests(source.reveal())


def test_no_password_on_a_command_line_or_in_an_error(
    source: Secret, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    real = subprocess.Popen

    class Recorded(real):  # type: ignore[type-arg,valid-type,misc]
        def __init__(self, args: Any, *rest: Any, **more: Any) -> None:
            started.append(" ".join(map(str, args)))
            super().__init__(args, *rest, **more)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    with_password = [Secret(url.replace("outages@", f"outages:{PASSWORD}@")) for url in (source.reveal(), empty_url)]
    backup(tmp_path, tmp_path / "w.dump", with_password[0])
    restore(tmp_path, tmp_path / "w.dump", with_password[1])
    programs = [command.split()[0].rsplit("/", 1)[-1] for command in started if "--version" not in command]
    assert programs == ["pg_dump", "pg_restore", "psql"]
    assert PASSWORD not in " ".join(started)
    command = [
        sys.executable,
        REPOSITORY / "workflow/scripts/psql.py",
        tmp_path,
        "-c",
        r"\! tr '\0' ' ' </proc/$PPID/cmdline",
    ]
    done = subprocess.run(
        command, env=os.environ | {"DATABASE_URL": with_password[0].reveal()}, capture_output=True, text=True
    )
    assert "psql -c" in done.stdout and PASSWORD not in done.stdout + done.stderr
    nowhere = Secret(f"postgresql://someone:{PASSWORD}@127.0.0.1:1/x")
    malformed = (f"{PASSWORD}@h/x?nonsense={PASSWORD}", f"{PASSWORD}%@h/x", f"a@{PASSWORD}@127.0.0.1/x")
    for url in (nowhere, *(Secret(f"postgresql://someone:{rest}") for rest in malformed)):
        error = refused("DATABASE_UNREACHABLE", backup, tmp_path, tmp_path / "other.dump", url)
        assert PASSWORD not in f"{error} {error.facts}"


def test_an_account_that_may_not_read_all_gets_no_backup(source: Secret, tmp_path: Path) -> None:
    name = f"reader_{os.getpid()}"
    reader = Secret(source.reveal().replace("outages@", f"{name}:{PASSWORD}@"))
    with psycopg.connect(source.reveal(), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN".encode())
        try:
            # Row security would show this account no row of most tables: that is no backup either.
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}".encode())
            error = refused("BACKUP_FAILED", backup, tmp_path, tmp_path / "w.dump", reader)
            assert "row-level security" in error.message
            assert PASSWORD not in str(error)
        finally:
            owner.execute(f"DROP OWNED BY {name}".encode())
            owner.execute(f"DROP ROLE {name}".encode())
    assert not list(tmp_path.glob("*dump*"))


def test_programs_older_than_the_server_are_refused() -> None:
    assert pgprograms.major_version(pgprograms.find_clients(18), "pg_dump") >= 18
    refused("PG_NO_PROGRAMS", pgprograms.find_clients, 99)
