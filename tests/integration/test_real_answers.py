"""Answers of the source as others recorded them (REAL=DIR): the figures that are known of them, exactly."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from outages.postgres import database

from .workflow_runs import Work, checkout

REAL = os.environ.get("REAL", "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL, reason="no folder of recorded answers: make test-real REAL=DIR"),
]
MONTHS = ("2024-08", "2025-01", "2026-09")


@pytest.fixture(scope="module")
def built(place: Path) -> Work:
    source = {"kind": "recorded", "path": str(Path(REAL).resolve()), "pattern": "{fecha}T{hora:02d}.json"}
    work = Work(
        place / "work", checkout(place / "code"), {"months": {"first": MONTHS[0], "last": MONTHS[-1]}, "source": source}
    )
    work.must()
    return work


def month(built: Work, name: str) -> tuple[dict[str, object], pl.DataFrame]:
    folder = built.folder / "results" / "silver"
    return json.loads((folder / f"{name}.json").read_text()), pl.read_parquet(folder / f"{name}.parquet")


def by_region(silver: pl.DataFrame) -> dict[str, int]:
    return dict(silver.group_by("nombre_region").agg(pl.col("clientes_afectados").sum()).iter_rows())


def test_a_calm_day_of_shape_a(built: Work) -> None:
    receipt, silver = month(built, "2025-01")
    assert receipt["rows"] == {"read": 604, "summed": 604, "superseded": 0, "implausible": 0}
    assert receipt["shapes"] == {"A": 1}
    assert (silver.height, silver["clientes_afectados"].sum()) == (267, 21_759)
    assert (silver["codigo_comuna"].n_unique(), silver["nombre_empresa"].n_unique()) == (195, 15)
    ghosts = silver.filter(pl.col("fantasma"))
    assert sorted(ghosts.select("nombre_comuna", "clientes_afectados").rows()) == [
        ("Quilpué", 63),
        ("Viña del Mar", 511),
    ]


def test_the_windstorm_in_shape_b(built: Work) -> None:
    receipt, silver = month(built, "2024-08")
    assert (receipt["rows"]["read"], silver["clientes_afectados"].sum()) == (299, 1_176_268)  # type: ignore[index]
    regions = by_region(silver)
    assert {name: regions[name] for name in ("METROPOLITANA", "LA ARAUCANIA", "O'HIGGINS", "BIOBIO", "UNKNOWN")} == {
        "METROPOLITANA": 716_423, "LA ARAUCANIA": 103_138, "O'HIGGINS": 91_327, "BIOBIO": 84_524, "UNKNOWN": 1,
    }  # fmt: skip
    assert silver.filter(pl.col("nombre_region") == "METROPOLITANA").height == 52


def test_a_calm_night_of_shape_b(built: Work) -> None:
    receipt, silver = month(built, "2026-09")
    assert (receipt["rows"]["read"], silver["clientes_afectados"].sum()) == (135, 5_204)  # type: ignore[index]
    assert silver.filter(pl.col("nombre_comuna") == "Maipú")["clientes_afectados"].to_list() == [1_807]


def test_every_spelling_resolves_but_the_blank_one(built: Work) -> None:
    unresolved = [line for name in MONTHS for line in month(built, name)[0]["counts"]["unresolved_places"]]  # type: ignore[index]
    assert unresolved == [{"region": "", "comuna": "", "filas": 1}]
    assert not any(month(built, name)[0]["counts"]["unresolved_companies"] for name in MONTHS)  # type: ignore[index]


def test_three_hours_are_known_and_all_others_are_not(built: Work) -> None:
    coverage = json.loads((built.folder / "results/gold/coverage.json").read_text())
    assert sum(item["observed"] for item in coverage if item["nombre_region"] == "MAULE") == 3
    series = json.loads((built.folder / "results/gold/time_series.json").read_text())
    assert sorted({item["mes"] for item in series}) == [f"{name}-01" for name in MONTHS]
    with database(None, built.folder / "results/postgres") as conn:
        assert conn.execute("SELECT count(*) FROM cobertura WHERE estado = 'observed'").fetchone() == (3,)
        assert conn.execute("SELECT sum(clientes) FROM cobertura").fetchone() == (21_759 + 1_176_268 + 5_204,)
