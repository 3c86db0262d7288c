"""Backups that are refused: then nothing is written, nothing is restored, and no password is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backup import backup, restore
from outages import pgprograms
from outages.files import sha256
from outages.postgres import database
from outages.targets import Secret

from .backups import PASSWORD, REPOSITORY, held, refused


@pytest.mark.parametrize("schema", [None, ["public"]])
def test_a_backup_that_tells_no_schema_is_refused(schema: Any, file: Path, empty_url: str, tmp_path: Path) -> None:
    beside = file.with_name("w.dump.json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"schema": schema}))
    refused("BACKUP_FILE", restore, tmp_path, file, Secret(empty_url))


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
