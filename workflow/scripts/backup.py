"""Back the warehouse up to one file, or restore one into an empty database, and prove that both hold the same rows.

python workflow/scripts/backup.py backup|restore DIRECTORY FILE

FILE is pg_dump's custom format. FILE.json beside it tells its sha256, the version of the schema, and a digest of each
table, taken from the same snapshot. The database is that of DATABASE_URL, else the embedded one of the directory.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from outages.errors import OutagesError
from outages.files import read_json, replacing, sha256, write_json
from outages.pgprograms import find_clients
from outages.postgres import Embedded, database, program_environment, without_password
from outages.targets import Secret
from outages.warehouse import MIGRATIONS, TABLES, nobody_writes, read_migrations, table_digests, withhold

if TYPE_CHECKING:
    from psycopg import Connection

#: Whatever is in a database that PostgreSQL, an extension or another session's temporary table did not put there.
ANYTHING = """
    SELECT format('%I.%I', n.nspname, o.name)
    FROM (
        SELECT 'pg_class'::regclass AS catalog, oid, relname AS name, relnamespace AS namespace FROM pg_class
        UNION ALL SELECT 'pg_proc'::regclass, oid, proname, pronamespace FROM pg_proc
        UNION ALL SELECT 'pg_type'::regclass, oid, typname, typnamespace FROM pg_type
    ) AS o
    JOIN pg_namespace AS n ON n.oid = o.namespace
    WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = o.catalog AND objid = o.oid AND deptype = 'e')
    ORDER BY 1 LIMIT 5
"""


def backup(directory: Path, file: Path, database_url: Secret | None) -> dict[str, Any]:
    """Write FILE and FILE.json; what FILE.json tells. Waits until no load is at work, and loads wait for it.

    FILE appears last, and whole: where there is one, it is a backup. One that exists is never written over.
    """
    if file.exists():
        raise OutagesError("BACKUP_EXISTS", f"{file} exists already: name another file.", file=str(file))
    with (
        _database(directory, database_url, create=False) as (url, conn, guard),
        nobody_writes(guard),
        conn.transaction(),
    ):
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        conn.execute("SET LOCAL row_security = off")  # an account that sees half of the rows fails
        tables = _tables(conn)
        version = _one(conn, "SELECT max(version) FROM schema_migrations")
        schema = _one(
            conn,
            "SELECT nspname FROM pg_namespace WHERE oid = "
            "(SELECT relnamespace FROM pg_class WHERE oid = 'schema_migrations'::regclass)",
        )
        digests = table_digests(conn, tables)
        snapshot = _one(conn, "SELECT pg_export_snapshot()")
        programs = find_clients(conn.info.server_version // 10000)
        with replacing(file) as part:
            dump: list[str | Path] = [
                *(programs / "pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--schema={_quoted(schema)}"),
                *("--no-owner", "--no-privileges", "--no-password", f"--file={part}"),
            ]
            with tempfile.TemporaryFile() as words:
                done = subprocess.run(dump, env=os.environ | program_environment(url.reveal()), stderr=words)
                if done.returncode != 0:
                    raise OutagesError("BACKUP_FAILED", f"pg_dump failed, nothing was written: {_said(words, url)}")
            told = {"sha256": sha256(part), "schema": schema, "schema_version": version, "digests": digests}
            write_json(told, _beside(file))
    return told


def restore(directory: Path, file: Path, database_url: Secret | None) -> dict[str, Any]:
    """Restore FILE into an empty database, in one transaction, and compare the digests; what FILE.json tells.

    Nothing is ever dropped: a database that holds anything is refused. Without DATABASE_URL the embedded database is
    made where there is none.
    """
    told = _read(file)
    with _database(directory, database_url, create=True) as (url, conn, guard), nobody_writes(guard):
        held = [name for (name,) in conn.execute(ANYTHING.encode())]
        if held:
            message = f"The database is not empty, it holds {', '.join(held)} and perhaps more: nothing was changed."
            raise OutagesError("RESTORE_NOT_EMPTY", message, held=held)
        programs = find_clients(conn.info.server_version // 10000)
        unpack: list[str | Path] = [
            *(programs / "pg_restore", f"--schema={told['schema']}", "--no-owner", "--no-privileges"),
            *("--file=-", file),
        ]
        load: list[str | Path] = [programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password"]
        load += ["--single-transaction", "--file=-"]
        # pg_restore --schema leaves the schema itself out. One that is there may be the gift of somebody else.
        there = _one(conn, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)", told["schema"])
        head = b"" if there else f"CREATE SCHEMA {_quoted(told['schema'])};\n".encode()
        _pipe(unpack, load, head, url, conn.info.server_version)
        conn.execute("SELECT set_config('search_path', %s, false)", [_quoted(told["schema"])])
        withhold(conn)
        digests = table_digests(conn, told["digests"])
        differing = [name for name, digest in told["digests"].items() if digests[name] != digest]
        if differing:
            message = f"{', '.join(differing)} do not hold what was backed up: do not use this database."
            raise OutagesError("RESTORE_MISMATCH", message, tables=differing)
    return told


@contextmanager
def _database(
    directory: Path, database_url: Secret | None, create: bool
) -> Iterator[tuple[Secret, "Connection", "Connection"]]:
    """The URL of the database and two connections to it; the embedded server runs as long."""
    import psycopg

    cluster = directory / "results" / "postgres"
    if database_url is None and not create and not (cluster / "data").is_dir():
        message = f"{directory} has no database ({cluster}): name the working directory, or set DATABASE_URL."
        raise OutagesError("BACKUP_EMPTY", message)
    with ExitStack() as stack:
        url = database_url or Secret(stack.enter_context(Embedded(cluster).running()).url)
        try:
            conn, guard = (stack.enter_context(database(url.reveal(), cluster)) for _ in range(2))
            yield url, conn, guard
        except psycopg.Error as error:
            message = f"The database does not let it be done: {without_password(str(error), url.reveal()).strip()}"
            raise OutagesError("BACKUP_FAILED", message) from None


def _tables(conn: "Connection") -> list[str]:
    """Those of our tables that the database has: it may be at an earlier version of the schema."""
    found = [name for name in TABLES if _one(conn, "SELECT to_regclass(%s)::text", name) is not None]
    if "schema_migrations" not in found:
        raise OutagesError("BACKUP_EMPTY", "The database has no tables of this workflow: there is nothing to back up.")
    return found


def _read(file: Path) -> dict[str, Any]:
    """FILE.json, when FILE is what it tells and this code knows the schema."""
    try:
        told: dict[str, Any] = read_json(_beside(file))
        whole = sha256(file) == told["sha256"]
        newer = told["schema_version"] > read_migrations(MIGRATIONS)[-1].version
        known = told["digests"].keys() <= TABLES.keys()
        _quoted(told["schema"])
    except FileNotFoundError as error:
        message = f"{error.filename} is missing: a backup is FILE and FILE.json, as make backup wrote them."
        raise OutagesError("BACKUP_FILE", message, file=str(error.filename)) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"{_beside(file)} does not read as make backup wrote it."
        raise OutagesError("BACKUP_FILE", message, file=str(_beside(file))) from None
    if newer or not known:
        message = "The backup was made by newer code: restore it with that code."
        raise OutagesError("MIGRATION_AHEAD", message, backup=told["schema_version"])
    if not whole:
        message = f"{file} is not the file that {_beside(file).name} tells of: it is damaged or another one."
        raise OutagesError("BACKUP_FILE", message, file=str(file))
    return told


def _pipe(unpack: list[str | Path], load: list[str | Path], head: bytes, url: Secret, server_version: int) -> None:
    """pg_restore into psql after `head`, all or nothing. psql commits where its input ends: half of one does not."""
    environment = os.environ | program_environment(url.reveal())
    with tempfile.TemporaryFile() as words:
        with (
            subprocess.Popen(unpack, stdout=subprocess.PIPE, stderr=words) as source,
            subprocess.Popen(
                load, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words, env=environment
            ) as target,
        ):
            assert source.stdout and target.stdin
            try:
                with suppress(BrokenPipeError):  # psql stopped at an error, which its exit code tells
                    target.stdin.write(head)
                    _copy(source.stdout, target.stdin, server_version)
                source.stdout.close()
                whole = source.wait() == 0
            except BaseException:
                target.kill()
                raise
            if not whole:
                target.kill()
            with suppress(BrokenPipeError):
                target.stdin.close()
        if not whole or target.returncode != 0:
            raise OutagesError("RESTORE_FAILED", f"Restoring failed, nothing was changed: {_said(words, url)}")


def _copy(source: IO[bytes], target: IO[bytes], server_version: int) -> None:
    """The script, without the one setting of its head that servers before 17 do not know."""
    for line in source:
        if line == b"SET transaction_timeout = 0;\n" and server_version < 170000:
            continue
        target.write(line)
        if line.startswith(b"COPY "):
            break
    while chunk := source.read(1 << 20):
        target.write(chunk)


def _said(words: IO[bytes], url: Secret) -> str:
    """The last words of a program, without the password, which it is told by the environment alone."""
    words.seek(0)
    said = without_password(words.read().decode(errors="replace"), url.reveal())
    return " ".join(said.split())[-800:] or "it said nothing"


def _quoted(schema: str) -> str:
    """The name of a schema as SQL, search_path and pg_dump's patterns read it; TypeError when it is no name."""
    from psycopg.sql import Identifier

    return Identifier(schema).as_string()


def _one(conn: "Connection", query: str, *values: object) -> Any:
    row = conn.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def main(arguments: list[str]) -> int:
    """The command."""
    actions = {"backup": backup, "restore": restore}
    if len(arguments) != 3 or arguments[0] not in actions:
        print("Name the file: make backup FILE=…, make restore FILE=… (DIR=working directory)", file=sys.stderr)
        return 2
    action, directory, file = arguments
    try:
        told = actions[action](Path(directory), Path(file), Secret.of(os.environ.get("DATABASE_URL")))
    except OutagesError as error:
        print(f"{action}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{action}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(
        f"{action}: {file}, schema {told['schema_version']}, {len(told['digests'])} tables, digests compared and equal"
        if action == "restore"
        else f"{action}: {file}, schema {told['schema_version']}, {len(told['digests'])} tables"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
