"""A database that vanished or is behind: found by `make health` and by the next job that reads it, and loaded again
from silver. The replica that the answers came from is stopped, so that any request would fail the run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outages.postgres import Embedded, database
from outages.warehouse import table_digests

from replica.process import replica_process

from .workflow_runs import DONE, Work, checkout

MANNERS = {"contact": "tests", "rate": 0, "concurrency": 8, "timeout": 20, "attempts": 1, "wait": 0.01, "wait_max": 0.1}
NOW = "2025-06-10T12:00:00Z"


@pytest.fixture(scope="module")
def built(place: Path) -> Work:
    """Two months asked of a replica, which is gone now; copy it before spoiling it."""
    with replica_process(place / "replica.log", world="demo", now=NOW) as replica:
        config: dict[str, Any] = {
            "now": NOW,
            "months": {"first": "2025-04", "last": "2025-05"},
            "hours": [12],
            "source": {"kind": "replica", "url": replica.url, **MANNERS},
        }
        work = Work(place / "built", checkout(place / "code"), config)
        work.must()
    return work


@pytest.fixture(scope="module")
def whole(built: Work) -> dict[str, str]:
    """Digests of the database that was built."""
    return digests(built)


@pytest.fixture
def work(built: Work, place: Path, request: pytest.FixtureRequest) -> Iterator[Work]:
    copy = built.copy(place / request.node.name.translate(str.maketrans("[]", "--")))
    yield copy
    shutil.rmtree(copy.folder)


def digests(work: Work) -> dict[str, str]:
    with database(work.environment.get("DATABASE_URL"), work.folder / "results/postgres") as conn:
        return table_digests(conn)


def health(work: Work) -> dict[str, Any]:
    """What `make health` tells of the database."""
    work.command()  # writes the configuration
    kept = {name: value for name, value in os.environ.items() if name not in ("OUTAGES_NOW", "DATABASE_URL")}
    command = [sys.executable, work.code / "workflow/scripts/health.py", work.folder, work.folder / "config.json"]
    subprocess.run(command, env=kept | work.environment, capture_output=True)
    found: dict[str, Any] = json.loads((work.folder / "results/health/health.json").read_text())["checks"]["database"]
    return found


#: What is done to the database, what health then tells, and the job that reads it next.
BEHIND = {
    "an older month": (
        "UPDATE cargas SET silver_sha256 = repeat('0', 64) WHERE mes = 202504; TRUNCATE observaciones_202504",
        {"months_behind": ["2025-04"], "events_behind": False, "lost": []},
        "results/gold/golden_interrupciones.parquet",
    ),
    "months missing": (
        "TRUNCATE cargas, cobertura, observaciones",
        {"months_behind": ["2025-04", "2025-05"], "events_behind": False, "lost": []},
        "results/gold/market_map.json",
    ),
    "other events": (
        "UPDATE cargas_eventos SET golden_sha256 = repeat('0', 64); TRUNCATE fact_interrupciones",
        {"months_behind": [], "events_behind": True, "lost": []},
        "results/gold/all.done",
    ),
    "no events": (
        "TRUNCATE cargas_eventos, fact_interrupciones, dashboard_stats",
        {"months_behind": [], "events_behind": True, "lost": ["dashboard_stats"]},
        "results/gold/coverage.json",
    ),
    "rows lost that are noted as loaded": (
        "DELETE FROM observaciones WHERE mes = 202504; DELETE FROM fact_interrupciones WHERE id_tiempo > 20250510; "
        "DELETE FROM cobertura WHERE hora_utc = (SELECT max(hora_utc) FROM cobertura)",
        {"months_behind": ["2025-04", "2025-05"], "events_behind": True, "lost": []},
        "results/gold/coverage.json",
    ),
    "published rows lost": (
        "TRUNCATE interrupciones_hot; DELETE FROM dashboard_stats WHERE id = 'coverage'",
        {"months_behind": [], "events_behind": False, "lost": ["dashboard_stats", "interrupciones_hot"]},
        "results/gold/all.done",
    ),
}


@pytest.mark.parametrize("case", BEHIND)
def test_a_database_that_is_behind(case: str, work: Work, whole: dict[str, str]) -> None:
    spoil, told, read_next = BEHIND[case]
    with database(None, work.folder / "results/postgres") as conn:
        conn.execute(spoil.encode())
    found = health(work)
    assert (found["state"], found["value"], found["facts"]) == ("stale", "behind", told)
    answers, results = work.answers(), work.results()
    (work.folder / read_next).unlink()
    work.must()
    assert not told["months_behind"] or "loaded again from silver" in work.output
    assert digests(work) == whole
    assert (work.answers(), work.results()) == (answers, results)
    assert health(work)["state"] == "ok"


def test_rows_of_the_window_that_somebody_changed(work: Work, whole: dict[str, str]) -> None:
    with database(None, work.folder / "results/postgres") as conn:
        conn.execute(
            "UPDATE interrupciones_hot SET huella = md5(huella), clientes_afectados = 3 WHERE estado = 'observed'"
        )
    (work.folder / DONE).unlink()
    work.must()
    assert digests(work) == whole


def test_a_database_that_was_removed(work: Work, whole: dict[str, str]) -> None:
    shutil.rmtree(work.folder / "results/postgres")
    assert health(work)["value"] == "gone"
    answers = work.answers()
    (work.folder / DONE).unlink()
    work.must()
    assert "loaded again from silver" in work.output
    assert (digests(work), work.answers()) == (whole, answers)
    assert health(work)["state"] == "ok"


def test_another_database_that_is_not_there_and_one_that_is_empty(
    work: Work, whole: dict[str, str], embedded: Embedded, empty_url: str
) -> None:
    work.environment = {"DATABASE_URL": embedded.url.replace("@/outages?", "@/dropped?")}
    found = health(work)
    assert (found["state"], found["facts"]) == ("stale", {"code": "DATABASE_UNREACHABLE"})
    (work.folder / DONE).unlink()
    assert "DATABASE_UNREACHABLE" in work.must_fail()
    work.environment = {"DATABASE_URL": empty_url}
    found = health(work)
    assert (found["state"], found["value"]) == ("stale", "empty")
    work.must()
    assert digests(work) == whole
    assert health(work)["state"] == "ok"


def test_the_replica_is_really_gone(work: Work) -> None:
    """What has to be asked fails: the months above cost no request."""
    work.config["months"] = {"first": "2025-03", "last": "2025-05"}
    assert "scrape 2025-03: " in work.must_fail("results/bronze/2025-03.jsonl.zst")
