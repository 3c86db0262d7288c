"""The window when others are at work too: another run, a hand, answers that get lost. Nothing that entered is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from aiohttp import web
from outages import cold
from outages.cold import read
from outages.errors import OutagesError
from outages.hot import Hot, Version
from outages.targets import Secret, WarehouseTarget
from publish import publish

from .postgrest_server import Supabase
from .window_stage import Window, at, pairs, table


def test_an_answer_that_was_lost_does_no_harm(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    forward = supabase._forward
    lost: list[str] = []

    async def deaf(request: web.Request, body: bytes) -> web.Response:
        answer = await forward(request, body)
        if request.path not in lost:
            lost.append(request.path)
            return web.Response(status=504)
        return answer

    window.february()
    window(**named)
    before = table(project_rows)
    window.march()
    monkeypatch.setattr(supabase, "_forward", deaf)
    receipt = window(**named)
    assert sorted(path.rpartition("/")[2] for path in lost) == [
        "hot_claves", "hot_filas", "hot_medidas", "hot_poner", "hot_quitar",
    ]  # fmt: skip
    assert (receipt["archived"], receipt["deleted"]) == (window.archived().height, 2 + 17 * 72)
    assert before.items() <= table(project_rows).items() | pairs(window.archived())


def test_another_run_loses_nothing_by_ours(window: Window, warehouse_url: str, warehouse: psycopg.Connection) -> None:
    """What was read is out of date when it is acted upon: the other's version stays, and is told apart."""
    window.february()
    window(DATABASE_URL=warehouse_url)
    mine = Hot(WarehouseTarget(warehouse))
    key = "H:2025-02-04T12Z:13"
    huella = mine.versions()[key].huella
    row = mine.rows({key: huella})
    read = {key: row["sello"].item()}
    warehouse.execute("UPDATE interrupciones_hot SET huella = 'of the other' WHERE clave = %s", [key])
    ours = row.drop("sello").with_columns(huella=pl.lit("v2"))
    for before in (read, {}):
        mine.put(ours, before)
    assert mine.remove(read) == 0
    assert mine.versions()[key] == Version("of the other", at(4, 12))
    now = {key: mine.rows({key: "of the other"})["sello"].item()}
    for _ in range(2):
        mine.put(ours, now)
    assert mine.versions()[key].huella == "v2"


def test_a_run_that_was_overtaken_says_so(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window.february()
    window(**named)
    window.march()
    forward, key = supabase._forward, "H:2025-02-05T12Z:13"

    async def overtaken(request: web.Request, body: bytes) -> web.Response:
        if request.path.endswith("hot_poner"):
            project_rows.execute("UPDATE interrupciones_hot SET huella = 'of the other' WHERE clave = %s", [key])
        return await forward(request, body)

    with monkeypatch.context() as patched:
        patched.setattr(supabase, "_forward", overtaken)
        window.fails("WINDOW_MISMATCH", **named)
    assert table(project_rows)[key] == "of the other"
    window(**named)
    assert table(project_rows)[key] != "of the other"
    assert window.archived().filter(clave=key)["motivo"].to_list() == ["replaced"]


def test_a_row_that_somebody_changed_by_hand_is_archived_as_it_is(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    window.february()
    window(DATABASE_URL=warehouse_url)
    key = "H:2025-02-02T12Z:13"
    warehouse.execute(
        "UPDATE interrupciones_hot SET clientes_afectados = 7, fin = fin + interval '1.5 s' WHERE clave = %s", [key]
    )
    window.march()
    window(DATABASE_URL=warehouse_url)
    row = read(window.cold / "2025-02.parquet").filter(clave=key)
    assert row.select("clientes_afectados", "fin").row(0) == (7, at(2, 12) + timedelta(seconds=1.5))
    assert key not in table(warehouse)


def changed_by_hand(
    window: Window, conn: psycopg.Connection, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the archive is written, somebody changes a row that is to be deleted and one that is to be replaced."""
    window.february()
    window(**environment)
    window.march()
    leaves, replaced = "H:2025-02-02T12Z:13", "H:2025-02-05T12Z:13"
    archive = cold.archive

    def meanwhile(folder: Path, rows: pl.DataFrame) -> Any:
        told = archive(folder, rows)
        assert {leaves, replaced} <= set(rows["clave"])
        conn.execute("UPDATE interrupciones_hot SET clientes_hora = 7 WHERE clave IN (%s, %s)", [leaves, replaced])
        return told

    with monkeypatch.context() as patched:
        patched.setattr(cold, "archive", meanwhile)
        window.fails("WINDOW_MISMATCH", **environment)
    changed = conn.execute("SELECT clave FROM interrupciones_hot WHERE clientes_hora = 7 AND tipo = 'hora' ORDER BY 1")
    assert changed.fetchall() == [(leaves,), (replaced,)]
    window(**environment)
    assert leaves not in table(conn)
    kept = window.archived().filter(pl.col("clave").is_in([leaves, replaced]))
    assert [kept.filter(clave=key)["clientes_hora"].sort().to_list() for key in (leaves, replaced)] == [[None, 7]] * 2


def test_a_change_by_hand_after_archiving_is_not_lost_by_the_warehouse(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_by_hand(window, warehouse, {"DATABASE_URL": warehouse_url}, monkeypatch)


def test_a_change_by_hand_after_archiving_is_not_lost_by_supabase(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    changed_by_hand(window, project_rows, named, monkeypatch)


def test_publishing_brings_a_changed_table_of_supabase_in_line(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection, tmp_path: Path
) -> None:
    """As many rows as there should be, but others among them: their digests tell, and the limit holds for them too."""
    window.february()
    window(**named)
    before = table(project_rows)
    sizes = "SELECT pg_database_size(current_database())"
    silver = tmp_path / "silver"
    (silver / "2025-02.json").write_text('{"sources": ["recorded"], "month": "2025-02"}')
    (tmp_path / "_meta.json").write_text('[{"synthetic": false}]')

    def publish_again(limit: float | None = None) -> None:
        publish(
            tmp_path / "all.done", [], tmp_path / "_meta.json", tmp_path / "index.html", 0, False, "",
            named["SUPABASE_URL"], Secret(named["SUPABASE_KEY"]), None, [silver / "2025-02.json"],
            tmp_path / "golden.parquet", window.moved, str(window.cold), {"supabase_limit_mb": limit},
        )  # fmt: skip

    publish_again()
    assert table(project_rows) == before and not window.archived().height
    project_rows.execute("UPDATE interrupciones_hot SET huella = md5(huella) WHERE clave LIKE '%:13'")
    found = project_rows.execute(sizes).fetchone()
    assert found
    with pytest.raises(OutagesError, match="CAPACITY_FULL"):
        publish_again(found[0] / 0.96 / 1e6)
    publish_again()
    assert table(project_rows) == before
