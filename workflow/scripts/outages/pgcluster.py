"""One PostgreSQL cluster in a folder: its files, whether its server lives, how it starts and stops.

Who may start or stop the server, and when, is decided in postgres.py.

    directory/data/             the cluster (0700, of the account that runs the server)
    directory/postgresql.conf   settings, written anew before every start
    directory/server.log        what initdb, pg_ctl and the server say
    directory/socket/           the only way in (0700); elsewhere when that path is too long
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from .errors import OutagesError
from .pgprograms import Account, account_for, admitted, find_programs, give, identity, major_version, prefix

NAME = "outages"  # of the superuser and of the database
PORT = 5432  # names the socket file; nothing listens on TCP
START_SECONDS = 300  # recovery after a crash in the middle of a load may take minutes
#: sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
SOCKET_PATH_BYTES = 103

SETTINGS = """\
# Written before every start by workflow/scripts/outages/pgcluster.py: changes here are lost.
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 50
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
# Bulk loads: whole months by COPY after TRUNCATE in one transaction skip the log and are synced at commit.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 30min
checkpoint_completion_target = 0.9
shared_buffers = 256MB
maintenance_work_mem = 256MB
work_mem = 32MB
jit = off
# The cores belong to Snakemake's jobs, and a container's /dev/shm is too small for parallel queries.
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
fsync = on
full_page_writes = on
synchronous_commit = on
"""


class Cluster:
    """The files and the process of one PostgreSQL cluster under ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        self.config = self.directory / "postgresql.conf"

    @property
    def socket(self) -> Path:
        """Folder of the socket: of the living server, else where the next start will put it."""
        pidfile = self._pidfile()
        if len(pidfile) > 4 and pidfile[4] and self.pid() is not None:
            return Path(pidfile[4])
        own = self.directory / "socket"
        fits = len(os.fsencode(own / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES
        if fits and "," not in str(own):  # libpq takes a comma for a list of hosts
            return own
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"outages-{digest}"

    def pid(self) -> int | None:
        """Process id of the server of this very cluster, or None when it is not running."""
        pidfile = self._pidfile()
        if not pidfile or not pidfile[0].strip().isdigit():
            return None
        pid = int(pidfile[0])
        return pid if _serves(pid, self.data) else None

    def ready(self) -> bool:
        """Whether the server runs and takes connections."""
        pidfile = self._pidfile()
        return self.pid() is not None and len(pidfile) > 7 and pidfile[7].strip() == "ready"

    def start(self) -> None:
        """Start the server, after initdb where there is no cluster; the caller holds the control lock."""
        deadline = time.monotonic() + START_SECONDS
        while self.pid() is not None:  # starting or stopping on somebody else's account
            if self.ready():
                return
            if time.monotonic() > deadline:
                raise OutagesError("PG_START", f"PostgreSQL in {self.directory} neither starts nor stops.")
            time.sleep(0.05)
        programs = find_programs()
        account = self._account(programs)
        self.log.touch()
        give(self.log, account)
        if not (self.data / "PG_VERSION").exists():
            self._create(programs, account)
        self._check_version(programs)
        socket = self._private_socket(account)
        self._forget_dead_server(socket)
        self.config.write_text(SETTINGS.format(port=PORT, socket=_listed(socket)), encoding="utf-8")
        self.config.chmod(0o644)
        self._run(
            programs / "pg_ctl",
            *("start", "-D", self.data, "-w", "-t", START_SECONDS, "-l", self.log),
            *("-o", f"-c config_file={shlex.quote(str(self.config))}"),
            account=account,
            code="PG_START",
        )

    def stop(self) -> None:
        """Stop the server where it runs: open transactions roll back, what was committed is on disk."""
        pid = self.pid()
        if pid is None:
            return
        programs, socket = find_programs(), self.socket
        arguments = ("stop", "-D", self.data, "-m", "fast", "-W")
        self._run(programs / "pg_ctl", *arguments, account=self._account(programs), code="PG_STOP")
        deadline = time.monotonic() + START_SECONDS
        # pg_ctl itself would look ten times a second, and most stops take less. Its file goes before the process does.
        while _serves(pid, self.data):
            if time.monotonic() > deadline:
                raise OutagesError("PG_STOP", f"PostgreSQL in {self.directory} does not stop: see {self.log}.")
            time.sleep(0.005)
        if socket.parent != self.directory:
            with suppress(OSError):
                socket.rmdir()

    def _account(self, programs: Path) -> Account | None:
        account = account_for(self.data)
        if account is None:
            return None
        self.directory.chmod(stat.S_IMODE(self.directory.stat().st_mode) | 0o111)
        return admitted(account, self.directory, programs)

    def _pidfile(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _create(self, programs: Path, account: Account | None) -> None:
        """Initialise aside and rename: a cluster that was cut off half-way never counts as one."""
        fresh = self.directory / "data.part"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        give(fresh, account)
        locale = ["--locale=C"]
        if major_version(programs) >= 17:  # the same order and case rules on every machine
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ("--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", *locale)
        self._run(programs / "initdb", "-D", fresh, "-U", NAME, *options, account=account, code="PG_INITDB")
        self._run(
            programs / "postgres",
            *("--single", "-D", fresh, "postgres"),
            account=account,
            code="PG_INITDB",
            text=f"CREATE DATABASE {NAME};\n",
        )
        fresh.rename(self.data)

    def _check_version(self, programs: Path) -> None:
        version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != str(major_version(programs)):
            message = (
                f"{self.data} was made by PostgreSQL {version}, the programs are {major_version(programs)}. "
                f"Remove {self.directory}: the next run builds it again from results/silver."
            )
            raise OutagesError("PG_VERSION", message, folder=str(self.data), version=version)

    def _private_socket(self, account: Account | None) -> Path:
        """The socket's folder, 0700 and the server's own: a folder that someone else laid there is refused."""
        socket = self.socket
        try:
            socket.mkdir(mode=0o700)
            give(socket, account)
        except FileExistsError:
            pass
        found = socket.lstat()
        owner = os.geteuid() if account is None else account.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            message = f"{socket} must be a folder of user {owner} with mode 0700: remove it and run again."
            raise OutagesError("PG_SOCKET_FOLDER", message, folder=str(socket))
        return socket

    def _forget_dead_server(self, socket: Path) -> None:
        """Remove what a killed server left: PostgreSQL itself looks at the number alone, which may be reused.

        Should its children still be alive, PostgreSQL notices by the shared memory and refuses to start.
        """
        for left in (
            self.data / "postmaster.pid",
            socket / f".s.PGSQL.{PORT}",
            socket / f".s.PGSQL.{PORT}.lock",
        ):
            left.unlink(missing_ok=True)

    def _run(self, *command: object, account: Account | None, code: str, text: str = "") -> None:
        """Run a program of PostgreSQL; its words go to the log, nothing of ours is inherited."""
        kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*prefix(account), *(str(part) for part in command)],
                input=text.encode(),
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C", "TZ": "UTC"} | {name: os.environ[name] for name in kept if name in os.environ},
                umask=0o077,
                check=False,
                **identity(account),
            )
        if done.returncode != 0:
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            message = f"{Path(str(command[0])).name} failed in {self.directory}: see {self.log}."
            raise OutagesError(code, message, exit=done.returncode, log=tail)


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is a postgres of this cluster; a number alone may be anybody's by now."""
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        arguments = [os.fsdecode(word) for word in words]
        if Path(arguments[0]).name != "postgres" or "-D" not in arguments[:-1]:
            return False
        return Path(arguments[arguments.index("-D") + 1]).resolve() == data
    done = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in done.stdout and f"-D {data}" in done.stdout


def _listed(path: Path) -> str:
    """A path as the one entry of a list within quotes of postgresql.conf (it may hold commas and quotes)."""
    return '"{}"'.format(str(path).replace('"', '""')).replace("\\", "\\\\").replace("'", "''")
