"""How a job ends: its code and sentence on stderr and in the log, or a traceback; a full disk is said."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from outages.errors import OutagesError
from outages.reporting import run


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    """No test after these writes into their logs."""
    yield
    structlog.reset_defaults()


class Named(dict[str, Any]):
    """Inputs, outputs or params of a job, by name."""


def job(folder: Path, month: str | None = "2025-06", log: str = "job.log", **params: Any) -> SimpleNamespace:
    wildcards = {"month": month} if month else {}
    return SimpleNamespace(
        input=Named(one="in.txt", many=["a", "b"]), output=Named(out="out.txt"), params=Named(params), rule="stage",
        wildcards=wildcards, log=[str(folder / log)],
    )  # fmt: skip


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "job.log").read_text().splitlines()]


def test_names_become_arguments_and_stamps_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: dict[str, Any] = {}
    run(lambda **arguments: told.update(arguments), job(tmp_path, code="x", stamp="y", rate=2), now="z")
    assert told == {
        "one": Path("in.txt"), "many": [Path("a"), Path("b")], "out": Path("out.txt"), "rate": 2, "now": "z",
    }  # fmt: skip
    assert [(line["event"], line["stage"], line["month"]) for line in lines(tmp_path)] == [("done", "stage", "2025-06")]
    assert "stage 2025-06 done in" in capsys.readouterr().err


def test_a_coded_error_ends_the_job_with_its_sentence(tmp_path: Path) -> None:
    def fail(**_: Any) -> None:
        raise OutagesError("HOURS_FAILED", "2 hours failed", hours=["a"], month="other", event="other")

    with pytest.raises(SystemExit, match="stage 2025-06: HOURS_FAILED: 2 hours failed"):
        run(fail, job(tmp_path))
    line = lines(tmp_path)[-1]
    assert (line["code"], line["message"], line["hours"], line["month"]) == (
        "HOURS_FAILED", "2 hours failed", ["a"], "2025-06",
    )  # fmt: skip


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said(tmp_path: Path, number: int) -> None:
    def fail(**_: Any) -> None:
        raise OSError(number, "No room", "results/x")

    with pytest.raises(SystemExit, match="stage: DISK_FULL: results/x: No room; make space and run again"):
        run(fail, job(tmp_path, None))
    assert lines(tmp_path)[-1]["code"] == "DISK_FULL"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_the_full_disk_hides_no_error(tmp_path: Path) -> None:
    (tmp_path / "full.log").symlink_to("/dev/full")

    def fail(**_: Any) -> None:
        raise OutagesError("STORE_WRITE", "no room")

    with pytest.raises(SystemExit, match="STORE_WRITE: no room"):
        run(fail, job(tmp_path, log="full.log"))


def test_any_other_error_crashes_with_a_traceback_in_the_log(tmp_path: Path) -> None:
    def fail(**_: Any) -> None:
        secret = "do not tell"
        raise PermissionError(errno.EACCES, "no entry", secret[:0])

    with pytest.raises(PermissionError):
        run(fail, job(tmp_path))
    line = lines(tmp_path)[-1]
    assert (line["event"], line["code"]) == ("crashed", "UNEXPECTED")
    assert "PermissionError" in json.dumps(line)
    assert "do not tell" not in json.dumps(line)
