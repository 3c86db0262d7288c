"""The warehouse's schema: numbered migrations, dimensions, and digests that tell two warehouses apart.

The tables are explained in workflow/migrations/; loading.py fills the facts.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import OutagesError
from .postgres import database

if TYPE_CHECKING:
    from psycopg import Connection

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
OLDEST_SERVER = 15  # UNIQUE NULLS NOT DISTINCT, views with the rights of the reader
UNKNOWN = "UNKNOWN"

#: Every table, with the columns that its digest leaves out: the time of publishing is no data.
TABLES = {
    "schema_migrations": "",
    "dim_geografia": "",
    "dim_empresa": "",
    "dim_tiempo": "",
    "fact_interrupciones": "",
    "observaciones": "",
    "cobertura": "",
    "cargas": "",
    "cargas_eventos": "",
    "cargas_eventos_mes": "",
    "dashboard_stats": "updated_at",
    "interrupciones_hot": "",
}
#: What anyone may read where PostgREST serves the database.
PUBLIC = {"dashboard_stats", "interrupciones_hot"}
#: What only the service key may call there.
FUNCTIONS = ["hot_claves", "hot_filas", "hot_medidas", "hot_poner", "hot_quitar"]


class Lock(NamedTuple):
    """An advisory lock of the database, held to the end of the transaction: family and number."""

    family: int
    number: int


#: "out" in ASCII, so as not to meet the locks of others in a shared database; then one family a purpose.
_FAMILY = 0x6F757400
SCHEMA = Lock(_FAMILY, 0)
DIMENSIONS = Lock(_FAMILY, 1)
PARTITIONS = Lock(_FAMILY, 2)
EVENTS = Lock(_FAMILY, 3)
HOT = Lock(_FAMILY, 4)
#: Shared by every transaction that writes; a backup takes it alone.
WRITERS = Lock(_FAMILY + 2, 0)


def month_lock(mes: int) -> Lock:
    """The lock of one month's load."""
    return Lock(_FAMILY + 1, mes)


@contextmanager
def transaction(conn: Connection, lock: Lock) -> Iterator[None]:
    """A transaction of its own that waits for `lock`, never a savepoint inside another one."""
    from psycopg.pq import TransactionStatus

    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("the connection is inside a transaction already")
    with conn.transaction():
        conn.execute("SET LOCAL statement_timeout = 0")  # hosted databases cut long loads off
        conn.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", WRITERS)
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock)
        yield


@contextmanager
def nobody_writes(conn: Connection) -> Iterator[None]:
    """Wait until every `transaction` of others has ended, and let none begin; `conn` is busy with it.

    A snapshot does not do: what TRUNCATE and COPY FREEZE leave is seen by older snapshots too.
    """
    with conn.transaction():
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", WRITERS)
        yield


class Migration(NamedTuple):
    """One numbered SQL file."""

    version: int
    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """Digest of the text; line ends do not count."""
        return hashlib.sha256(self.sql).hexdigest()


def read_migrations(folder: Path) -> list[Migration]:
    """The numbered files of a folder in their order: 1, 2, 3 and so on, none missing, none twice."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        version, _, name = path.stem.partition("_")
        found.append(Migration(int(version), name, path.read_bytes().replace(b"\r\n", b"\n")))
    versions = [migration.version for migration in found]
    if not found or versions != list(range(1, len(found) + 1)):
        raise OutagesError("MIGRATION_FILES", f"{folder} does not hold migrations 1, 2, 3, ...", versions=versions)
    return found


def migrate(conn: Connection, folder: Path = MIGRATIONS) -> list[int]:
    """Bring the schema up to date, each step in a transaction of its own; the versions applied now."""
    if conn.info.server_version // 10000 < OLDEST_SERVER:
        message = f"The database is PostgreSQL {conn.info.server_version // 10000}; {OLDEST_SERVER} or newer is needed."
        raise OutagesError("DATABASE_TOO_OLD", message)
    files = read_migrations(folder)
    done: list[int] = []
    while True:
        with transaction(conn, SCHEMA):
            exists = conn.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
            if exists == (False,):
                conn.execute(
                    "CREATE TABLE schema_migrations ("
                    "version integer PRIMARY KEY, name text NOT NULL, sha256 char(64) NOT NULL)"
                )
            applied: dict[int, str] = dict(conn.execute("SELECT version, sha256 FROM schema_migrations").fetchall())
            _refuse_foreign(applied, files)
            pending = [migration for migration in files if migration.version not in applied]
            if not pending:
                withhold(conn)
                return done
            with _refusing_others():
                conn.execute(pending[0].sql)
            conn.execute(
                "INSERT INTO schema_migrations VALUES (%s, %s, %s)",
                (pending[0].version, pending[0].name, pending[0].sha256),
            )
        done.append(pending[0].version)


@contextmanager
def _refusing_others() -> Iterator[None]:
    """A schema that already holds tables of these names, such as a Supabase project's own, is not touched."""
    from psycopg import errors

    try:
        yield
    except (errors.DuplicateTable, errors.DuplicateFunction, errors.DuplicateObject) as error:
        message = (
            f"The database already holds something of the warehouse's names: {error.diag.message_primary}. Give the "
            "warehouse a database or a schema of its own (?options=-csearch_path%3DNAME in DATABASE_URL)."
        )
        raise OutagesError("MIGRATION_OCCUPIED", message) from error


def withhold(conn: Connection) -> None:
    """Take back what a Supabase project's default privileges, or a restore, give readers but for what is published.

    Row security hides rows from them, but TRUNCATE does not ask it, and functions are everybody's unless it is said
    otherwise. Views have the rights of their reader. The service key may go on calling the functions.
    """
    granted = conn.execute(
        """
        SELECT kind, name, reader, string_agg(DISTINCT privilege_type, ', '), to_regrole('service_role') IS NOT NULL
        FROM (
            SELECT 'TABLE' AS kind, c.oid::regclass::text AS name, acl.grantee::regrole::text AS reader, privilege_type
            FROM pg_class AS c
            CROSS JOIN aclexplode(c.relacl) AS acl
            WHERE c.oid IN (
                SELECT to_regclass(t) FROM unnest(%(tables)s::text[]) AS t
                UNION ALL SELECT relid FROM pg_partition_tree(to_regclass('observaciones'))
            )
            AND NOT (privilege_type = 'SELECT' AND c.relname = ANY(%(public)s))
            UNION ALL
            SELECT 'FUNCTION', p.oid::regprocedure::text, acl.grantee::regrole::text, privilege_type
            FROM pg_proc AS p
            CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
            WHERE p.proname = ANY(%(functions)s)
                AND p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('interrupciones_hot'))
        ) AS rights
        -- '-' is everybody
        WHERE reader IN ('anon', 'authenticated') OR (kind = 'FUNCTION' AND reader = '-')
        GROUP BY kind, name, reader
        """,
        {"tables": sorted(TABLES), "public": sorted(PUBLIC), "functions": FUNCTIONS},
    ).fetchall()
    for kind, name, reader, rights, served in granted:
        everybody = reader == "-"
        conn.execute(f"REVOKE {rights} ON {kind} {name} FROM {'public' if everybody else reader}".encode())
        if everybody and served:
            conn.execute(f"GRANT EXECUTE ON FUNCTION {name} TO service_role".encode())


def _refuse_foreign(applied: dict[int, str], files: list[Migration]) -> None:
    """A database that another text of the migrations made is not touched."""
    newest = max(applied, default=0)
    if newest > files[-1].version:
        message = (
            f"The database has migration {newest}, this code knows {files[-1].version}: use the newer code, "
            "or for the embedded database remove its folder and run again."
        )
        raise OutagesError("MIGRATION_AHEAD", message, database=newest, code_knows=files[-1].version)
    for migration in files:
        if applied.get(migration.version, migration.sha256) != migration.sha256:
            message = (
                f"Migration {migration.version:04d}_{migration.name}.sql is not the text that was applied: restore it "
                "and add a new one; an embedded database may also be removed and built again."
            )
            raise OutagesError("MIGRATION_CHANGED", message, version=migration.version)


def sync_dimensions(conn: Connection, resources: Path) -> None:
    """Bring places and companies in line with resources/*.csv. Rows are added or renamed, never removed."""
    regions = {row["codigo_region"]: row["nombre_region"] for row in _rows(resources / "regions.csv")}
    regions.setdefault("00", UNKNOWN)
    places = [(f"{region}000", UNKNOWN, region, name, UNKNOWN) for region, name in regions.items()]
    for row in _rows(resources / "communes.csv"):
        region = row["codigo_region"]
        places.append((row["codigo_comuna"], row["nombre_comuna"], region, regions[region], row["provincia"]))
    companies = {int(row["id_empresa"]): row["nombre_empresa"] for row in _rows(resources / "companies.csv")}
    companies.setdefault(0, UNKNOWN)
    with transaction(conn, DIMENSIONS):
        conn.execute(
            """
            INSERT INTO dim_geografia AS d
            SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[])
            ON CONFLICT (codigo_comuna) DO UPDATE SET
                nombre_comuna = excluded.nombre_comuna, codigo_region = excluded.codigo_region,
                nombre_region = excluded.nombre_region, provincia = excluded.provincia
            WHERE d IS DISTINCT FROM excluded
            """,
            [list(column) for column in zip(*sorted(places), strict=True)],
        )
        conn.execute(
            """
            INSERT INTO dim_empresa AS d SELECT * FROM unnest(%b::int[], %b::text[])
            ON CONFLICT (id_empresa) DO UPDATE SET nombre_empresa = excluded.nombre_empresa
            WHERE d.nombre_empresa <> excluded.nombre_empresa
            """,
            [list(companies), list(companies.values())],
        )


@contextmanager
def opened(url: str | None, directory: Path) -> Iterator[Connection]:
    """A connection to the warehouse (`postgres.database`) with its schema and dimensions up to date."""
    with database(url, directory) as conn:
        migrate(conn)
        sync_dimensions(conn, MIGRATIONS.parents[1] / "resources")
        yield conn


def table_digests(conn: Connection, tables: Iterable[str] = tuple(TABLES)) -> dict[str, str]:
    """One digest a table that depends on its rows alone: not on their order, the session or the clock.

    The MD5 of every row's text is cut into two 64-bit numbers and summed, with the number of rows.
    """
    digests = {}
    with conn.transaction():
        conn.execute("SET LOCAL TimeZone = 'UTC'")
        conn.execute("SET LOCAL DateStyle = 'ISO, YMD'")
        for table in tables:
            left_out = TABLES[table]
            # jsonb, so that a column can be left out by name and the order of columns does not count
            row = f"md5((to_jsonb(t) - '{left_out}')::text)" if left_out else "md5(t::text)"
            found = conn.execute(
                f"""
                SELECT md5(concat_ws(' ', count(*), sum(('x' || left(m, 16))::bit(64)::bigint::numeric),
                       sum(('x' || right(m, 16))::bit(64)::bigint::numeric)))
                FROM (SELECT {row} AS m FROM {table} AS t) AS rows
                """
            ).fetchone()
            assert found is not None
            digests[table] = str(found[0])
    return digests


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened)
