"""The cold archive only grows, keeps every version once, and is compared with what was to be written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from outages import cold
from outages.errors import OutagesError
from outages.files import read_json
from outages.hot import Bounds, Version, digests, leaving, schema

ROOT = Path(__file__).parents[2]
NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)


def rows(*changes: dict[str, Any], why: str = "old") -> pl.DataFrame:
    """Rows as they come from a target, each with its changes."""
    plain = dict.fromkeys(schema()) | {
        "tipo": "evento", "inicio": NOON, "fin": NOON, "codigo_region": "13", "nombre_region": "METROPOLITANA",
        "clientes_afectados": 5, "huella": "of the target", "motivo": why,
    }  # fmt: skip
    return pl.DataFrame([plain | change for change in changes], schema=schema() | {"motivo": pl.String()})


def test_a_file_is_the_union_of_all_versions(tmp_path: Path) -> None:
    told = cold.archive(tmp_path, rows({"clave": "b"}, {"clave": "a"}))
    file = tmp_path / "2025-03.parquet"
    assert list(told) == [file.name] and told[file.name]["rows"] == 2
    asked = f"SELECT DISTINCT compression FROM parquet_metadata('{file}')"
    assert duckdb.sql(asked).fetchall() == [("ZSTD",)]
    before = file.read_bytes()
    assert cold.archive(tmp_path, rows({"clave": "a"}, why="superseded")) == told
    assert file.read_bytes() == before
    cold.archive(tmp_path, rows({"clave": "a", "clientes_afectados": 6}, {"clave": "c"}, why="replaced"))
    kept = cold.read(file)
    versions = sorted(kept.select("clave", "clientes_afectados", "motivo").rows())
    assert versions == [("a", 5, "old"), ("a", 6, "replaced"), ("b", 5, "old"), ("c", 5, "replaced")]
    assert kept["huella"].equals(digests(kept))
    assert not list(tmp_path.glob("*.part"))


def test_the_month_is_the_local_one_of_the_begin(tmp_path: Path) -> None:
    last = datetime(2025, 2, 1, 2, tzinfo=UTC)  # 23 h of 31 January
    told = cold.archive(
        tmp_path, rows({"clave": "a", "inicio": last}, {"clave": "b", "inicio": last + timedelta(hours=1)})
    )
    assert {name: file["rows"] for name, file in told.items()} == {"2025-01.parquet": 1, "2025-02.parquet": 1}


@pytest.mark.parametrize("damage", ["cut", "bytes", "columns", "row"])
def test_a_damaged_file_is_left_as_it_is(tmp_path: Path, damage: str) -> None:
    cold.archive(tmp_path, rows({"clave": "a"}, {"clave": "b"}))
    file = tmp_path / "2025-03.parquet"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif damage == "bytes":
        file.write_bytes(b"PAR1" + b"\x07" * 500 + b"PAR1")
    elif damage == "columns":
        pl.read_parquet(file).drop("motivo").write_parquet(file)
    else:
        pl.read_parquet(file).with_columns(clientes_afectados=pl.lit(7, pl.Int64)).write_parquet(file)
    before = file.read_bytes()
    with pytest.raises(OutagesError) as caught:
        cold.archive(tmp_path, rows({"clave": "c"}))
    assert caught.value.code == "COLD_DAMAGED"
    assert file.read_bytes() == before


def test_a_file_that_does_not_read_back_takes_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold.archive(tmp_path, rows({"clave": "a"}))
    before = (tmp_path / "2025-03.parquet").read_bytes()
    real = pl.DataFrame.write_parquet
    for broken in (
        lambda frame, path, **more: real(frame.head(1), path, **more),
        lambda frame, path, **more: real(frame.with_columns(motivo=pl.lit("old")), path, **more),
    ):
        monkeypatch.setattr(pl.DataFrame, "write_parquet", broken)
        with pytest.raises(OutagesError) as caught:
            cold.archive(tmp_path, rows({"clave": "b"}, why="superseded"))
        assert caught.value.code == "COLD_MISMATCH"
        assert {path.name for path in tmp_path.iterdir()} == {"2025-03.parquet", cold.INDEX}
        assert (tmp_path / "2025-03.parquet").read_bytes() == before


def test_a_file_that_is_lost_or_was_changed_is_noticed(tmp_path: Path) -> None:
    file, index = tmp_path / "2025-03.parquet", tmp_path / cold.INDEX
    assert cold.verify(tmp_path) == ({}, {})
    told = cold.archive(tmp_path, rows({"clave": "a"}, {"clave": "b"}))
    assert cold.verify(tmp_path) == (told, {})
    noted = index.read_bytes()
    cold.archive(tmp_path, rows({"clave": "c"}))
    whole = file.read_bytes()
    index.write_bytes(noted)  # as a run leaves it that is killed between the two
    assert cold.verify(tmp_path)[1] == {}
    cold.archive(tmp_path, rows({"clave": "c"}))
    assert cold.verify(tmp_path) == (read_json(index), {})
    pl.read_parquet(file).head(2).write_parquet(file)
    assert cold.verify(tmp_path)[1] == {file.name: "it has 2 rows, not the 3 that were archived"}
    file.write_bytes(whole[:-9])
    assert "damaged" in cold.verify(tmp_path)[1][file.name]
    file.unlink()
    assert cold.verify(tmp_path) == ({}, {file.name: "it is gone"})
    file.write_bytes(whole)
    index.write_text("{")
    assert list(cold.verify(tmp_path)[1]) == [cold.INDEX]
    with pytest.raises(OutagesError, match="COLD_DAMAGED"):
        cold.archive(tmp_path, rows({"clave": "d"}))
    assert file.read_bytes() == whole


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "2025-03.parquet.1.part").write_text("half")
    with cold.exclusive(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_every_column_counts_in_the_digest() -> None:
    row = rows({"clave": "a"})
    changed: dict[str, Any] = {
        pl.String(): "other", pl.Int64(): 99, pl.Boolean(): True, pl.Date(): NOON.date(),
        pl.Datetime("us", "UTC"): NOON + timedelta(microseconds=1),
    }  # fmt: skip
    for name, kind in schema().items():
        other = row.with_columns(pl.lit(changed[kind], kind).alias(name))
        assert (digests(other)[0] != digests(row)[0]) == (name != "huella"), name


def test_why_rows_leave() -> None:
    within = Bounds(NOON - timedelta(days=30), NOON, NOON - timedelta(days=10))
    last = {
        "same": NOON, "ours": NOON, "lost": within.covered, "unknown": within.covered - timedelta(hours=1),
        "edge": within.start, "newer": NOON + timedelta(hours=1), "newer_ours": NOON + timedelta(hours=1),
    }  # fmt: skip
    theirs = {key: Version("v1", fin) for key, fin in last.items()}
    ours = {"same": "v1", "ours": "v2", "newer_ours": "v2", "new": "v1"}
    assert leaving(theirs, ours, within) == {"ours": "replaced", "lost": "superseded", "edge": "old"}


def test_warehouse_and_supabase_have_one_text() -> None:
    """What the migrations leave in the end is what the set-up of a project makes at once."""
    migrations = sorted((ROOT / "workflow/migrations").glob("*_hot*.sql"))
    texts: list[dict[str, str]] = []
    for paths in (migrations, [ROOT / "workflow/supabase/0002_interrupciones_hot.sql"]):
        text = "\n".join(path.read_text() for path in paths).replace("public.", "").replace("IF NOT EXISTS ", "")
        text = text.replace("CREATE OR REPLACE", "CREATE").replace("search_path = ''", "search_path FROM CURRENT")
        made = r"^((?:CREATE (?:TABLE|INDEX|FUNCTION)|COMMENT ON (?:TABLE|FUNCTION)) \w+).*?;$"
        texts.append({found[1]: found[0] for found in re.finditer(made, text, re.MULTILINE | re.DOTALL)})
    assert len(migrations) > 1 and len(texts[0]) == 13
    assert texts[0] == texts[1]
