"""Real servers for the integration tests: an embedded PostgreSQL for the session, a database of its own for each test.

Folders lie outside of pytest's tmp_path, which is 0700: as root the server runs as another user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stamina
import structlog
from backup import backup
from outages.postgres import Embedded, database
from outages.targets import Secret
from outages.warehouse import migrate, sync_dimensions

from replica.process import ReplicaHandle, replica_process

from .backups import fill
from .postgrest_server import Supabase, project_on
from .publish_stage import Stage
from .scrapes import NOW, Scrapes
from .window_stage import Window

REPOSITORY = Path(__file__).resolve().parents[2]
RESOURCES = REPOSITORY / "resources"


def _reachable() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="outages-test-"))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def reachable() -> Iterator[Path]:
    """An empty folder that every user may walk into."""
    folder = _reachable()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The same for the length of a module, for whole runs of the workflow."""
    folder = _reachable()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def pristine() -> Iterator[Path]:
    """A cluster fresh from initdb and stopped, to be copied: half a second saved each time."""
    folder = _reachable()
    with Embedded(folder / "postgres").running():
        pass
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def new_embedded(pristine: Path) -> Callable[[Path], Embedded]:
    """Make an embedded PostgreSQL in a folder, its cluster copied from the pristine one."""

    def make(directory: Path) -> Embedded:
        directory.mkdir(parents=True)
        subprocess.run(["cp", "-a", pristine / "data", directory / "data"], check=True)
        return Embedded(directory)

    return make


@pytest.fixture(scope="session")
def embedded(pristine: Path) -> Iterator[Embedded]:
    """The session's running server."""
    with Embedded(pristine).running() as server:
        yield server


@pytest.fixture(scope="session")
def template(embedded: Embedded) -> str:
    """Name of a database with schema and dimensions, to be copied by each test."""
    _create(embedded.url, "template_warehouse", "template0")
    with database(_of(embedded.url, "template_warehouse"), Path()) as conn:
        migrate(conn)
        sync_dimensions(conn, RESOURCES)
    return "template_warehouse"


@pytest.fixture
def empty_url(embedded: Embedded) -> Iterator[str]:
    """URL of an empty database, dropped after the test."""
    yield from _fresh(embedded.url, "template0")


@pytest.fixture
def second_empty_url(embedded: Embedded) -> Iterator[str]:
    """URL of another one, to restore into."""
    yield from _fresh(embedded.url, "template0")


@pytest.fixture
def warehouse_url(embedded: Embedded, template: str) -> Iterator[str]:
    """URL of a database with schema and dimensions and no facts, dropped after the test."""
    yield from _fresh(embedded.url, template)


@pytest.fixture
def second_url(embedded: Embedded, template: str) -> Iterator[str]:
    """URL of another one, to compare with."""
    yield from _fresh(embedded.url, template)


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[psycopg.Connection]:
    """A connection to such a database."""
    with database(warehouse_url, Path()) as conn:
        yield conn


@pytest.fixture
def source(warehouse_url: str, tmp_path: Path) -> Secret:
    """URL of a database that holds something to back up."""
    fill(warehouse_url, tmp_path / "silver")
    return Secret(warehouse_url)


@pytest.fixture
def file(source: Secret, tmp_path: Path) -> Path:
    """A backup of it."""
    backup(tmp_path, tmp_path / "made" / "w.dump", source)
    return tmp_path / "made" / "w.dump"


@pytest.fixture(scope="module")
def project(place: Path) -> Iterator[tuple[Supabase, psycopg.Connection]]:
    """A Supabase project and its owner's connection; a cluster of its own, because roles belong to the cluster."""
    folder = place / "project"
    folder.mkdir()
    with Embedded(folder).running() as server, project_on(server.url, place) as both:
        yield both


@pytest.fixture
def owner(project: tuple[Supabase, psycopg.Connection]) -> psycopg.Connection:
    """The owner's connection to the project's database."""
    return project[1]


@pytest.fixture
def supabase(project: tuple[Supabase, psycopg.Connection]) -> Supabase:
    """The project with nothing published, nothing noted, nothing broken."""
    project[1].execute("TRUNCATE dashboard_stats")
    project[0].reset()
    return project[0]


@pytest.fixture
def named(supabase: Supabase) -> dict[str, str]:
    """The environment that names the project."""
    return {"SUPABASE_URL": supabase.url, "SUPABASE_KEY": supabase.service_key}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The publish stage in an empty folder, which tries again without waiting."""
    with stamina.set_testing(True, attempts=9, cap=True):
        yield Stage(tmp_path, monkeypatch)
    structlog.reset_defaults()


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    """The window stage in an empty folder, which tries again without waiting."""
    with stamina.set_testing(True, attempts=9, cap=True):
        yield Window(tmp_path, monkeypatch)
    structlog.reset_defaults()


@pytest.fixture
def project_rows(owner: psycopg.Connection) -> psycopg.Connection:
    """The owner's connection, with an empty hot table."""
    owner.execute("TRUNCATE interrupciones_hot")
    return owner


@pytest.fixture(scope="session")
def replica_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaHandle]:
    """The session's replica of the source."""
    with replica_process(tmp_path_factory.mktemp("replica") / "log.jsonl", seed=1, now=NOW) as replica:
        yield replica


@pytest.fixture
def replica(replica_server: ReplicaHandle) -> Iterator[ReplicaHandle]:
    """The same without faults, nothing asked yet."""
    replica_server.clear()
    replica_server.set_now(NOW)
    yield replica_server
    replica_server.clear()


@pytest.fixture
def scrapes(tmp_path: Path, replica: ReplicaHandle) -> Scrapes:
    """Scrapes of the replica into an empty store."""
    return Scrapes(tmp_path, replica)


@pytest.fixture
def play(replica: ReplicaHandle) -> Callable[..., None]:
    """Add a fault: at one hour of 1 June, or everywhere."""

    def add(fault: str, hora: int | None = None, times: int | None = None, **options: Any) -> None:
        match = {} if hora is None else {"fecha": "2025-06-01", "hora": hora}
        replica.faults([{"fault": fault, "match": match, "times": times, **options}])

    return add


def _of(url: str, name: str) -> str:
    return url.replace("@/outages?", f"@/{name}?")


def _create(url: str, name: str, template: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())


def _fresh(url: str, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{uuid.uuid4().hex[:12]}"
    _create(url, name, template)
    yield _of(url, name)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
