"""The warehouse's schema on a real PostgreSQL: migrations, dimensions, views, digests, who may read."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from outages import warehouse as schema
from outages.errors import OutagesError
from outages.event_loading import replace_events
from outages.loading import load_month
from outages.postgres import database
from outages.warehouse import migrate, sync_dimensions, table_digests

from .small_files import write_golden, write_month

RESOURCES = Path(__file__).resolve().parents[2] / "resources"


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    with database(empty_url, Path()) as conn:
        assert migrate(conn) == [migration.version for migration in schema.read_migrations(schema.MIGRATIONS)]
        before = table_digests(conn)
        assert migrate(conn) == []
        assert table_digests(conn) == before
        days = conn.execute("SELECT count(*), min(id_tiempo), max(id_tiempo) FROM dim_tiempo").fetchone()
        assert days == (12418, 20170101, 20501231)
        sunday = conn.execute("SELECT anho, mes, dia, dia_semana, trimestre FROM dim_tiempo WHERE fecha = '2025-06-29'")
        assert sunday.fetchone() == (2025, 6, 29, 7, 2)


def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    def run(_: int) -> list[int]:
        with database(empty_url, Path()) as conn:
            return migrate(conn)

    with ThreadPoolExecutor(3) as pool:
        applied = sorted(version for versions in pool.map(run, range(3)) for version in versions)
    assert applied == [migration.version for migration in schema.read_migrations(schema.MIGRATIONS)]


def test_changed_ahead_and_broken_migrations(empty_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    first, second = folder / "0001_one.sql", folder / "0002_two.sql"
    first.write_text("CREATE TABLE one (n int);\n")
    second.write_text("CREATE TABLE two (n int);\nSELECT 1 / 0;\n")
    with database(empty_url, Path()) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(conn, folder)
        assert conn.execute("SELECT to_regclass('one')::text, to_regclass('two')").fetchone() == ("one", None)
        second.write_text("CREATE TABLE two (n int);\n")
        assert migrate(conn, folder) == [2]
        first.write_bytes(b"CREATE TABLE one (n int);\r\n")  # the same text, checked out elsewhere
        assert migrate(conn, folder) == []
        first.write_text("CREATE TABLE one (n bigint);\n")
        with pytest.raises(OutagesError) as changed:
            migrate(conn, folder)
        assert changed.value.code == "MIGRATION_CHANGED"
        second.unlink()
        with pytest.raises(OutagesError) as ahead:
            migrate(conn, folder)
        assert ahead.value.code == "MIGRATION_AHEAD"


def test_dimensions(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    before = table_digests(warehouse)
    count = "SELECT count(*), count(*) FILTER (WHERE codigo_comuna LIKE '%000') FROM dim_geografia"
    assert warehouse.execute(count).fetchone() == (346 + 17, 17)
    unknown = "SELECT nombre_comuna, nombre_region FROM dim_geografia WHERE codigo_comuna IN ('13000', '00000')"
    assert sorted(warehouse.execute(unknown)) == [("UNKNOWN", "METROPOLITANA"), ("UNKNOWN", "UNKNOWN")]
    sync_dimensions(warehouse, RESOURCES)
    assert table_digests(warehouse) == before
    copied = Path(shutil.copytree(RESOURCES, tmp_path / "resources"))
    companies = copied / "companies.csv"
    text = companies.read_text()
    companies.write_text(text.replace("\n1,CGE,", "\n1,swapped,").replace("\n2,ENEL,", "\n2,CGE,"))
    sync_dimensions(warehouse, copied)
    names = warehouse.execute("SELECT nombre_empresa FROM dim_empresa WHERE id_empresa <= 2 ORDER BY id_empresa")
    assert names.fetchall() == [("UNKNOWN",), ("swapped",), ("CGE",)]
    sync_dimensions(warehouse, RESOURCES)
    assert table_digests(warehouse) == before


def test_the_last_30_days_end_with_the_newest_observed_hour(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    assert warehouse.execute("SELECT count(*) FROM resumen_30_dias").fetchone() == (0,)
    load_month(warehouse, "2025-03", *write_month(tmp_path, "2025-03"))
    newest = datetime(2025, 3, 6, 2, tzinfo=UTC)
    found = warehouse.execute("SELECT max(hora_utc) FROM cobertura WHERE estado = 'observed'").fetchone()
    assert found == (newest,)
    edge = newest - timedelta(days=30)
    replace_events(warehouse, write_golden(tmp_path / "g.parquet", [edge, edge + timedelta(hours=1), newest]))
    assert warehouse.execute("SELECT count(*) FROM interrupciones_30_dias").fetchone() == (2,)
    regions = warehouse.execute(
        "SELECT nombre_region, eventos, clientes_afectados, clientes_hora, hasta, horas_observadas FROM resumen_30_dias"
    ).fetchall()
    assert len(regions) == 17
    assert ("METROPOLITANA", 2, 2000, 4000, newest, 118) in regions
    assert ("ATACAMA", 0, 0, 0, newest, 118) in regions


def test_digests_tell_rows_not_their_order_or_the_clock(warehouse: psycopg.Connection) -> None:
    insert = (
        "INSERT INTO dashboard_stats SELECT n::text, jsonb_build_array(n), now() "
        "FROM generate_series(%s::int, %s::int, %s::int) AS n"
    )
    warehouse.execute(insert, [1, 3, 1])
    before = table_digests(warehouse)
    warehouse.execute("TRUNCATE dashboard_stats")
    warehouse.execute("SET TIME ZONE 'America/Santiago'")
    warehouse.execute(insert, [3, 1, -1])
    assert table_digests(warehouse) == before
    warehouse.execute("UPDATE dashboard_stats SET data = '[4]' WHERE id = '1'")
    assert {name for name, digest in table_digests(warehouse).items() if digest != before[name]} == {"dashboard_stats"}


def test_strangers_may_read_the_dashboard_and_nothing_else(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    load_month(warehouse, "2025-01", *write_month(tmp_path, "2025-01"))
    warehouse.execute("INSERT INTO dashboard_stats VALUES ('a', '[]', now())")
    with warehouse.transaction(force_rollback=True):
        warehouse.execute("CREATE ROLE stranger")
        warehouse.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO stranger")  # as hosted databases do
        warehouse.execute("SET LOCAL ROLE stranger")
        for table in ("observaciones", "observaciones_202501", "cobertura", "cargas", "interrupciones"):
            assert warehouse.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
        assert warehouse.execute("SELECT id FROM dashboard_stats").fetchall() == [("a",)]
        assert warehouse.execute("UPDATE dashboard_stats SET data = '[1]'").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            warehouse.execute("INSERT INTO dashboard_stats VALUES ('b', '[]', now())")
