"""The history of jobs, and what is told of a failed run: each end has its line, and no address of a webhook."""

import errno
import json
import multiprocessing
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from outages import alert, history, reporting
from outages.errors import OutagesError
from outages.lifecycle import Run, at_work

TOKEN = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which a run is under way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(history.RUN, "one")
    monkeypatch.setattr(reporting, "_counts", {})
    return tmp_path


def told() -> list[dict[str, Any]]:
    return list(history.lines(history.PATH))


def _append(path: Path, stage: str) -> None:
    for number in range(200):
        history.append({"timestamp": "t", "stage": stage, "month": "x" * 300, "outcome": str(number)}, path)


def test_lines_of_jobs_at_once_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "history.jsonl"
    jobs = [multiprocessing.get_context("fork").Process(target=_append, args=(path, f"s{n}")) for n in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    found = list(history.lines(path))
    assert len(found) == len(path.read_text().splitlines()) == 800
    for number in range(4):
        assert [line["outcome"] for line in found if line["stage"] == f"s{number}"] == [str(n) for n in range(200)]


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    whole = {"timestamp": "t", "stage": "load", "month": None, "outcome": "done"}
    path.write_text("\n".join([json.dumps(whole), json.dumps(whole)[:40], "[1]", '{"stage": 1}', json.dumps(whole)]))
    assert list(history.lines(path)) == [whole, whole]
    assert list(history.lines(tmp_path / "none")) == []


def job(month: str | None = "2025-06") -> SimpleNamespace:
    wildcards = {"month": month} if month else {}
    return SimpleNamespace(input={}, output={}, params={}, rule="stage", wildcards=wildcards, log=["job.log"])


def test_each_end_of_a_job_leaves_a_line(run_here: Path) -> None:
    def fail(error: BaseException) -> None:
        raise error

    reporting.run(lambda: reporting.count(requests=2), job())
    for error, raised in (
        (OutagesError("HOURS_FAILED", "no " * 400), SystemExit),
        (OSError(errno.ENOSPC, "full", "x"), SystemExit),
        (RuntimeError(TOKEN), RuntimeError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ):
        with pytest.raises(raised):
            reporting.run(fail, job(None), error=error)
    assert [(line["outcome"], line["code"], line["month"]) for line in told()] == [
        ("done", None, "2025-06"),
        ("failed", "HOURS_FAILED", None),
        ("failed", "DISK_FULL", None),
        ("failed", "UNEXPECTED", None),
        ("interrupted", "INTERRUPTED", None),
    ]
    assert {line["run"] for line in told()} == {"one"}
    assert told()[0]["counts"] == {"requests": 2}
    assert len(told()[1]["message"]) == 500
    assert TOKEN not in history.PATH.read_text()  # of an error without a code, its kind only


def test_a_job_outside_of_a_run_leaves_none(run_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(history.RUN)
    reporting.run(lambda: None, job())
    assert told() == []


def test_a_history_that_cannot_be_written_fails_no_job(run_here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.PATH.mkdir(parents=True)
    reporting.run(lambda: None, job())
    assert "HISTORY_WRITE: results/logs/history.jsonl lacks this job: Is a directory" in capsys.readouterr().err
    assert '"code": "HISTORY_WRITE"' in Path("job.log").read_text()


# Failed runs


def test_a_record_takes_the_lines_of_its_own_run(run_here: Path) -> None:
    for stage, outcome, run in (("scrape", "done", "one"), ("load", "failed", "zero"), ("dedupe", "failed", "one")):
        history.append(history.line_of(stage, "2025-04", outcome, "CODE", "Why.") | {"run": run}, history.PATH)
    found = alert.record("one", [("dedupe", "2025-04"), ("plot", None)], False, "x.log")
    assert [(job["stage"], job["code"], job["log"]) for job in found["jobs"]] == [
        ("dedupe", "CODE", "results/logs/dedupe/2025-04.log"),
        ("plot", "JOB_DIED", "results/logs/plot/plot.log"),
    ]
    assert found["text"] == f"chile-outages: a run in {run_here} failed (dedupe 2025-04, plot)"
    assert (told()[-1]["stage"], told()[-1]["outcome"]) == ("plot", "failed")


def test_a_run_that_failed_before_its_interrupt_has_failed(run_here: Path) -> None:
    history.append(history.line_of("load", None, "failed", "CODE", "Why."), history.PATH)
    assert alert.record("one", [("plot", None)], True, None)["outcome"] == "failed"
    assert alert.record("two", [("plot", None)], True, None)["outcome"] == "interrupted"


@pytest.fixture
def refusing() -> Iterator[str]:
    """A port where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/{TOKEN}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"file:///tmp/{TOKEN}", "the address is no http:// or https:// URL"),
        (f"hooks.example/{TOKEN}", "the address is no http:// or https:// URL"),
        (f"http://127.0.0.1:{TOKEN}/", "InvalidURL"),
        (f"http://127.0.0.1:80/{TOKEN} {TOKEN}", "InvalidURL"),
        (f"http://[{TOKEN}/", "the address is no http:// or https:// URL"),
        (None, "Connection refused"),
    ],
)
def test_a_webhook_out_of_reach_is_told_without_its_address(url: str | None, reason: str, refusing: str) -> None:
    with pytest.raises(OutagesError) as caught:
        alert.post(url or refusing, {})
    assert str(caught.value) == f"ALERT_FAILED: The webhook of ALERT_WEBHOOK was not told: {reason}"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("status", "reason"), [(302, "it answered 302"), (500, "it answered 500"), (0, "no answer within 1 s")]
)
def test_a_webhook_that_does_not_take_it(
    status: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert, "SECONDS", 1)
    asked, over = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.command)
            if not status:
                over.wait(10)
                return
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = tmp_path / "failures.jsonl"
        problem = alert.report({"text": "x"}, f"http://127.0.0.1:{server.server_address[1]}/{TOKEN}", path)
        over.set()
        server.shutdown()
    assert asked == ["POST"]
    assert problem is not None and reason in problem.message
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["alert"] == {"posted": False, "code": "ALERT_FAILED", "message": problem.message}
    assert TOKEN not in line


def test_a_record_that_cannot_be_written_is_said(run_here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alert.PATH.mkdir(parents=True)
    Run("results/postgres", "run.lock").end(failed=True)
    assert "HISTORY_WRITE: The record of this failure was not written" in capsys.readouterr().err


def test_who_is_at_work(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    assert at_work(lock) is None
    lock.write_text("")
    assert at_work(lock) is None
    lock.write_text(str(os.getpid()))
    assert at_work(lock) == os.getpid()
    dead = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(dead, 0)
    lock.write_text(str(dead))
    assert at_work(lock) is None
