"""The database: an embedded PostgreSQL that starts when needed and stops when nobody is left, or any other by URL.

Whoever uses the embedded server holds a *claim*: a shared flock on ``users.lock``, which the kernel frees
however the process ends. The first who needs the server starts it, the last who leaves stops it. After a
``kill -9`` of everybody the server stays, and the next claim adopts and stops it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from .errors import OutagesError
from .pgcluster import NAME, PORT, Cluster
from .targets import Secret

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_SECONDS = 30
#: Name of the variable that tells a job that it runs on a node, for a run on another machine.
REMOTE = "OUTAGES_REMOTE"


class Embedded:
    """The embedded PostgreSQL in ``directory`` (such as results/postgres)."""

    def __init__(self, directory: Path) -> None:
        self.cluster = Cluster(directory)

    @property
    def directory(self) -> Path:
        """The folder that holds cluster, locks and log."""
        return self.cluster.directory

    @property
    def url(self) -> str:
        """How libpq finds the database, through the socket alone; valid while the server runs."""
        socket = quote(str(self.cluster.socket), safe="")
        return f"postgresql://{NAME}@/{NAME}?host={socket}&port={PORT}"

    def alive(self) -> bool:
        """Whether the server of this very cluster is running and takes connections."""
        return self.cluster.ready()

    @contextmanager
    def claim(self) -> Iterator[Embedded]:
        """Be counted as a user. Starts nothing; on the way out the last user stops the server, if there is one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        owner = os.getpid()
        users = _open(self.directory / "users.lock")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while the last user of before is stopping the server
            yield self
        finally:
            if os.getpid() == owner:  # a forked child shares the lock: it is not the child's to give back
                self._leave(users)
            os.close(users)

    def ensure_started(self) -> None:
        """Start the server unless it runs. Call it within a claim: a claim is what stops it again."""
        if self.cluster.ready():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._control():
            self.cluster.start()

    @contextmanager
    def running(self) -> Iterator[Embedded]:
        """A claim, with the server started."""
        with self.claim():
            self.ensure_started()
            yield self

    def _leave(self, users: int) -> None:
        # Give the share back first: of two who leave together, the later one finds the lock free.
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if self.cluster.pid() is None:  # nothing was started, or its folder is gone
            return
        with self._control():
            self.cluster.stop()

    @contextmanager
    def _control(self) -> Iterator[None]:
        """Only one at a time starts or stops."""
        control = _open(self.directory / "control.lock")
        try:
            fcntl.flock(control, fcntl.LOCK_EX)
            yield
        finally:
            os.close(control)


@contextmanager
def database(url: str | None, directory: Path) -> Iterator[Connection]:
    """A connection (autocommit, session in UTC) to ``url``, or to the embedded server in ``directory``.

    With autocommit, ``with conn.transaction():`` is a transaction of its own, and reading leaves none open.
    """
    import psycopg

    with ExitStack() as stack:
        embedded = not url
        if embedded and os.environ.get(REMOTE):
            message = (
                f"The embedded PostgreSQL in {directory} serves one machine, and this job was sent to another: "
                "set DATABASE_URL to a PostgreSQL that every node reaches."
            )
            raise OutagesError("PG_REMOTE", message, folder=str(directory))
        if not url:
            url = stack.enter_context(Embedded(directory).running()).url
        read_url(url)
        try:
            # Poolers in front of a hosted PostgreSQL know no prepared statements.
            conn = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS, prepare_threshold=None)
        except psycopg.Error as error:
            where = f"The embedded PostgreSQL in {directory}" if embedded else "The PostgreSQL of DATABASE_URL"
            told = without_password(str(error), url)
            raise OutagesError("DATABASE_UNREACHABLE", f"{where} cannot be reached: {told}") from None
        stack.enter_context(conn)
        conn.execute("SET TIME ZONE 'UTC'")
        yield conn


def read_url(url: str) -> dict[str, str]:
    """The settings in a URL or another connection string, by libpq's names; DATABASE_UNREACHABLE when it is none.

    A password that is not percent-encoded ends at its first special character, and libpq repeats the rest of it, as a
    host or a port: nothing of what it says is told.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    settings: dict[str, str] | None = None
    with suppress(ProgrammingError, UnicodeError):  # told below, where no traceback holds libpq's words
        settings = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    if settings is None or _broken(url, settings):
        message = (
            "DATABASE_URL cannot be read: percent-encode special characters of the password (%40 for @, %2F for /), "
            "or outside of a URL put it in quotes."
        )
        raise OutagesError("DATABASE_UNREACHABLE", message)
    return settings


def _broken(url: str, settings: dict[str, str]) -> bool:
    """Whether a piece of the password was read as something else: an @ of a URL is in no other place."""
    hosts = [host for host in settings.get("host", "").split(",") if not host.startswith("/")]
    name = settings.get("dbname", "")
    return (
        any("@" in host for host in hosts)
        or not set(settings.get("port", "")) <= set("0123456789,")
        or ("://" in url and "@" in name and name in url)
    )


def without_password(text: str, url: str) -> str:
    """A text without the password of a URL, nor the URL itself."""
    settings = read_url(url)
    for secret in (url, settings.get("password"), settings.get("sslpassword")):
        text = Secret(secret).hide(text) if secret else text
    return text


def program_environment(url: str) -> dict[str, str]:
    """A URL as the variables that psql, pg_dump and pg_restore read: their command lines are for all to see.

    Without the few options that libpq knows no variable for, such as `keepalives`.
    """
    from psycopg.pq import Conninfo

    read_url(url)
    options = Conninfo.parse(url.encode())
    return {option.envvar.decode(): option.val.decode() for option in options if option.envvar and option.val}


def _open(lock: Path) -> int:
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError as error:
        message = f"{lock.parent} belongs to another user: work as that user, or set DATABASE_URL."
        raise OutagesError("PG_FOREIGN_CLUSTER", message, folder=str(lock.parent)) from error
