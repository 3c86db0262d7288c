"""A database of every earlier version of the schema, with what it could hold, migrates to what a fresh one holds."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import psycopg
import pytest
from outages import loading
from outages.event_loading import EVENT_COLUMNS, replace_events
from outages.files import sha256
from outages.loading import load_month
from outages.postgres import database
from outages.warehouse import MIGRATIONS, TABLES, migrate, read_migrations, sync_dimensions, table_digests

from .conftest import RESOURCES
from .small_files import write_golden, write_month

VERSIONS = [migration.version for migration in read_migrations(MIGRATIONS)]

HOT = """
    INSERT INTO interrupciones_hot
        (clave, huella, tipo, inicio, fin, codigo_region, nombre_region, estado, clientes_afectados)
    VALUES ('H:2025-02-01T00Z:13', md5('a'), 'hora', '2025-02-01Z', '2025-02-01Z', '13', 'METROPOLITANA', 'observed', 7)
    ON CONFLICT DO NOTHING
"""


def put_events(conn: psycopg.Connection, golden: Path) -> None:
    """The events as a loader of before `cargas_eventos_mes` put them."""
    day = pl.col("fecha_dt").dt.strftime("%Y%m%d").cast(pl.Int32)
    events = loading.with_keys(conn, pl.read_parquet(golden), golden).with_columns(id_tiempo=day)
    with conn.transaction():
        loading.copy_rows(conn, "fact_interrupciones", EVENT_COLUMNS, events)
        conn.execute("INSERT INTO cargas_eventos VALUES (true, %s, %s)", [sha256(golden), events.height])


def fill(conn: psycopg.Connection, folder: Path) -> set[str]:
    """Rows for the tables that are there; the tables that hold any."""

    def there(table: str) -> bool:
        return conn.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone() == (True,)

    sync_dimensions(conn, RESOURCES)
    folder.mkdir(exist_ok=True)
    if there("observaciones"):
        for month in ("2025-01", "2025-02"):
            load_month(conn, month, *write_month(folder, month))
    if there("fact_interrupciones"):
        starts = [datetime(2025, 1, day, tzinfo=UTC) for day in (3, 4)]
        golden = write_golden(folder / "golden.parquet", starts)
        if there("cargas_eventos_mes"):
            replace_events(conn, golden)
        else:
            put_events(conn, golden)
    if there("dashboard_stats"):
        conn.execute("INSERT INTO dashboard_stats VALUES ('a', '[1.0]', now()) ON CONFLICT DO NOTHING")
    if there("interrupciones_hot"):
        conn.execute(HOT)
    found = [table for table in TABLES if there(table)]
    return {table for table in found if conn.execute(f"SELECT FROM {table} LIMIT 1".encode()).fetchone() is not None}


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_migrating_from_an_earlier_version(version: int, empty_url: str, second_url: str, tmp_path: Path) -> None:
    earlier = tmp_path / "migrations"
    earlier.mkdir()
    for path in sorted(MIGRATIONS.glob("*.sql"))[:version]:
        shutil.copy2(path, earlier)
    with database(empty_url, Path()) as conn, database(second_url, Path()) as fresh:
        assert migrate(conn, earlier) == VERSIONS[:version]
        held = fill(conn, tmp_path / "silver")
        assert held >= {"schema_migrations", "dim_geografia"}
        before = table_digests(conn, held)
        assert migrate(conn) == VERSIONS[version:]
        after = table_digests(conn, held)
        assert {name for name in held if after[name] != before[name]} == {"schema_migrations"}
        fill(fresh, tmp_path / "silver")
        assert {name: digest for name, digest in table_digests(fresh).items() if name in held} == after
        fill(conn, tmp_path / "silver")
        assert table_digests(conn) == table_digests(fresh)
