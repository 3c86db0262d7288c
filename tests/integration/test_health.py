"""`make health` on real working directories, and what a failed run leaves and tells."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from outages.postgres import database

from .webhook import TOKEN, Receiver, listening
from .workflow_runs import Work, checkout, record, when_running

DAYS = (date(2025, 4, 28), date(2025, 4, 30))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def built(place: Path) -> Work:
    """A finished run over one recorded month, which told nobody anything; copy it before spoiling it."""
    config: dict[str, Any] = {
        "months": {"first": "2025-04", "last": "2025-04"},
        "hours": [12],
        "source": {"kind": "recorded", "path": "recorded"},
    }
    work = Work(place / "built", checkout(place / "code"), config)
    record(work.folder / "recorded", *DAYS)
    with listening() as receiver:
        work.environment = {"ALERT_WEBHOOK": receiver.url}
        work.must()
    assert (receiver.told, failures(work)) == ([], [])
    return work


@pytest.fixture
def work(built: Work, place: Path, request: pytest.FixtureRequest) -> Iterator[Work]:
    copy = built.copy(place / request.node.name.translate(str.maketrans("[]", "--")))
    yield copy
    shutil.rmtree(copy.folder)


@dataclass
class Health:
    """What one call of the command came to."""

    code: int
    output: str
    told: dict[str, Any]

    def stale(self) -> list[str]:
        return [name for name, check in self.told["checks"].items() if check["state"] == "stale"]


def health(work: Work, **environment: str) -> Health:
    work.command()  # writes the configuration
    kept = {name: value for name, value in os.environ.items() if name not in ("OUTAGES_NOW", "DATABASE_URL")}
    done = subprocess.run(
        [sys.executable, work.code / "workflow/scripts/health.py", work.folder, work.folder / "config.json"],
        capture_output=True, text=True, env=kept | environment,
    )  # fmt: skip
    written = work.folder / "results/health/health.json"
    return Health(
        done.returncode, done.stdout + done.stderr, json.loads(written.read_text()) if written.exists() else {}
    )


def test_all_is_well_after_a_run(built: Work) -> None:
    found = health(built)
    assert found.code == 0, found.output
    assert {name: check["state"] for name, check in found.told["checks"].items()} == dict.fromkeys(
        ("last_success", "newest_hour", "last_hour_rows", "breaker", "database", "success_rate"), "ok"
    ) | {"archive": "unknown"}
    rate = found.told["checks"]["success_rate"]
    assert rate["value"] == 1
    assert rate["facts"]["stages"]["scrape"] == {"done": 1, "ended": 1, "rate": 1}
    assert rate["facts"]["ended"] == 10  # one job a stage
    assert found.told["checks"]["newest_hour"]["facts"] == {"hour": "2025-04-30T16:00:00.000Z"}
    rows = json.loads((built.folder / "recorded/2025-04-30T12.json").read_text())
    assert found.told["checks"]["last_hour_rows"]["value"] == len(rows)
    assert (found.told["healthy"], found.told["last_failure"]) == (True, None)
    assert [line for line in found.output.splitlines() if not line.startswith("ok ")] == [
        "unknown  archive         nothing has left the last 30 days yet   (limit: sound)"
    ]
    assert not (built.folder / "results/postgres/data/postmaster.pid").exists()  # started for the check, and stopped


def test_a_directory_where_nothing_ever_ran(built: Work, place: Path) -> None:
    work = Work(place / "never", built.code, built.config)
    found = health(work)
    assert (found.code, found.stale()) == (1, ["last_success"])
    states = {name: check["state"] for name, check in found.told["checks"].items()}
    assert states["breaker"] == "ok"
    assert {states[name] for name in ("newest_hour", "last_hour_rows", "database", "archive", "success_rate")} == {
        "unknown"
    }
    assert not (work.folder / "results/postgres").exists()


def test_a_success_too_long_ago(work: Work) -> None:
    done = work.folder / "results/gold/all.done"
    day = time.time() - 25 * 3600
    os.utime(done, (day, day))
    assert health(work).code == 0  # the period is over: nothing is due
    work.config["health"] = {"max_age_hours": 24}
    found = health(work)
    assert (found.code, found.stale()) == (1, ["last_success"])
    assert found.told["checks"]["last_success"]["limit"] == 24
    assert "25.0 h ago   (limit: 24.0 h)" in found.output


def test_an_hour_too_old_for_a_live_configuration(work: Work) -> None:
    work.config["months"] = {**work.config["months"], "live": True}
    # Hour 12 is over at 17 UTC; with one hour a day the next is due 24 hours later.
    work.config["now"] = "2025-04-30T23:30:00-04:00"
    found = health(work)
    assert found.code == 0, found.output
    assert found.told["checks"]["newest_hour"]["value"] == 10.5
    work.config["health"] = {"max_hour_age_hours": 0.5}
    work.config["hours"] = "all"
    found = health(work)
    assert (found.code, found.stale()) == (1, ["newest_hour"])
    assert found.told["checks"]["newest_hour"]["limit"] == 0.5


def test_an_open_breaker(work: Work) -> None:
    until = time.time() + 900
    state = {"state": "open", "failures": 5, "until": until, "reason": "hour 2025-04-30T12 timed out"}
    (work.folder / "answers/breaker.json").write_text(json.dumps(state))
    found = health(work)
    assert (found.code, found.stale()) == (1, ["breaker"])
    assert f"open until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC" in found.output
    assert "timed out" in found.output


def test_a_database_that_is_gone(work: Work) -> None:
    shutil.rmtree(work.folder / "results/postgres")
    found = health(work)
    assert (found.code, found.stale()) == (1, ["database"])
    assert found.told["checks"]["database"]["value"] == "gone"
    assert not (work.folder / "results/postgres").exists()


@pytest.mark.slow
def test_a_database_that_is_gone_comes_back_as_advised(work: Work) -> None:
    shutil.rmtree(work.folder / "results/postgres")
    assert "Remove results/load and run again" in health(work).output
    shutil.rmtree(work.folder / "results/load")
    work.must()
    assert health(work).code == 0


def test_a_month_and_events_that_the_database_lacks(work: Work) -> None:
    receipt = work.folder / "results/silver/2025-04.json"
    told = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**told, "silver_sha256": "0" * 64}))
    found = health(work)
    assert (found.code, found.stale()) == (1, ["database"])
    assert found.told["checks"]["database"]["facts"] == {
        "months_behind": ["2025-04"], "events_behind": False, "lost": [],
    }  # fmt: skip
    receipt.write_text(json.dumps(told))
    with (work.folder / "results/gold/golden_interrupciones.parquet").open("ab") as golden:
        golden.write(b"other")
    found = health(work)
    assert (found.code, found.stale()) == (1, ["database"])
    assert found.told["checks"]["database"]["facts"] == {
        "months_behind": [], "events_behind": True, "lost": [],
    }  # fmt: skip
    (work.folder / ".snakemake/run.lock").write_text(str(os.getpid()))
    found = health(work)
    assert (found.code, found.told["checks"]["database"]["state"]) == (0, "unknown")  # it may be loading right now


def test_a_damaged_archive(work: Work) -> None:
    """A version is archived by a real move, then the file loses bytes."""
    with database(None, work.folder / "results/postgres") as conn:
        conn.execute(
            "UPDATE interrupciones_hot SET huella = md5(huella), clientes_afectados = 3 WHERE estado = 'observed'"
        )
    (work.folder / "results/gold/all.done").unlink()
    work.must()
    found = health(work)
    assert (found.code, found.told["checks"]["archive"]["state"]) == (0, "ok"), found.output
    (file,) = (work.folder / "results/cold").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    found = health(work)
    assert (found.code, found.stale()) == (1, ["archive"])
    assert list(found.told["checks"]["archive"]["facts"]["wrong"]) == [file.name]
    assert "Restore it from a backup" in found.output


def test_another_target_gets_everything(work: Work, empty_url: str) -> None:
    """Naming a project after a build to the warehouse moves and publishes, and no password is kept anywhere."""
    assert work.pending() == []
    work.environment = {"SUPABASE_URL": "https://project.supabase.co", "SUPABASE_KEY": TOKEN}
    there = " to supabase project.supabase.co"
    assert work.pending() == [f"Moving the last 30 days{there}", f"Publishing{there}"]
    assert_secret_kept(work)
    work.environment = {"DATABASE_URL": empty_url.replace("://outages@", f"://outages:{TOKEN}@")}
    assert TOKEN in work.environment["DATABASE_URL"]
    work.must()
    assert work.pending() == []
    assert_secret_kept(work)
    found = health(work, **work.environment)
    assert found.code == 0, found.output


def test_a_database_out_of_reach_or_empty(work: Work, empty_url: str) -> None:
    found = health(work, DATABASE_URL=f"postgresql://somebody:{TOKEN}@127.0.0.1:1/nothing")
    assert (found.code, found.stale()) == (1, ["database"])
    assert found.told["checks"]["database"]["facts"] == {"code": "DATABASE_UNREACHABLE"}
    assert TOKEN not in found.output + json.dumps(found.told)
    found = health(work, DATABASE_URL=empty_url)
    assert (found.code, found.told["checks"]["database"]["value"]) == (1, "empty")


def test_too_many_jobs_failed(work: Work) -> None:
    with (work.folder / "results/logs/history.jsonl").open("a") as history:
        line = json.loads((work.folder / "results/logs/history.jsonl").read_text().splitlines()[0])
        now = datetime.now(UTC).isoformat()
        for _ in range(2):
            history.write(json.dumps({**line, "timestamp": now, "stage": "load", "outcome": "failed"}) + "\n")
    found = health(work)
    assert (found.code, found.stale()) == (1, ["success_rate"])
    assert found.told["checks"]["success_rate"]["value"] == 0.3333
    assert "10 of 12 jobs in 7 days; least load, 1 of 3" in found.output


def test_a_configuration_that_is_none(work: Work) -> None:
    work.config["health"] = {"max_age": 3}
    found = health(work)
    assert found.code == 1
    assert "health: CONFIG" in found.output
    assert "max_age" in found.output


def failures(work: Work) -> list[dict[str, Any]]:
    path = work.folder / "results/health/failures.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def assert_secret_kept(work: Work) -> None:
    assert TOKEN not in work.output
    files = [path for path in work.folder.rglob("*") if path.is_file() and "postgres" not in path.parts]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_a_failing_run_leaves_one_record_and_tells_it(work: Work, receiver: Receiver) -> None:
    work.environment = {"ALERT_WEBHOOK": receiver.url}
    answer = work.folder / "recorded/2025-04-29T12.json"
    answer.write_text("[1, 2]")
    work.must_fail()
    (path, told), (left,) = receiver.told[0], failures(work)
    assert len(receiver.told) == 1
    assert path == f"/hook/{TOKEN}?key={TOKEN}"
    assert left == {**told, "alert": {"posted": True, "code": None, "message": None}}
    assert (told["outcome"], told["directory"]) == ("failed", str(work.folder))
    assert "failed (scrape 2025-04)" in told["text"]
    (job,) = told["jobs"]
    assert (job["stage"], job["month"], job["outcome"], job["code"]) == ("scrape", "2025-04", "failed", "DRIFT_ROW")
    assert "2025-04-29T12" in job["message"]
    assert (work.folder / job["log"]).exists()
    assert (work.folder / told["log"]).exists()
    assert_secret_kept(work)
    found = health(work)
    assert (found.code, found.told["last_failure"]) == (0, left)  # one of two scrapes: half is enough
    assert "The last run: chile-outages" in found.output


def test_a_killed_job_is_recorded_and_a_deaf_webhook_told_of(work: Work, receiver: Receiver) -> None:
    work.environment = {"ALERT_WEBHOOK": receiver.url}
    receiver.status = 500
    shutil.rmtree(work.folder / "results/silver")
    process = work.start()
    when_running(work, "dedupe", process, "job")
    work.output = process.communicate(timeout=120)[0]
    (left,) = failures(work)
    assert [(job["stage"], job["month"], job["code"]) for job in left["jobs"]] == [("dedupe", "2025-04", "JOB_DIED")], (
        work.output
    )
    assert "ALERT_FAILED: The webhook of ALERT_WEBHOOK was not told: it answered 500" in work.output
    assert "Error in rule dedupe" in work.output
    assert left["alert"]["code"] == "ALERT_FAILED"
    assert len(receiver.told) == 1
    assert_secret_kept(work)
    rate = health(work).told["checks"]["success_rate"]
    assert rate["facts"]["stages"]["dedupe"] == {"done": 1, "ended": 2, "rate": 0.5}


def test_an_interrupted_run_says_so(work: Work, receiver: Receiver) -> None:
    work.environment = {"ALERT_WEBHOOK": receiver.url}
    shutil.rmtree(work.folder / "results/silver")
    process = work.start()
    when_running(work, "dedupe", process, "interrupt")
    told = process.communicate(timeout=120)[0]
    (left,) = failures(work)
    assert left["outcome"] == "interrupted", told
    assert {job["code"] for job in left["jobs"]} <= {"INTERRUPTED"}
    assert [record["outcome"] for _, record in receiver.told] == ["interrupted"]
    assert health(work).told["checks"]["success_rate"]["value"] == 1
