"""A job that an executor sent to a node: it never starts or joins the embedded database."""

from datetime import date
from pathlib import Path

import pytest
from outages.errors import OutagesError
from outages.postgres import REMOTE, database

from .workflow_runs import Work, checkout, record

LOADED = "results/load/2025-04.json"


def test_a_job_on_a_node_is_refused_the_embedded_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REMOTE, "1")
    with pytest.raises(OutagesError, match="set DATABASE_URL") as refused, database(None, tmp_path / "postgres"):
        pass
    assert refused.value.code == "PG_REMOTE"
    assert not (tmp_path / "postgres").exists()


def test_a_job_on_a_node_may_use_any_other(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REMOTE, "1")
    with database(warehouse_url, tmp_path) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_snakemake_on_a_node_tells_its_jobs(place: Path, warehouse_url: str) -> None:
    """The command that an executor gives to a node, run here: `--mode remote`."""
    config = {
        "months": {"first": "2025-04", "last": "2025-04"},
        "hours": [12],
        "source": {"kind": "recorded", "path": "recorded"},
    }
    work = Work(place / "work", checkout(place / "code"), config)
    record(work.folder / "recorded", date(2025, 4, 1), date(2025, 4, 2))
    work.must("results/silver/2025-04.json")
    told = work.must_fail(LOADED, "--mode", "remote", "--no-hooks")
    assert "load 2025-04: PG_REMOTE: " in told
    assert not (work.folder / "results/postgres").exists() or not any((work.folder / "results/postgres").glob("data*"))
    work.environment = {"DATABASE_URL": warehouse_url}
    work.must(LOADED, "--mode", "remote", "--no-hooks")
    # On one machine inside an allocation, all jobs are of that machine.
    work.environment = {"SLURM_JOB_ID": "7"}
    (work.folder / LOADED).unlink()
    work.must(LOADED)
