"""The SQL for a Supabase project where tables of the same names stand already: in shape after it, or an error."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .postgrest_server import Supabase, look_anew, setup
from .publish_stage import Stage

COLUMNS = """
    SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute
    WHERE attrelid = 'dashboard_stats'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname
"""
OURS = [("data", "jsonb", True), ("id", "text", True), ("updated_at", "timestamp with time zone", True)]
ADOPTED = {
    "no time": "CREATE TABLE dashboard_stats (id text PRIMARY KEY, data jsonb)",
    "no key": "CREATE TABLE dashboard_stats (id text, data jsonb, updated_at timestamptz)",
    "another key": "CREATE TABLE dashboard_stats (n bigserial PRIMARY KEY, id text, data jsonb)",
    "a key of two": "CREATE TABLE dashboard_stats (id text, data jsonb, n bigserial, PRIMARY KEY (id, n))",
    "kin types": "CREATE TABLE dashboard_stats (id varchar(20) UNIQUE, data json DEFAULT '[]', updated_at timestamp);"
    "ALTER TABLE dashboard_stats ENABLE ROW LEVEL SECURITY;"
    "CREATE POLICY open ON dashboard_stats USING (id = 'old')",
}
REFUSED = {
    "id": "CREATE TABLE dashboard_stats (id bigint PRIMARY KEY, data jsonb)",
    "data": "CREATE TABLE dashboard_stats (id text PRIMARY KEY, payload jsonb)",
    "updated_at": "CREATE TABLE dashboard_stats (id text PRIMARY KEY, data jsonb, updated_at text)",
    "titulo": "CREATE TABLE dashboard_stats (id text PRIMARY KEY, data jsonb, titulo text NOT NULL)",
    "id with values that are missing or there twice": "CREATE TABLE dashboard_stats (id text, data jsonb);"
    "INSERT INTO dashboard_stats VALUES ('old', '1'), ('old', '2')",
}


@pytest.fixture
def bare(owner: psycopg.Connection, supabase: Supabase) -> Iterator[psycopg.Connection]:
    """The owner's connection to a project without our tables, which is set up again afterwards."""
    gone = "DROP TABLE dashboard_stats CASCADE; DROP TABLE interrupciones_hot CASCADE"
    owner.execute(gone)
    yield owner
    owner.execute("DROP TABLE IF EXISTS interrupciones_hot, dashboard_stats CASCADE")
    owner.execute(setup())
    look_anew(supabase, owner)


@pytest.mark.parametrize("case", ADOPTED)
def test_a_table_of_another_set_up_is_brought_into_shape(
    case: str, stage: Stage, supabase: Supabase, named: dict[str, str], bare: psycopg.Connection
) -> None:
    bare.execute(ADOPTED[case].encode())
    bare.execute("INSERT INTO dashboard_stats (id, data) VALUES ('old', '[1]')")
    for _ in range(2):
        bare.execute(setup())
        assert [column for column in bare.execute(COLUMNS) if column[0] != "n"] == OURS
    look_anew(supabase, bare)
    assert len(stage(**named)["sent"]) == 4
    assert stage(**named)["sent"] == []
    assert bare.execute("SELECT data FROM dashboard_stats WHERE id = 'old'").fetchone() == ([1],)


def test_a_table_that_postgrest_has_not_heard_of_yet(
    stage: Stage, supabase: Supabase, named: dict[str, str], bare: psycopg.Connection
) -> None:
    """It may be read, but is not known to be written: set up again, the project is told of it."""
    look_anew(supabase, bare)
    bare.execute(setup().partition(b"NOTIFY")[0])
    assert "Run what make supabase-sql prints" in stage.fails("PUBLISH_TABLE", **named)
    bare.execute(setup())
    look_anew(supabase, bare)
    assert len(stage(**named)["sent"]) == 4


@pytest.mark.parametrize("column", REFUSED)
def test_a_table_that_cannot_be_ours_is_named_and_left(
    column: str, stage: Stage, supabase: Supabase, named: dict[str, str], bare: psycopg.Connection
) -> None:
    bare.execute(REFUSED[column].encode())
    before = bare.execute(COLUMNS).fetchall()
    with pytest.raises(psycopg.errors.RaiseException, match=f"has a column {column}[ .]") as caught:
        bare.execute(setup())
    bare.execute("ROLLBACK")
    assert bare.execute(COLUMNS).fetchall() == before
    advised = "ALTER TABLE public.dashboard_stats RENAME TO dashboard_stats_old"
    assert advised in str(caught.value)
    bare.execute(advised)
    try:
        bare.execute(setup())
        look_anew(supabase, bare)
        assert len(stage(**named)["sent"]) == 4
    finally:
        bare.execute("DROP TABLE dashboard_stats_old")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "ALTER TABLE interrupciones_hot ALTER clientes_hora TYPE integer",
            "clientes_hora integer where",
        ),
        ("ALTER TABLE interrupciones_hot DROP recortado", "nothing where recortado boolean"),
        ("ALTER TABLE interrupciones_hot ADD mine text", "mine text where nothing"),
        ("ALTER TABLE interrupciones_hot DROP CONSTRAINT interrupciones_hot_pkey", "no primary key on clave"),
    ],
)
def test_a_hot_table_of_another_shape_is_named_and_left(bare: psycopg.Connection, change: str, told: str) -> None:
    bare.execute(setup())
    bare.execute(setup())
    bare.execute(change.encode())
    with pytest.raises(psycopg.errors.RaiseException, match=told):
        bare.execute(setup())
    bare.execute("ROLLBACK")
