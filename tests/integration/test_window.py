"""The window on a real PostgreSQL and a real PostgREST: what enters it, and what leaves it by way of the archive."""

from __future__ import annotations

import polars as pl
import psycopg
import pytest

from .postgrest_server import Supabase
from .window_stage import Window, at, pairs, table


def test_rows_of_the_window(window: Window, warehouse_url: str, warehouse: psycopg.Connection) -> None:
    window.march()
    receipt = window(DATABASE_URL=warehouse_url)
    newest = at(6, 2, 3)
    assert receipt["window"] == {"after": "2025-02-04T02:00:00.000Z", "to": "2025-03-06T02:00:00.000Z"}
    found = warehouse.execute(
        "SELECT tipo, estado, count(*), min(fin), max(fin) FROM interrupciones_hot GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    first = at(4, 3)
    assert found[0] == ("evento", None, 2, at(5, 2), at(3, 1, 3))
    assert found[1][:2] == ("hora", "gap") and found[1][2] == 17 * 3
    assert found[2] == ("hora", "observed", 17 * (48 + 120 - 3), first, newest)
    row = "SELECT clientes_afectados, formato, estado FROM interrupciones_hot WHERE clave = %s"
    assert warehouse.execute(row, ["H:2025-03-06T02Z:13"]).fetchone() == (2 * (105 + 119), "A", "observed")
    assert warehouse.execute(row, ["H:2025-03-06T02Z:00"]).fetchone() == (105 + 119, "A", "observed")
    assert warehouse.execute(row, ["H:2025-03-06T02Z:01"]).fetchone() == (0, "A", "observed")
    assert warehouse.execute(row, ["H:2025-03-03T04Z:13"]).fetchone() == (None, None, "gap")
    event = warehouse.execute(
        "SELECT nombre_comuna, codigo_region, fecha_inicio, formato, clientes_afectados, fin FROM interrupciones_hot "
        "WHERE tipo = 'evento' ORDER BY inicio LIMIT 1"
    ).fetchone()
    assert event == ("Santiago", "13", at(4).date(), "A", 1000, at(5, 2))
    assert (receipt["upserted"], receipt["archived"], receipt["deleted"]) == (2 + 17 * 168, 0, 0)
    assert window(DATABASE_URL=warehouse_url)["unchanged"] == receipt["upserted"]


def moved(window: Window, conn: psycopg.Connection, environment: dict[str, str]) -> None:
    """February, then March: what leaves is archived with its reason, and what is there is as if built at once."""
    window.february()
    window(**environment)
    before = table(conn)
    assert len(before) == 2 + 17 * 120
    window.march()
    receipt = window(**environment)
    after, archive = table(conn), window.archived()
    assert before.items() | after.items() == after.items() | pairs(archive)
    assert not pairs(archive) & after.items()
    reasons = dict(archive.group_by("motivo").len().rows())
    # Of the 48 hours of February that stay, one is a gap and the same; in a region without customers nothing changes.
    assert reasons == {"old": 1 + 17 * 72, "superseded": 1, "replaced": 3 * 47}
    assert receipt["archived"] == sum(reasons.values())
    assert receipt["deleted"] == reasons["old"] + reasons["superseded"]
    assert {name: file["rows"] for name, file in receipt["cold"].items()} == {"2025-02.parquet": archive.height}
    conn.execute("CREATE TABLE seen AS TABLE interrupciones_hot")
    conn.execute("TRUNCATE interrupciones_hot")
    window(**environment)
    assert table(conn) == after
    conn.execute("DROP TABLE seen")


def test_what_leaves_the_warehouse(window: Window, warehouse_url: str, warehouse: psycopg.Connection) -> None:
    moved(window, warehouse, {"DATABASE_URL": warehouse_url})


def test_what_leaves_supabase(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection
) -> None:
    moved(window, project_rows, named)
    supabase.requests.clear()
    assert window(**named)["upserted"] == 0
    calls = [request.rpartition("/")[2] for request in supabase.requests]
    assert calls == ["hot_medidas", "hot_claves", "hot_claves"]


def test_versions_that_come_back_are_put_again(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    window.february()
    window(DATABASE_URL=warehouse_url)
    first = table(warehouse)
    window.put(["2025-02"], [at(2)])
    assert window(DATABASE_URL=warehouse_url)["deleted"] == 1
    window.february()
    assert window(DATABASE_URL=warehouse_url)["upserted"] == 2  # the other one had become the last, of shape B
    assert table(warehouse) == first
    archive = window.archived()
    window.put(["2025-02"], [at(2)])
    window(DATABASE_URL=warehouse_url)
    grown = window.archived()
    assert pairs(archive) <= pairs(grown)
    assert grown.height == len(pairs(grown)) == 3


def test_a_window_that_is_behind_touches_nothing_newer(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    window.march()
    window(DATABASE_URL=warehouse_url)
    # A key of our own may stand for something newer there: an event that goes on.
    warehouse.execute("UPDATE interrupciones_hot SET fin = %s WHERE clave LIKE 'H:2025-02-04T12Z:%%'", [at(6, 2, 3)])
    newer = set(warehouse.execute("SELECT clave, huella FROM interrupciones_hot WHERE fin > %s", [at(6, 2)]))
    assert len(newer) == 17 * 121 + 1
    window.february()
    receipt = window(DATABASE_URL=warehouse_url)
    assert window.codes() == ["WINDOW_BEHIND"]
    assert receipt["newer"] == len(newer)
    assert newer == set(warehouse.execute("SELECT clave, huella FROM interrupciones_hot WHERE fin > %s", [at(6, 2)]))


def test_hours_that_our_months_do_not_tell_of_stay(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    window.march()
    window(DATABASE_URL=warehouse_url)
    before = table(warehouse)
    window.put(["2025-03"], [at(3, 0, 3)], shift=5)
    receipt = window(DATABASE_URL=warehouse_url)
    assert receipt["deleted"] == 1  # the event of March has another key now; that of February nobody can judge
    assert len(set(before) - set(table(warehouse))) == 1


def test_without_an_observed_hour_nothing_moves(
    window: Window, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    window.february()
    window(DATABASE_URL=warehouse_url)
    before = table(warehouse)
    states = window.folder / "silver/2025-02.hours.parquet"
    pl.read_parquet(states).with_columns(estado=pl.lit("gap")).write_parquet(states)
    assert window(DATABASE_URL=warehouse_url)["window"] is None
    assert table(warehouse) == before


@pytest.mark.parametrize("damage", ["cut", "lost row"])
def test_nothing_is_deleted_unless_the_archive_is_sound(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection, damage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window.february()
    window(**named)
    before = table(project_rows)
    window.march()
    file = window.cold / "2025-02.parquet"
    if damage == "cut":
        file.write_bytes(b"PAR1 and no more")
        window.fails("COLD_DAMAGED", **named)
    else:
        real = pl.DataFrame.write_parquet
        with monkeypatch.context() as broken:
            broken.setattr(pl.DataFrame, "write_parquet", lambda frame, path, **more: real(frame[1:], path, **more))
            window.fails("COLD_MISMATCH", **named)
        assert not file.exists()
    assert table(project_rows) == before
    file.unlink(missing_ok=True)
    window(**named)
    assert before.items() <= pairs(window.archived()) | table(project_rows).items()


def test_the_replicas_rows_are_refused_by_supabase(
    window: Window, supabase: Supabase, named: dict[str, str], warehouse_url: str
) -> None:
    window.february()
    window.source = "replica"
    supabase.requests.clear()
    window.fails("SYNTHETIC", **named)
    assert supabase.requests == []
    assert window(DATABASE_URL=warehouse_url)["synthetic"] is True
