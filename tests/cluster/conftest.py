"""What the tests of a cluster share: a Slurm, and an installed PostgreSQL that nodes reach by TCP."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from outages.pgprograms import account_for, give, identity

from tests.integration.test_external import installed

from .slurm import free_ports, missing, slurm

PASSWORD = "of-the-cluster-alone"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """An empty folder that every user may walk into, for the length of a module."""
    folder = Path(tempfile.mkdtemp(prefix="outages-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster(place: Path) -> Iterator[None]:
    """A Slurm with this machine as its one node."""
    if reason := missing():
        pytest.skip(reason)
    (place / "slurm").mkdir()
    with slurm(place / "slurm"):
        yield


@pytest.fixture(scope="module")
def database_url(place: Path) -> Iterator[str]:
    """URL of an empty database of a server on loopback TCP."""
    programs = installed()
    if programs is None:
        pytest.skip("no PostgreSQL 15 or newer beside the embedded one: install Debian's postgresql")
    folder = place / "external"
    folder.mkdir(mode=0o711)
    account = account_for(folder / "data")
    (folder / "data").mkdir(mode=0o700)
    (folder / "password").write_text(PASSWORD)
    (folder / "log").touch()
    for name in ("data", "password", "log"):
        give(folder / name, account)

    def run(program: str, *arguments: object) -> None:
        command = [str(programs / program), *map(str, arguments)]
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        with (folder / "log").open("ab") as log:
            done = subprocess.run(command, cwd="/", env=environment, stdout=log, stderr=log, **identity(account))
        assert done.returncode == 0, (folder / "log").read_text()

    secret = f"--pwfile={folder / 'password'}"
    run("initdb", "-D", folder / "data", "-U", "outages", "-A", "scram-sha-256", secret, "-E", "UTF8")
    (port,) = free_ports(1)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories=''"
    run("pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log", "-o", options)
    try:
        yield f"postgresql://outages:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "stop", "-w", "-m", "fast", "-D", folder / "data")
