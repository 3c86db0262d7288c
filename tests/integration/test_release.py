"""`make release` of real runs: read back as a crate, checked, built twice, refused; synthetic data are marked."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
from outages.columns import TYPES
from outages.files import sha256
from outages.settings import digest, merged, of_figures
from rocrate.model import ComputationalWorkflow, File
from rocrate.rocrate import ROCrate

from .published import replica_run
from .workflow_runs import REPOSITORY, Work, checkout, record

FOLDER, NAME = "results/release", "chile-outages-data-1.2.0"
TABLES = ("golden_interrupciones", "hourly_panel", "hours", "customers")


@pytest.fixture(scope="module")
def built(place: Path) -> Work:
    """A run over recorded answers of both shapes and its release 1.2.0; copy it before spoiling it."""
    config: dict[str, Any] = {
        "months": {"first": "2025-03", "last": "2025-05"},
        "hours": [0, 12],
        "source": {"kind": "recorded", "path": "recorded", "contact": "somebody@example.org"},
    }
    work = Work(place / "built", checkout(place / "code"), config)
    record(work.folder / "recorded", date(2025, 4, 20), date(2025, 5, 3), (0, 3, 12))
    (work.folder / "recorded" / "2025-04-25T12.json").write_text("[]")
    work.must()
    released(work)
    return work


@pytest.fixture
def work(built: Work, place: Path, request: pytest.FixtureRequest) -> Iterator[Work]:
    copy = built.copy(place / request.node.name.translate(str.maketrans("[]", "--")))
    yield copy
    shutil.rmtree(copy.folder)


def command(work: Work, version: str = "1.2.0", *files: Path) -> subprocess.CompletedProcess[str]:
    script = REPOSITORY / "workflow/scripts/release.py"
    return subprocess.run([sys.executable, script, work.folder, version, *files], capture_output=True, text=True)


def released(work: Work, version: str = "1.2.0", *files: Path) -> Path:
    done = command(work, version, *files)
    assert done.returncode == 0, done.stderr
    return work.folder / FOLDER


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in folder.rglob("*") if path.is_file()}


def test_the_crate_read_back_tells_every_file(built: Work) -> None:
    folder = built.folder / FOLDER
    crate = ROCrate(folder)
    files = {entity.id: entity for entity in crate.data_entities}
    held = contents(folder)
    assert set(files) == set(held) - {"ro-crate-metadata.json"}
    for name, entity in files.items():
        assert isinstance(entity, File)
        assert entity["description"] and entity["encodingFormat"] and entity["license"].id.startswith("https://")
        if name != "SHA256SUMS":
            assert (entity["sha256"], entity["contentSize"]) == (held[name], str((folder / name).stat().st_size))
    for name in TABLES:
        schema = pl.read_parquet_schema(folder / f"{name}.parquet")
        variables = files[f"{name}.parquet"]["variableMeasured"]
        assert {one["name"]: one["additionalType"] for one in variables} == {
            column: TYPES[str(kind)] for column, kind in schema.items()
        }
        assert all(one.type == "PropertyValue" and one["description"] for one in variables)
        numbers = {column for column, kind in schema.items() if kind.is_numeric() or kind.is_temporal()}
        assert numbers - {one["name"] for one in variables if "unitText" in one} <= {
            "fecha",
            "fecha_dt",
            "fecha_inicio",
        }
    for name in json.loads((folder / "payloads/_meta.json").read_text())[0]["payloads"]:
        [item, *_] = json.loads((folder / f"payloads/{name}.json").read_text()) or [{}]
        assert set(item) <= {one["name"] for one in files[f"payloads/{name}.json"]["variableMeasured"]}
        assert files[f"payloads/{name}.json"]["conformsTo"] is files[f"schemas/{name}.schema.json"]


def test_the_crate_tells_licences_the_workflow_and_the_run(built: Work) -> None:
    folder = built.folder / FOLDER
    crate, [about] = ROCrate(folder), json.loads((folder / "payloads/_meta.json").read_text())
    root = crate.root_dataset
    assert (root["version"], root["alternateName"]) == ("1.2.0", NAME)
    assert root["temporalCoverage"] == "2025-03-01T03:00:00.000Z/2025-05-03T17:00:00.000Z"
    assert root["datePublished"] == "2025-05-03T17:00:00.000Z"
    assert root["spatialCoverage"]["name"] == "Chile"
    law, mit = root["license"]
    assert "SEC" in law["name"] and mit["identifier"] == "MIT"
    assert crate.get("hours.parquet")["license"] is law and crate.get("LICENSE")["license"] is mit
    workflow = crate.mainEntity
    assert isinstance(workflow, ComputationalWorkflow)
    assert workflow["version"] == about["versions"]["workflow"]
    assert workflow["identifier"] == f"git commit {about['commit'] or 'not known'}"
    assert workflow["programmingLanguage"]["name"] == "Snakemake"
    [run] = root["mentions"]
    assert (run.type, run["instrument"]) == ("CreateAction", workflow)
    *answers, config = run["object"]
    assert config is crate.get("config.yaml")
    assert {one["temporalCoverage"]: one["sha256"] for one in answers} == {
        one["month"]: one["bronze_sha256"] for one in about["months"]
    }
    assert {one.id for one in run["result"]} == {
        *(f"{name}.parquet" for name in TABLES),
        *(f"payloads/{name}.json" for name in [*about["payloads"], "_meta"]),
    }


def test_checksums_verify_and_find_a_changed_file(work: Work) -> None:
    folder = work.folder / FOLDER
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder).returncode == 0
    named = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert named == set(contents(folder)) - {"SHA256SUMS"}
    path = folder / "hours.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    done = subprocess.run(check, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "hours.parquet: FAILED\n")


def test_built_twice_it_has_the_same_bytes(built: Work, work: Work) -> None:
    before = contents(built.folder / FOLDER), sha256(built.folder / f"results/{NAME}.zip")
    shutil.rmtree(work.folder / FOLDER)
    for path in work.folder.rglob("*.parquet"):
        os.utime(path)
    again = contents(released(work)), sha256(work.folder / f"results/{NAME}.zip")
    assert again == before
    assert not list((work.folder / "results").glob(".release*"))


def test_the_archive_holds_the_folder(built: Work) -> None:
    with zipfile.ZipFile(built.folder / f"results/{NAME}.zip") as archive:
        held = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert held == {f"{NAME}/{name}": digest for name, digest in contents(built.folder / FOLDER).items()}


def test_the_files_are_those_of_the_run(built: Work) -> None:
    folder, results = built.folder / FOLDER, built.folder / "results"
    for name, made in (
        ("golden_interrupciones", "gold/golden_interrupciones.parquet"),
        ("customers", "customers.parquet"),
    ):
        assert sha256(folder / f"{name}.parquet") == sha256(results / made)
    for path in (results / "gold").glob("*.json"):
        assert sha256(folder / "payloads" / path.name) == sha256(path)
    assert (folder / "requirements.lock").read_bytes() == (REPOSITORY / "requirements.lock").read_bytes()
    with (folder / "columns.csv").open() as text:
        rows = list(csv.DictReader(text))
    assert {row["file"] for row in rows} >= {f"{name}.parquet" for name in TABLES} | {"payloads/rates.json"}
    assert all(row["type"] and row["null"] for row in rows)


def test_the_panel_and_the_hours_keep_the_three_states(built: Work) -> None:
    folder, silver = built.folder / FOLDER, built.folder / "results/silver"
    panel, hours = (pl.read_parquet(folder / f"{name}.parquet") for name in ("hourly_panel", "hours"))
    assert hours["hora_utc"].is_sorted() and hours["hora_utc"].is_unique().all()
    assert hours["estado"].value_counts(sort=True).rows() == [
        ("unasked", 31 * 24 + 30 * 24 + 31 * 24 - 42),
        ("observed", 41),
        ("gap", 1),
    ]
    assert hours.filter(motivo="not in pattern", estado="observed").height == 14
    assert set(hours["paso_horas"]) == {12}
    assert panel.select("hora_utc", "codigo_comuna").is_unique().all()
    assert panel.equals(panel.sort("hora_utc", "codigo_comuna"))
    observed = hours.filter(estado="observed")
    assert set(panel["hora_utc"]) <= set(observed["hora_utc"])
    assert panel["clientes_afectados"].sum() == observed["clientes"].sum()
    assert set(panel["formato"]) == {"A", "B"}
    assert panel.filter(formato="B")["clientes_fantasma"].null_count() == panel.filter(formato="B").height
    assert panel.filter(formato="A")["clientes_fantasma"].null_count() == 0
    rows = pl.read_parquet(silver / "????-??.parquet")
    ghosts = rows.filter(pl.col("formato") == "A", "fantasma")["clientes_afectados"].sum()
    assert panel["clientes_fantasma"].sum() == ghosts > 0


def test_the_configuration_is_that_of_the_run_without_what_is_private(built: Work) -> None:
    config = yaml.safe_load((built.folder / FOLDER / "config.yaml").read_text())
    [about] = json.loads((built.folder / "results/gold/_meta.json").read_text())
    assert digest(of_figures(config)) == about["config_sha256"]
    assert {"contact", "path", "url"}.isdisjoint(config["source"]) and config["hours"] == [0, 12]
    for path in (built.folder / FOLDER).rglob("*"):
        if path.is_file():
            assert b"somebody@example.org" not in path.read_bytes()
            assert str(built.folder).encode() not in path.read_bytes()


def test_the_readme_tells_coverage_breaks_limits_and_a_query_that_works(
    built: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = built.folder / FOLDER
    text = (folder / "README.md").read_text()
    assert "| 2025-04 | 21 | 1 | 38 | 35.00% | A 21 |" in text
    assert "* 2025-05: the shape of the answers changes from A to B" in text
    assert "These are not the official indices." in text
    assert "Superintendencia de Electricidad y Combustibles (SEC)" in text and "version 1.2.0 [Data set]" in text
    assert "SYNTHETIC" not in text
    query = text.split("```sql\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    rows = duckdb.sql(query).project("customers").fetchall()
    silver = pl.read_parquet(built.folder / "results/silver/????-??.parquet").filter(nombre_region="VALPARAISO")
    assert len(rows) == 41
    assert sum(customers for (customers,) in rows) == silver["clientes_afectados"].sum()


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.0", "1.02.0", "1.2.0-", "1.2.0+build", "1.2.0/../..", "1.2.0\n"])
def test_a_version_that_is_none(built: Work, version: str) -> None:
    before = contents(built.folder / FOLDER)
    done = command(built, version)
    assert (done.returncode, done.stderr.split(":")[1].strip()) == (1, "RELEASE_VERSION")
    assert contents(built.folder / FOLDER) == before


@pytest.mark.parametrize(
    "file",
    [
        "gold/all.done", "gold/rates.json", "gold/_meta.json", "silver/2025-04.parquet", "silver/2025-04.hours.parquet",
        "customers.parquet", "gold/golden_interrupciones.parquet",
    ],
)  # fmt: skip
@pytest.mark.parametrize("act", ["lost", "changed", "damaged"])
def test_a_run_that_did_not_end_well(built: Work, file: str, act: str) -> None:
    before = contents(built.folder / FOLDER)
    path = built.folder / "results" / file
    kept = path.read_bytes()
    try:
        path.unlink()
        if act == "damaged":
            path.write_bytes(kept[: len(kept) // 2])
        elif act == "changed" and path.suffix == ".parquet":
            _again(kept, path)
        elif act == "changed":
            path.write_bytes(kept.replace(b"0", b"1"))
        done = command(built)
    finally:
        path.write_bytes(kept)
    assert (done.returncode, done.stderr.split(":")[1].strip()) == (1, "RELEASE_UNFINISHED"), done.stderr
    assert contents(built.folder / FOLDER) == before


def _again(kept: bytes, path: Path) -> None:
    """The table with one customer more in the first row, as another run might have left it."""
    table = pl.read_parquet(kept)
    number = next(name for name in ("clientes_afectados", "clientes", "filas") if name in table.columns)
    first = pl.int_range(pl.len()) == 0
    table.with_columns(
        pl.when(first).then(pl.col(number).fill_null(0) + 1).otherwise(number).alias(number)
    ).write_parquet(path)


def test_the_configuration_comes_from_files_or_from_the_run_and_must_be_the_run_s(work: Work) -> None:
    before = contents(work.folder / FOLDER)
    (work.folder / "results/config.json").unlink()
    done = command(work)
    assert (done.returncode, done.stderr.split(":")[1].strip()) == (1, "RELEASE_CONFIG")
    settings = work.folder / "config.json"
    assert merged([settings])["hours"] == [0, 12]
    assert contents(released(work, "1.2.0", settings)) == before
    settings.write_text(json.dumps({**work.config, "hours": [12]}))
    assert "RELEASE_CONFIG" in command(work, "1.2.0", settings).stderr
    settings.write_text(json.dumps({"hour": 12}))
    assert "release: CONFIG: " in command(work, "1.2.0", settings).stderr
    assert contents(work.folder / FOLDER) == before


def test_no_release_while_a_run_is_at_work(work: Work) -> None:
    (work.folder / ".snakemake/run.lock").write_text(str(os.getpid()))
    done = command(work)
    assert (done.returncode, "RUN_BUSY" in done.stderr) == (1, True)


def test_synthetic_data_are_marked_everywhere(place: Path) -> None:
    (place / "synthetic").mkdir(mode=0o711)
    with replica_run(place / "synthetic") as work:
        work.must()
    folder = released(work)
    name = f"{NAME}-synthetic"
    assert [path.name for path in (work.folder / "results").glob("*.zip")] == [f"{name}.zip"]
    files = set(contents(folder))
    assert {f"{table}-synthetic.parquet" for table in TABLES} | {
        "SYNTHETIC.md",
        "payloads-synthetic/_meta.json",
    } <= files
    assert all("synthetic" in file.lower() for file in files if file.endswith(".parquet") or "payloads" in file)
    text = (folder / "README.md").read_text()
    assert text.startswith("# SYNTHETIC, NOT REAL: ")
    assert "**SYNTHETIC DATA." in text and "version 1.2.0-synthetic [Data set]" in text
    root = ROCrate(folder).root_dataset
    assert root["version"] == "1.2.0-synthetic" and root["alternateName"] == name
    assert root["name"].startswith("SYNTHETIC, NOT REAL: ") and root["description"].startswith("SYNTHETIC DATA")
    assert "SYNTHETIC" in root["keywords"] and root["creativeWorkStatus"].startswith("SYNTHETIC")
    assert released(work, "1.2.0-synthetic") == folder
    assert [path.name for path in (work.folder / "results").glob("*.zip")] == [f"{name}.zip"]
