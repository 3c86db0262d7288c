"""The window on a real PostgreSQL and a real PostgREST: nothing that ever entered is lost, whenever it dies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psycopg
import pytest
from aiohttp import web
from outages import cold, hot
from outages.cold import read
from outages.errors import OutagesError
from outages.hot import Hot, Version
from outages.targets import Secret, SupabaseTarget, WarehouseTarget
from publish import publish

from .postgrest_server import Supabase, look_anew, setup, until
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


def test_answers_are_whole_however_few_rows_the_server_gives(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    project_rows.execute("ALTER ROLE authenticator SET pgrst.db_max_rows = '7'; NOTIFY pgrst, 'reload config'")
    address, headers = f"{supabase.url}/rest/v1/interrupciones_hot?select=clave", {"apikey": supabase.anon_key}

    def given() -> int:
        return len(httpx.get(address, headers=headers).json())

    try:
        window.february()
        window(**named)
        until(lambda: given() == 7)
        monkeypatch.setattr(hot, "PAGE", 200)
        before = table(project_rows)
        assert len(before) == 2042
        assert window(**named)["unchanged"] == 2042
        window.march()
        window(**named)
        assert before.items() <= table(project_rows).items() | pairs(window.archived())
    finally:
        project_rows.execute("ALTER ROLE authenticator RESET pgrst.db_max_rows; NOTIFY pgrst, 'reload config'")
        until(lambda: given() > 7)


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


def test_a_project_of_an_earlier_set_up(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection
) -> None:
    """Rows that do not tell what there is of them are neither replaced nor deleted."""
    window.february()
    window(**named)
    before = table(project_rows)
    project_rows.execute(
        "CREATE OR REPLACE FUNCTION hot_filas(pares jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$ "
        "SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY clave), '[]') FROM interrupciones_hot AS h $$"
    )
    window.march()
    assert "0002_interrupciones_hot.sql" in window.fails("WINDOW_SETUP", **named)
    assert table(project_rows) == before
    project_rows.execute(setup())
    look_anew(supabase, project_rows)
    assert window(**named)["deleted"] == 2 + 17 * 72


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


@pytest.mark.parametrize(
    ("break_it", "mend"),
    [
        ("ALTER FUNCTION hot_claves RENAME TO gone", "ALTER FUNCTION gone RENAME TO hot_claves"),
        ("ALTER TABLE interrupciones_hot RENAME TO gone", "ALTER TABLE gone RENAME TO interrupciones_hot"),
    ],
)
def test_a_project_that_is_not_set_up(
    window: Window, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection, break_it: str, mend: str
) -> None:
    window.february()
    owner.execute(break_it.encode())
    try:
        window.fails("WINDOW_SETUP", **named)  # PostgREST believes that it is there still
        look_anew(supabase, owner)
        told = window.fails("WINDOW_SETUP", **named)
        assert "0002_interrupciones_hot.sql" in told
        assert supabase.service_key not in told
    finally:
        owner.execute(mend.encode())
        look_anew(supabase, owner)


def test_readers_may_select_and_nothing_else(
    window: Window, supabase: Supabase, named: dict[str, str], project_rows: psycopg.Connection
) -> None:
    window.february()
    window(**named)
    before = table(project_rows)
    (key, huella), *_ = before.items()
    address = f"{supabase.url}/rest/v1"
    calls: dict[str, dict[str, Any]] = {
        "hot_claves": {"desde": "", "cuantas": 1}, "hot_filas": {"pares": {key: huella}},
        "hot_poner": {"filas": [], "antes": {}}, "hot_quitar": {"pares": {key: huella}}, "hot_medidas": {},
    }  # fmt: skip
    supabase.check_keys = False
    for role in ("anon", "authenticated"):
        token = supabase.key_for(role)
        headers = {"apikey": token, "Authorization": f"Bearer {token}"}
        got = httpx.get(f"{address}/interrupciones_hot?select=clave&limit=3", headers=headers)
        assert len(got.json()) == 3
        for name, arguments in calls.items():
            answer = httpx.post(f"{address}/rpc/{name}", headers=headers, json=arguments)
            assert answer.json()["code"] == "42501", (role, name)
        answer = httpx.delete(f"{address}/interrupciones_hot?clave=eq.{key}", headers=headers)
        assert answer.json()["code"] == "42501"
        named["SUPABASE_KEY"] = token
        window.fails("PUBLISH_REFUSED", **named)
    assert table(project_rows) == before


def test_the_replicas_rows_are_refused_by_supabase(
    window: Window, supabase: Supabase, named: dict[str, str], warehouse_url: str
) -> None:
    window.february()
    window.source = "replica"
    supabase.requests.clear()
    window.fails("SYNTHETIC", **named)
    assert supabase.requests == []
    assert window(DATABASE_URL=warehouse_url)["synthetic"] is True


def test_no_key_is_told(window: Window, supabase: Supabase, named: dict[str, str]) -> None:
    window.february()
    named["SUPABASE_KEY"] = supabase.key_for("service_role", "z" * 40)
    supabase.check_keys = False
    told = window.fails("PUBLISH_KEY", **named)
    assert named["SUPABASE_KEY"].rpartition(".")[2] not in told
    target = SupabaseTarget(supabase.url, Secret(supabase.service_key))
    assert target.rpc("hot_medidas", {})["database"] > 1_000_000
    target.close()
