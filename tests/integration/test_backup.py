"""Backup and restore on real servers: the same rows come back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from backup import backup, restore
from outages import warehouse
from outages.files import sha256
from outages.postgres import Embedded, database
from outages.targets import Secret
from outages.warehouse import EVENTS, TABLES, migrate, read_migrations, table_digests, transaction
from psycopg.sql import Identifier

from .backups import REPOSITORY, New, digests, fill, held


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
