"""Loads into a real PostgreSQL: whatever the order, the kills and the corrections, the last files win."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from outages import loading
from outages.beside import beside
from outages.errors import OutagesError
from outages.event_loading import heal_events, replace_events
from outages.files import sha256
from outages.loading import count_months, heal, load_month, prune, stale_months
from outages.postgres import database
from outages.warehouse import table_digests

from .small_files import HOURS, SILVER, write_golden, write_month

SCRIPTS = Path(loading.__file__).parents[1]


def digests(url: str) -> dict[str, str]:
    with database(url, Path()) as conn:
        return table_digests(conn)


def test_any_order_twice_and_corrected_is_one_clean_load(warehouse_url: str, second_url: str, tmp_path: Path) -> None:
    january = write_month(tmp_path / "silver", "2025-01")
    february = write_month(tmp_path / "silver", "2025-02", shift=5)
    stale = write_month(tmp_path / "stale", "2025-01", shift=900)
    with database(warehouse_url, Path()) as conn:
        load_month(conn, "2025-02", *february)
        load_month(conn, "2025-01", *stale)
        load_month(conn, "2025-02", *february)
        receipt = load_month(conn, "2025-01", *january)
    with database(second_url, Path()) as conn:
        assert load_month(conn, "2025-01", *january) == receipt
        load_month(conn, "2025-02", *february)
        rows = pl.read_parquet(january[0])
        assert receipt == {
            "month": "2025-01", "filas": rows.height, "horas": 120, "silver_sha256": sha256(january[0]),
            "hours_sha256": sha256(january[1]), "clientes": rows["clientes_afectados"].sum(),
        }  # fmt: skip
        gap = "SELECT motivo, formato, filas, clientes FROM cobertura WHERE estado = 'gap' LIMIT 1"
        assert conn.execute(gap).fetchone() == ("empty", None, None, None)
        assert conn.execute("SELECT DISTINCT motivo FROM cobertura WHERE estado = 'observed'").fetchall() == [("",)]
        first = conn.execute("SELECT hora_utc, codigo_comuna FROM observaciones ORDER BY 1, 2 LIMIT 1").fetchone()
        assert first == (datetime(2025, 1, 1, 3, tzinfo=UTC), "00000")
    assert digests(warehouse_url) == digests(second_url)


def test_months_that_are_no_longer_built_are_taken_out(warehouse_url: str, second_url: str, tmp_path: Path) -> None:
    files = {month: write_month(tmp_path, month) for month in ("2025-01", "2025-02", "2025-03")}
    with database(warehouse_url, Path()) as conn:
        for month, paths in files.items():
            load_month(conn, month, *paths)
        assert prune(conn, ["2025-02", "2025-04"]) == [202501, 202503]
        assert prune(conn, ["2025-02"]) == []
    with database(second_url, Path()) as conn:
        load_month(conn, "2025-02", *files["2025-02"])
    assert digests(warehouse_url) == digests(second_url)


def test_months_load_side_by_side(warehouse_url: str, second_url: str, tmp_path: Path) -> None:
    months = [f"2024-{n:02d}" for n in range(1, 7)]
    files = {month: write_month(tmp_path, month) for month in months}

    def load(month: str, url: str = warehouse_url) -> None:
        with database(url, Path()) as conn:
            load_month(conn, month, *files[month])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(load, [*months, *months]))
    for month in months:
        load(month, second_url)
    assert digests(warehouse_url) == digests(second_url)


KILLED = """
import sys, time
from pathlib import Path
from outages import loading
from outages.postgres import database
real = loading._chunks
def slow(rows):
    for part in real(rows):
        yield part
        print("half", flush=True)
        time.sleep(60)
loading._chunks, loading.CHUNK_ROWS = slow, 50
with database(sys.argv[1], Path()) as conn:
    loading.load_month(conn, "2025-01", Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_a_load_killed_half_way_leaves_the_old_month(warehouse_url: str, tmp_path: Path) -> None:
    new = write_month(tmp_path / "new", "2025-01", shift=50)
    with database(warehouse_url, Path()) as conn:
        load_month(conn, "2025-01", *write_month(tmp_path / "old", "2025-01"))
    before = digests(warehouse_url)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, warehouse_url, *map(str, new)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
    )
    assert child.stdout and child.stdout.readline() == "half\n"
    child.kill()
    child.wait()
    assert digests(warehouse_url) == before
    with database(warehouse_url, Path()) as conn:
        load_month(conn, "2025-01", *new)
    assert digests(warehouse_url) != before


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("LOAD_REFUSED", {"fecha": date(2025, 3, 1)}),  # of another month
        ("LOAD_REFUSED", {"clientes_afectados": -1}),
        ("LOAD_REFUSED", {"fantasma": None}),
        ("LOAD_REFUSED", {"codigo_comuna": "13101"}),  # one key twice, nulls of shape B included
        ("LOAD_UNRESOLVED", {"codigo_comuna": "99999"}),
        ("LOAD_UNRESOLVED", {"nombre_empresa": "NOBODY"}),
    ],
)
def test_what_breaks_the_rules_is_refused(
    warehouse: psycopg.Connection, tmp_path: Path, code: str, changes: dict[str, Any]
) -> None:
    load_month(warehouse, "2025-01", *write_month(tmp_path / "good", "2025-01"))
    before = table_digests(warehouse)
    with pytest.raises(OutagesError) as refused:
        load_month(warehouse, "2025-01", *write_month(tmp_path / "bad", "2025-01", **changes))
    assert refused.value.code == code
    assert table_digests(warehouse) == before


def test_a_lost_row_is_noticed_and_undone(
    warehouse: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_month(tmp_path, "2025-01")
    load_month(warehouse, "2025-01", *files)
    before = table_digests(warehouse)
    chunks = loading._chunks
    monkeypatch.setattr(loading, "_chunks", lambda rows: chunks(rows.head(rows.height - 1)))
    with pytest.raises(OutagesError) as mismatch:
        load_month(warehouse, "2025-01", *files)
    assert mismatch.value.code == "LOAD_MISMATCH"
    with pytest.raises(OutagesError) as mismatch:
        replace_events(warehouse, write_golden(tmp_path / "golden.parquet", [datetime(2025, 1, 3, tzinfo=UTC)]))
    assert mismatch.value.code == "LOAD_MISMATCH"
    assert table_digests(warehouse) == before


def test_a_month_without_observations(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    silver, hours = write_month(tmp_path, "2025-01")
    pl.DataFrame(schema=SILVER).write_parquet(silver)
    pl.DataFrame(schema=HOURS).write_parquet(hours)
    receipt = load_month(warehouse, "2025-01", silver, hours)
    assert (receipt["filas"], receipt["horas"], receipt["clientes"]) == (0, 0, 0)


def test_heal_loads_what_is_missing_or_stale(warehouse_url: str, second_url: str, tmp_path: Path) -> None:
    silver = tmp_path / "silver"
    files = {month: write_month(silver, month) for month in ("2025-01", "2025-02", "2025-03")}
    with database(warehouse_url, Path()) as conn:
        receipts = [load_month(conn, month, *paths) for month, paths in files.items()]
        assert heal(conn, receipts, silver) == []
        assert heal(conn, receipts[1:], silver) == []  # months that no receipt knows stay
    with database(second_url, Path()) as conn:
        load_month(conn, "2025-01", *files["2025-01"])
        load_month(conn, "2025-02", *write_month(tmp_path / "old", "2025-02", shift=1))
        assert stale_months(conn, receipts) == ["2025-02", "2025-03"]
        assert heal(conn, receipts, silver) == ["2025-02", "2025-03"]
        assert stale_months(conn, receipts, count_months(conn)) == []
        conn.execute("DELETE FROM observaciones_202502 WHERE ctid = (SELECT min(ctid) FROM observaciones_202502)")
        assert stale_months(conn, receipts) == []  # what is noted is still what was loaded
        assert heal(conn, receipts, silver, count_months(conn)) == ["2025-02"]
        write_month(silver, "2025-03", shift=2)
        changed = [receipts[0], receipts[2] | {"silver_sha256": "0" * 64}]
        with pytest.raises(OutagesError) as unknown:
            heal(conn, changed, silver)
        assert unknown.value.code == "SILVER_CHANGED"
    assert digests(warehouse_url) == digests(second_url)


def test_events_are_replaced_as_a_whole(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    start = datetime(2025, 2, 1, 2, tzinfo=UTC)  # 23 h of January, locally
    golden = write_golden(tmp_path / "golden.parquet", [start, start + timedelta(hours=1)])
    assert replace_events(warehouse, golden) == 2
    after = table_digests(warehouse)
    flat = warehouse.execute(
        "SELECT hash_id, fecha_dt, fecha_inicio, nombre_region, nombre_comuna, nombre_empresa, clientes_hora "
        "FROM interrupciones ORDER BY inicio"
    ).fetchall()
    frame = pl.read_parquet(golden)
    assert [row[0] for row in flat] == frame["hash_id"].to_list()
    assert flat[0][1:] == (date(2025, 1, 31), date(2025, 1, 31), "METROPOLITANA", "Santiago", "ENEL", 2000)
    assert flat[1][1:] == (date(2025, 2, 1), None, "METROPOLITANA", "Santiago", "UNKNOWN", 2000)
    columns = {column.name for column in warehouse.execute("SELECT * FROM interrupciones LIMIT 0").description or ()}
    assert set(frame.columns) <= columns
    assert not heal_events(warehouse, golden)
    assert replace_events(warehouse, write_golden(tmp_path / "other.parquet", [start])) == 1
    assert heal_events(warehouse, golden)
    assert table_digests(warehouse) == after
    definition = "SELECT count(*) FROM pg_indexes WHERE tablename = 'fact_interrupciones'"
    assert warehouse.execute(definition).fetchone() == (3,)
    for wrong in ("0" * 30, "A" * 32):
        with pytest.raises(psycopg.errors.CheckViolation):
            warehouse.execute("UPDATE fact_interrupciones SET hash_id = %s", [wrong])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        warehouse.execute("UPDATE fact_interrupciones SET codigo_comuna = '99999'")


def test_only_the_months_whose_events_changed_are_loaded_again(
    warehouse: psycopg.Connection, second_url: str, tmp_path: Path
) -> None:
    starts = [datetime(2025, month, day, 12, tzinfo=UTC) for month in range(1, 7) for day in range(1, 9)]
    replace_events(warehouse, write_golden(tmp_path / "golden.parquet", starts))
    places = dict(warehouse.execute("SELECT hash_id, ctid::text FROM fact_interrupciones").fetchall())
    moved = [*starts[:-1], datetime(2025, 6, 29, 12, tzinfo=UTC)]
    golden = write_golden(tmp_path / "moved.parquet", moved)
    assert replace_events(warehouse, golden) == len(moved)
    now = dict(warehouse.execute("SELECT hash_id, ctid::text FROM fact_interrupciones").fetchall())
    kept = {name for name, place in now.items() if places.get(name) == place}
    stayed = warehouse.execute("SELECT hash_id FROM interrupciones WHERE fecha_dt < '2025-06-01'").fetchall()
    assert kept == {name for (name,) in stayed}
    with database(second_url, Path()) as another:
        replace_events(another, golden)
        assert table_digests(warehouse) == table_digests(another)
    # Rows that went missing behind the back of the digests are noticed by their number.
    warehouse.execute("DELETE FROM fact_interrupciones WHERE id_tiempo < 20250200")
    assert replace_events(warehouse, golden) == len(moved)
    assert table_digests(warehouse) == digests(second_url)


#: Interrupts itself in the middle of a wait for what the database does in the other thread.
INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
import polars as pl
import psycopg
from outages.postgres import database
from outages.beside import beside

pl.LazyFrame({"a": [1]}).collect()  # Polars then takes interrupts first

def sleep(conn):
    try:
        for _ in range(10):
            conn.execute("SELECT pg_sleep(1)")
        print("slept")
    except psycopg.errors.QueryCanceled:
        print("cancelled")

with database(sys.argv[1], Path()) as conn:
    try:
        with beside(conn) as start:
            sleeping = start(sleep, conn)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            sleeping()
    except KeyboardInterrupt:
        print("interrupted", conn.execute("SELECT 1").fetchone())
"""


def test_an_interrupt_ends_what_the_database_does_beside(warehouse_url: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, warehouse_url]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True)
    assert done.stdout == "cancelled\ninterrupted (1,)\n", done.stderr


def test_an_error_of_either_thread_is_told(warehouse_url: str) -> None:
    with database(warehouse_url, Path()) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero), beside(conn) as start:
            start(conn.execute, "SELECT 1 / 0")()
        with pytest.raises(ValueError, match="here"), beside(conn) as start:
            start(conn.execute, "SELECT pg_sleep(600)")
            raise ValueError("here")
        assert conn.execute("SELECT 1").fetchone() == (1,)
