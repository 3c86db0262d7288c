"""Sizes that the servers tell of themselves, against a limit: a warning, then a refusal before anything is pushed."""

from __future__ import annotations

import polars as pl
import psycopg
import pytest
from outages import hot
from outages.capacity import MB
from outages.hot import Hot
from outages.targets import Secret, SupabaseTarget, WarehouseTarget

from .postgrest_server import Supabase
from .publish_stage import Stage
from .window_stage import Window, table

#: Rows of long ago, about 1 MB for each 4,000.
FILL = """
    INSERT INTO interrupciones_hot
        (clave, huella, tipo, inicio, fin, codigo_region, nombre_region, estado, clientes_afectados)
    SELECT 'H:' || n, md5(n::text), 'hora', moment, moment, '13', 'METROPOLITANA', 'observed', n
    FROM generate_series(%s::int, %s::int) AS n, (VALUES (timestamptz '2020-01-01Z')) AS long_ago (moment)
"""
MORE = "INSERT INTO dashboard_stats SELECT gen_random_uuid(), '[]', now() FROM generate_series(1, 999)"


def size(conn: psycopg.Connection) -> int:
    found = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found
    return int(found[0])


def test_sizes_are_those_of_the_server(
    supabase: Supabase, owner: psycopg.Connection, warehouse: psycopg.Connection
) -> None:
    target = SupabaseTarget(supabase.url, Secret(supabase.service_key))
    for conn, there in ((owner, Hot(target)), (warehouse, Hot(WarehouseTarget(warehouse)))):
        before = there.sizes()
        assert before["database"] == size(conn)
        conn.execute(FILL, [1, 8000])
        after = there.sizes()
        grown = {name: after[name] - before[name] for name in after}
        assert grown["interrupciones_hot"] > 1 * MB
        assert grown["dashboard_stats"] == 0
        assert abs(grown["database"] - grown["interrupciones_hot"]) < 0.2 * MB
        conn.execute("TRUNCATE interrupciones_hot")
    target.close()


def test_the_window_warns_then_refuses(window: Window, warehouse_url: str, warehouse: psycopg.Connection) -> None:
    window.february()
    window(DATABASE_URL=warehouse_url)
    limit = size(warehouse) / MB / 0.8
    window.limits["warehouse_limit_mb"] = limit
    window(DATABASE_URL=warehouse_url)
    assert window.codes() == []
    warehouse.execute(FILL, [1, 3000])
    while size(warehouse) < 0.86 * limit * MB:
        warehouse.execute(MORE)
    receipt = window(DATABASE_URL=warehouse_url)  # what leaves is deleted; files do not shrink by that
    assert window.codes() == ["CAPACITY_WARNING"]
    assert receipt["deleted"] == 3000
    assert receipt["sizes"]["database"] == size(warehouse)
    while size(warehouse) < 0.955 * limit * MB:
        warehouse.execute(MORE)
    assert window(DATABASE_URL=warehouse_url)["upserted"] == 0  # with nothing to push there is nothing to refuse
    before = table(warehouse)
    window.march()
    told = window.fails("CAPACITY_FULL", DATABASE_URL=warehouse_url)
    assert f"of {limit:g} MB" in told
    # Nothing was put, what was to leave has left all the same, by way of the archive.
    after = table(warehouse)
    assert after.items() < before.items()
    assert {*before} - {*after} == set(window.archived().filter(pl.col("inicio").dt.year() == 2025)["clave"])
    window.limits["warehouse_limit_mb"] = None
    window(DATABASE_URL=warehouse_url)
    assert any(key.startswith("H:2025-03-06") for key in table(warehouse))


def test_rows_are_put_up_to_the_limit_and_the_next_run_goes_on(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.february()
    window.limits["warehouse_limit_mb"] = size(warehouse) / MB / 0.949
    window.fails("CAPACITY_FULL", DATABASE_URL=warehouse_url)
    assert table(warehouse) == {}  # one batch with all rows would go beyond
    monkeypatch.setattr(hot, "BATCH", 100)
    limit = window.limits["warehouse_limit_mb"] = (size(warehouse) / MB + 0.3) / 0.95
    told = window.fails("CAPACITY_FULL", DATABASE_URL=warehouse_url)
    some = len(table(warehouse))
    assert f"only {some:,} rows were pushed" in told
    assert some in range(100, 2042, 100)
    assert size(warehouse) <= 0.95 * limit * MB
    window.limits["warehouse_limit_mb"] = None
    assert window(DATABASE_URL=warehouse_url)["upserted"] == 2042 - some
    assert len(table(warehouse)) == 2042


def test_payloads_that_would_go_beyond_the_limit_are_refused(
    stage: Stage, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection
) -> None:
    owner.execute("TRUNCATE interrupciones_hot")
    stage(**named)
    before = owner.execute("SELECT * FROM dashboard_stats ORDER BY id").fetchall()
    limit = size(owner) / MB / 0.94
    stage.params["limits"] = {"supabase_limit_mb": limit, "warehouse_limit_mb": None}
    stage.put({"company_ranking": [{"n": n} for n in range(50_000)]})
    assert "MB come next: nothing was pushed" in stage.fails("CAPACITY_FULL", **named)
    assert owner.execute("SELECT * FROM dashboard_stats ORDER BY id").fetchall() == before
    stage.put({"company_ranking": [{"n": 1}]})
    assert stage(**named)["sent"] == ["_meta", "company_ranking"]


def test_publishing_is_refused_beyond_the_limit(
    stage: Stage, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection
) -> None:
    owner.execute("TRUNCATE interrupciones_hot")
    stage.params["limits"] = {"supabase_limit_mb": size(owner) / MB / 0.5, "warehouse_limit_mb": None}
    assert len(stage(**named)["sent"]) == 4
    before = owner.execute("SELECT * FROM dashboard_stats ORDER BY id").fetchall()
    stage.params["limits"] = {"supabase_limit_mb": size(owner) / MB / 0.96, "warehouse_limit_mb": None}
    assert stage(**named)["sent"] == []
    stage.put({"company_ranking": [{"nombre_empresa": "CGE"}]})
    supabase.requests.clear()
    stage.fails("CAPACITY_FULL", **named)
    assert [request for request in supabase.requests if "dashboard_stats" in request and "POST" in request] == []
    assert owner.execute("SELECT * FROM dashboard_stats ORDER BY id").fetchall() == before
    stage.params["limits"] = {"supabase_limit_mb": size(owner) / MB / 0.9, "warehouse_limit_mb": None}
    assert stage(**named)["sent"] == ["_meta", "company_ranking"]
    assert "CAPACITY_WARNING" in stage.log.read_text()
