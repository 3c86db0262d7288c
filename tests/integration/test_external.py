"""An installed PostgreSQL of another version than the embedded one: the same runs leave the same digests.

Debian's package postgresql has the programs. The cluster is a throw-away of the test's own, in a temporary folder,
with a password and a Unix socket only; no service of the machine is touched or needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backup import backup, restore
from outages.pgprograms import account_for, find_programs, give, identity, major_version
from outages.postgres import database
from outages.targets import Secret
from outages.warehouse import OLDEST_SERVER, table_digests

from .workflow_runs import Work, checkout, record

pytestmark = pytest.mark.external
PASSWORD = "of-the-test-alone"


def installed() -> Path | None:
    """The oldest PostgreSQL from 15 on that is installed and is not the embedded one's version: Debian's, or PATH's."""
    folders = {path.resolve() for path in Path("/usr/lib/postgresql").glob("*/bin")}
    config = shutil.which("pg_config")
    if config:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        folders.add(Path(told).resolve())
    found = {
        major_version(folder): folder
        for folder in folders
        if all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres"))
    }
    other = {version for version in found if version >= OLDEST_SERVER} - {major_version(find_programs())}
    return found[min(other)] if other else None


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[str]:
    """URL of a server of that version."""
    programs = installed()
    if programs is None:
        pytest.skip("no PostgreSQL 15 or newer beside the embedded one: install Debian's postgresql")
    folder = place / "external"
    folder.mkdir(mode=0o711)
    account = account_for(folder / "data")
    for path in (folder / "data", folder / "socket"):
        path.mkdir(mode=0o700)
        give(path, account)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    give(secret, account)

    def run(program: str, *arguments: object) -> None:
        command = [str(programs / program), *map(str, arguments)]
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        with (folder / "log").open("ab") as log:
            done = subprocess.run(command, cwd="/", env=environment, stdout=log, stderr=log, **identity(account))
        assert done.returncode == 0, (folder / "log").read_text()

    (folder / "log").touch()
    give(folder / "log", account)
    run("initdb", "-D", folder / "data", "-U", "outages", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}/socket' -c timezone=America/Santiago"
    run("pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log", "-o", options)
    try:
        yield f"postgresql://outages:{PASSWORD}@/postgres?host={folder}/socket"
    finally:
        run("pg_ctl", "stop", "-w", "-m", "fast", "-D", folder / "data")


def create(server: str, name: str) -> str:
    """URL of a new database, not in Chile's order of letters or the session's zone, but whatever the server has."""
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("@/postgres?", f"@/{name}?")


def digests(url: str | None, folder: Path) -> dict[str, str]:
    with database(url, folder) as conn:
        return table_digests(conn)


@pytest.fixture(scope="module")
def runs(server: str, place: Path) -> tuple[Work, Work]:
    """The same whole run over recorded answers of both shapes: embedded, and with DATABASE_URL."""
    config: dict[str, Any] = {
        "months": {"first": "2025-04", "last": "2025-05"},
        "hours": [0, 12],
        "source": {"kind": "recorded", "path": "recorded"},
    }
    code = checkout(place / "code")
    own, other = Work(place / "own", code, config), Work(place / "other", code, dict(config))
    other.environment = {"DATABASE_URL": create(server, "outages")}
    for work in (own, other):
        record(work.folder / "recorded", date(2025, 4, 20), date(2025, 5, 12), (0, 12))
        work.must()
    return own, other


def test_the_same_run_leaves_the_same_digests(runs: tuple[Work, Work]) -> None:
    own, other = runs
    url = other.environment["DATABASE_URL"]
    with database(url, Path()) as conn:
        version = conn.info.server_version // 10000
        counts = [
            conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            for table in ("observaciones", "fact_interrupciones", "dashboard_stats")
        ]
    print(f"PostgreSQL {version} and {major_version(find_programs())}: {counts}")
    assert version != major_version(find_programs())
    assert all(count and count[0] > 0 for count in counts)
    assert digests(url, Path()) == digests(None, own.folder / "results/postgres")
    assert own.results() == other.results()
    assert not (other.folder / "results/postgres/data").exists()
    assert PASSWORD not in other.output
    files = [path for path in other.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def test_backups_go_from_each_to_each(runs: tuple[Work, Work], server: str, place: Path, tmp_path: Path) -> None:
    own, other = runs
    whole = digests(None, own.folder / "results/postgres")
    sources = {"own": (own.folder, None), "other": (place, Secret(other.environment["DATABASE_URL"]))}
    for name, (folder, url) in sources.items():
        file = tmp_path / f"{name}.dump"
        backup(folder, file, url)
        assert PASSWORD not in file.with_name(f"{file.name}.json").read_text()
        there = Secret(create(server, f"from_{name}"))
        restore(place, file, there)
        assert digests(there.reveal(), Path()) == whole
        restore(place / f"from-{name}", file, None)
        assert digests(None, place / f"from-{name}/results/postgres") == whole
