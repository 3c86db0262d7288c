"""The workflow as a whole: what is pending, what a failure leaves, what comes out equal."""

import hashlib
import json
import os
import shutil
import signal
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.agreement import assert_agreement, count, count_largest
from outages.errors import OutagesError
from outages.files import sha256
from outages.postgres import Embedded, database
from outages.settings import LAST as SETTINGS

from .planted import PLANTED, SPOILT
from .workflow_runs import DONE, STAGES, Work, checkout, record, when_running

#: The 3 months of the fixture hold both shapes: the demo's world switches on 2025-05-01.
FIRST, LAST = date(2025, 3, 30), date(2025, 5, 3)
CHANGED = "2025-04-11T12.json"


@pytest.fixture(scope="module")
def built(place: Path) -> Work:
    """A finished run over three recorded months; copy it before spoiling it."""
    config: dict[str, Any] = {
        "months": {"first": "2025-03", "last": "2025-05"},
        "hours": [12],
        "source": {"kind": "recorded", "path": "recorded"},
    }
    work = Work(place / "built", checkout(place / "code"), config)
    record(work.folder / "recorded", FIRST, LAST)
    work.must()
    return work


def revise(work: Work) -> Work:
    """The recorder puts another answer in the place of one."""
    path = work.folder / "recorded" / CHANGED
    rows = json.loads(path.read_bytes())
    rows[0]["CLIENTES_AFECTADOS"] += 1000
    path.write_text(json.dumps(rows))
    return work


@pytest.fixture(scope="module")
def revised(built: Work, place: Path) -> Work:
    """An undisturbed run after one recorded file has changed."""
    work = revise(built.copy(place / "undisturbed"))
    work.must()
    return work


def month_jobs(month: str) -> list[str]:
    return [f"Deduplicating {month}", f"Loading {month}", f"Scraping {month}"]


LATE = [
    *("Aggregating payloads", "Drawing the page", "Events of 2025-03 to 2025-05", "Moving the last 30 days"),
    "Publishing",
]


def test_nothing_is_pending_after_a_run(built: Work, place: Path) -> None:
    work = built.copy(place / "idle")
    before = {path: path.stat().st_mtime_ns for path in (work.folder / "results").rglob("*") if path.is_file()}
    assert work.pending() == []
    assert "Nothing to be done" in work.must()
    after = {path: path.stat().st_mtime_ns for path in (work.folder / "results").rglob("*") if path.is_file()}
    assert after == before


def test_touched_files_of_the_checkout_re_run_nothing(built: Work, place: Path) -> None:
    work = built.copy(place / "touched")
    work.code = checkout(place / "touched-code")
    for path in work.code.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path)
    assert work.pending() == []


def test_an_edited_script_re_runs_its_stage_and_what_follows(built: Work, place: Path) -> None:
    work = built.copy(place / "edited")
    work.code = checkout(place / "edited-code")
    for script, stages in (("dedupe.py", 2), ("outages/figures/base.py", 0), ("outages/loading.py", 1)):
        path = work.code / "workflow" / "scripts" / script
        text = path.read_text()
        path.write_text(text + "# edited\n")
        months = ("2025-03", "2025-04", "2025-05")
        jobs = {2: ["Deduplicating", "Loading"], 1: ["Loading"], 0: []}[stages]
        late = LATE if stages else ["Drawing the page", "Publishing"]
        assert work.pending() == sorted([f"{job} {month}" for job in jobs for month in months] + late)
        path.write_text(text)
    assert work.pending() == []


def test_the_database_is_started_for_jobs_that_need_it_alone(built: Work, place: Path) -> None:
    work = built.copy(place / "needed")
    log = work.folder / "results/postgres/server.log"
    told = log.read_text()
    page = work.folder / "results/dashboard/index.html"
    page.unlink()
    work.must("results/dashboard/index.html")
    work.must("--forceall", "--touch", "results/gold/all.done")
    assert log.read_text() == told
    work.must("--forcerun", "window", "results/window.json")
    assert log.read_text().removeprefix(told).count("ready to accept connections") == 1


def test_a_run_that_ends_before_its_first_job_leaves_no_database(built: Work, place: Path) -> None:
    """Where the run notes its settings lies a folder: the run ends while its database starts."""
    work = built.copy(place / "early")
    settings = work.folder / SETTINGS
    settings.unlink()
    (settings / "in the way").mkdir(parents=True)
    assert "IsADirectoryError" in work.must_fail("--forcerun", "window", "results/window.json")
    assert Embedded(work.folder / "results/postgres").cluster.pid() is None


def test_a_changed_recorded_file_makes_its_month_pending(built: Work, revised: Work, place: Path) -> None:
    assert revise(built.copy(place / "changed")).pending() == sorted([*month_jobs("2025-04"), *LATE])
    silver = "results/silver/2025-04.parquet"
    before, after = (pl.read_parquet(work.folder / silver)["clientes_reportados"].sum() for work in (built, revised))
    assert after == before + 1000
    receipt = json.loads((revised.folder / "results/silver/2025-04.json").read_text())
    assert receipt["revisions"] == 1
    assert receipt["rows"]["superseded"] > 0


def test_a_file_that_is_missing_beside_its_receipt_is_named_and_made_again(built: Work, place: Path) -> None:
    work = built.copy(place / "missing")
    missing = "results/silver/2025-04.regions.parquet"
    (work.folder / missing).unlink()
    assert f"aggregate: SILVER_CHANGED: {missing} is missing" in work.must_fail("results/gold/_meta.json", "--force")
    work.must()
    assert work.results() == built.results()


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_failed_job_the_next_run_rebuilds_what_is_stale(
    stage: str, built: Work, revised: Work, place: Path
) -> None:
    work = revise(built.copy(place / f"failed-{stage}"))
    if stage == "customers":
        (work.folder / "results/customers.parquet").unlink()
    process = work.start()
    when_running(work, stage, process, "job")
    told = process.communicate(timeout=120)[0]
    assert process.returncode != 0, told
    held = work.answers()
    work.must()
    assert work.results() == revised.results()
    assert work.pending() == []
    if stage not in ("scrape", "customers"):
        assert work.answers() == held == revised.answers()


@pytest.mark.slow
@pytest.mark.parametrize("act", ["kill", "interrupt"])
@pytest.mark.parametrize("stage", STAGES)
def test_after_a_kill_or_an_interrupt_the_next_plain_run_completes(
    stage: str, act: str, built: Work, revised: Work, place: Path
) -> None:
    work = revise(built.copy(place / f"{act}-{stage}"))
    if stage == "customers":
        (work.folder / "results/customers.parquet").unlink()
    process = work.start()
    when_running(work, stage, process, act)
    process.communicate(timeout=120)
    assert process.returncode != 0
    work.must()
    assert work.results() == revised.results()
    assert work.pending() == []


def test_a_second_run_at_once_says_so_and_stops(built: Work, place: Path) -> None:
    work = built.copy(place / "twice")
    shutil.rmtree(work.folder / "results" / "silver")
    first = work.start()
    when_running(work, "dedupe", first, "stop")
    second = work.must_fail()
    assert f"RUN_BUSY: another run (process {first.pid})" in second
    os.killpg(first.pid, signal.SIGCONT)
    told = first.communicate(timeout=120)[0]
    assert first.returncode == 0, told
    assert work.results() == built.results()


def test_force_leaves_the_store_of_record_whole(built: Work, place: Path) -> None:
    work = built.copy(place / "forced")
    held = work.answers()
    work.must(DONE, "-F")
    assert work.answers() == held
    assert work.results() == built.results()


@pytest.mark.parametrize("cores", ["1", "4"])
def test_the_same_bronze_gives_the_same_bytes(cores: str, built: Work, place: Path) -> None:
    work = built.copy(place / f"again-{cores}")
    for path in (work.folder / "results").iterdir():
        if path.name != "bronze":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    work.must(DONE, "--cores", cores)
    assert work.results() == built.results()


def test_events_agree_row_by_row_in_parquet_and_warehouse(built: Work, place: Path) -> None:
    work = built.copy(place / "rows")
    golden = pl.read_parquet(work.folder / "results/gold/golden_interrupciones.parquet")
    columns = [name for name in golden.columns if name not in ("fecha_dt",)]
    with database(None, work.folder / "results/postgres") as conn:
        rows = conn.execute(
            f"SELECT {', '.join(columns)} "
            "FROM fact_interrupciones f JOIN dim_geografia USING (codigo_comuna) JOIN dim_empresa USING (id_empresa) "
            "ORDER BY inicio, hash_id"
        ).fetchall()
        days = conn.execute("SELECT id_tiempo FROM fact_interrupciones ORDER BY inicio, hash_id").fetchall()
        silver = conn.execute("SELECT count(*), sum(filas), sum(clientes_afectados) FROM observaciones").fetchone()
    assert rows == golden.select(columns).rows()
    assert [day for (day,) in days] == [int(f"{day:%Y%m%d}") for day in golden["fecha_dt"]]
    held = pl.read_parquet(work.folder / "results/silver/*[0-9].parquet")
    assert silver == (held.height, held["filas"].sum(), held["clientes_afectados"].sum())
    assert set(golden["formato"]) == {"A", "B"}


def test_a_warehouse_that_vanished_is_whole_after_publishing_again(built: Work, place: Path) -> None:
    work = built.copy(place / "vanished")
    shutil.rmtree(work.folder / "results/postgres")
    (work.folder / DONE).unlink()
    work.must()
    golden = pl.read_parquet(work.folder / "results/gold/golden_interrupciones.parquet")
    with database(None, work.folder / "results/postgres") as conn:
        assert conn.execute("SELECT count(*) FROM fact_interrupciones").fetchone() == (golden.height,)
        assert conn.execute("SELECT count(DISTINCT mes) FROM observaciones").fetchone() == (3,)
        assert conn.execute("SELECT count(*) FROM dashboard_stats").fetchone() == (19,)


def agree(conn: Any, payloads: dict[str, Any]) -> None:
    """What the stage `aggregate` holds its payloads against."""
    largest = count_largest(conn, payloads["events_top"])
    assert_agreement(payloads, payloads["_meta"][0]["unknown_company"], count(conn), largest)


@pytest.mark.parametrize("payload", PLANTED)
def test_a_figure_that_the_warehouse_tells_differently_is_found(payload: str, built: Work, place: Path) -> None:
    work = built.copy(place / f"differs-{payload}")
    gold = work.folder / "results/gold"
    payloads = {path.stem: json.loads(path.read_text()) for path in gold.glob("*.json")}
    event = pl.read_parquet(gold / "golden_interrupciones.parquet")["hash_id"][0]
    with database(None, work.folder / "results/postgres") as conn:
        agree(conn, payloads)
        conn.execute(PLANTED[payload], [event])
        with pytest.raises(OutagesError, match=f"TOTALS: {payload}, "):
            agree(conn, payloads)


def test_a_planted_figure_of_a_payload_is_found(built: Work) -> None:
    gold = built.folder / "results/gold"
    with database(None, built.folder / "results/postgres") as conn:
        for payload, spoilers in SPOILT.items():
            for spoil in spoilers:
                payloads = {path.stem: json.loads(path.read_text()) for path in gold.glob("*.json")}
                spoil(payloads)
                with pytest.raises(OutagesError, match=f"TOTALS: {payload}, "):
                    agree(conn, payloads)


def test_a_receipt_tells_the_digest_of_every_file_of_its_month(built: Work) -> None:
    """Stages that take the receipt for all of them run again when one is another."""
    results = built.folder / "results"
    ends = {"silver": "parquet", "regions": "regions.parquet", "parts": "parts.parquet", "hours": "hours.parquet"}
    for receipt in (results / "silver").glob("*.json"):
        told = json.loads(receipt.read_text())
        files = {name: receipt.with_suffix(f".{end}") for name, end in ends.items()}
        assert set(files.values()) | {receipt} == set((results / "silver").glob(f"{receipt.stem}.*"))
        files["bronze"] = results / f"bronze/{receipt.stem}.jsonl.zst"
        assert {name: told[f"{name}_sha256"] for name in files} == {name: sha256(file) for name, file in files.items()}


def test_payloads_tell_their_own_digests(built: Work) -> None:
    gold = built.folder / "results" / "gold"
    meta = json.loads((gold / "_meta.json").read_text())[0]
    digests = {name: hashlib.sha256((gold / f"{name}.json").read_bytes()).hexdigest() for name in meta["payloads"]}
    assert digests == meta["payloads"]
    assert json.loads((gold / "all.done").read_text())["sha256"].items() >= digests.items()
    assert meta["projects_sample"] is True  # no table is configured
    assert meta["synthetic"] is False  # recorded files are taken at their word
    assert [month["month"] for month in meta["months"]] == ["2025-03", "2025-04", "2025-05"]
