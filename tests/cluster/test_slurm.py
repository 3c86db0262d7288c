"""The workflow on a real Slurm with an external PostgreSQL: the same bytes as on one machine, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from outages.postgres import database
from outages.warehouse import table_digests

from tests.integration.workflow_runs import DONE, Work, checkout, record

from .conftest import PASSWORD

pytestmark = pytest.mark.cluster
#: The two cores of a small machine, and less memory than the profile asks for.
PROFILE = ("--profile", "workflow/profiles/slurm", "--default-resources", "mem_mb=400", "runtime=10")
CONFIG: dict[str, Any] = {
    "months": {"first": "2025-03", "last": "2025-05"},
    "hours": [12],
    "source": {"kind": "recorded", "path": "recorded"},
}


@pytest.fixture(scope="module")
def code(place: Path) -> Path:
    return checkout(place / "code")


def working(folder: Path, code: Path, **environment: str) -> Work:
    """A working directory with recorded answers of both shapes."""
    record(folder / "recorded", date(2025, 3, 30), date(2025, 5, 3))
    return Work(folder, code, dict(CONFIG), environment=environment)


@pytest.fixture(scope="module")
def whole(cluster: None, database_url: str, place: Path, code: Path) -> Iterator[Work]:
    """A finished run on the cluster."""
    work = working(place / "whole", code, DATABASE_URL=database_url)
    work.must(DONE, *PROFILE)
    yield work


def test_a_run_on_slurm_leaves_the_bytes_of_a_local_one(whole: Work, place: Path, code: Path) -> None:
    local = working(place / "local", code)
    local.must()
    assert json.loads((whole.folder / DONE).read_text())["target"] == "warehouse"
    assert whole.results() == local.results()
    assert len(whole.results()) > 30
    page = "results/dashboard/index.html"
    assert (whole.folder / page).read_bytes() == (local.folder / page).read_bytes()
    with database(whole.environment["DATABASE_URL"], Path()) as conn:
        there = table_digests(conn)
    with database(None, local.folder / "results/postgres") as conn:
        assert there == table_digests(conn)
    assert not (whole.folder / "results/postgres/data").exists()


def test_months_go_together_and_what_asks_or_publishes_stays(whole: Work) -> None:
    history = [json.loads(line) for line in (whole.folder / "results/logs/history.jsonl").read_text().splitlines()]
    assert {line["outcome"] for line in history} == {"done"}
    assert len({line["run"] for line in history}) == 1
    assert sorted(line["month"] for line in history if line["stage"] == "load") == ["2025-03", "2025-04", "2025-05"]
    submitted = [line for line in whole.output.splitlines() if "has been submitted with SLURM jobid" in line]
    assert len(submitted) == 3, whole.output  # the months, events, aggregate


def test_it_then_has_nothing_to_do_on_either_side(whole: Work) -> None:
    assert "Nothing to be done" in whole.must(DONE, *PROFILE)
    assert whole.pending() == []


def test_no_password_is_left_in_the_working_directory(whole: Work) -> None:
    assert PASSWORD not in whole.output
    found = [path for path in whole.folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert found == []


def test_without_an_external_database_nodes_refuse(whole: Work, place: Path, code: Path) -> None:
    work = working(place / "embedded", code)
    work.must_fail(DONE, *PROFILE)
    assert not (work.folder / "results/postgres/data").exists()
    record_of_failure = json.loads((work.folder / "results/health/failures.jsonl").read_text())
    refused = [job for job in record_of_failure["jobs"] if job["code"] == "PG_REMOTE"]
    assert refused and all(job["stage"] == "load" and "set DATABASE_URL" in job["message"] for job in refused)
    # The others of the same Slurm job ended with it.
    assert {job["code"] for job in record_of_failure["jobs"]} <= {"PG_REMOTE", "JOB_DIED"}
    # With it the run goes on where it stopped, on this machine too.
    work.must()
    assert work.results() == whole.results()
    assert (work.folder / "results/postgres/data").exists()
