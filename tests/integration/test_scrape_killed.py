"""Scrapes that are killed, run out of disk, or are two at once."""

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from outages.store import read_lines

from .scrapes import DAY, Scrapes, contents, refused


def same_as_undisturbed(scrapes: Scrapes, tmp_path: Path) -> None:
    undisturbed = Scrapes(
        tmp_path / "undisturbed", scrapes.replica, scrapes.month, scrapes.through, http={"concurrency": 4}
    )
    assert contents(list(read_lines(scrapes.bronze))) == contents(undisturbed())


def kill_and_rerun(scrapes: Scrapes, tmp_path: Path, kills: int, longest: float) -> None:
    """Kill a scrape at random moments, each rerun asking no hour that was recorded; then let one end."""
    moments = random.Random(7)
    for _ in range(kills):
        recorded = {(one.fecha, one.hora) for one in scrapes.kept()}
        process = scrapes.start()
        begun = len(scrapes.replica.requests())
        deadline = time.monotonic() + 60
        while len(scrapes.replica.requests()) == begun and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, longest))
        process.kill()
        process.communicate()
        assert recorded.isdisjoint(scrapes.asked())
    recorded = {(one.fecha, one.hora) for one in scrapes.kept()}
    scrapes()
    assert recorded.isdisjoint(scrapes.asked())
    same_as_undisturbed(scrapes, tmp_path)


def test_a_scrape_that_is_killed_loses_only_what_was_under_way(scrapes: Scrapes, tmp_path: Path) -> None:
    scrapes.through, scrapes.http = "2025-06-04T04:00:00Z", {"rate": 40, "concurrency": 4}
    kill_and_rerun(scrapes, tmp_path, 3, 0.9)


@pytest.mark.slow
def test_twenty_kills_in_a_month(scrapes: Scrapes, tmp_path: Path) -> None:
    scrapes.through, scrapes.http = "2025-07-01T04:00:00Z", {"rate": 60, "concurrency": 4}
    kill_and_rerun(scrapes, tmp_path, 20, 0.9)


def test_two_scrapes_at_once(scrapes: Scrapes, play: Callable[..., None], tmp_path: Path) -> None:
    play("latency", ms=60)
    process = scrapes.start()
    try:
        deadline = time.monotonic() + 60
        while not scrapes.requests() and time.monotonic() < deadline:
            time.sleep(0.01)
        second = Scrapes(scrapes.folder, scrapes.replica, http={"attempts": 1})
        assert "two scrapes of one month" in refused(second, "STORE_BUSY").message
        second.month = "2025-05"
        assert "another run is asking" in refused(second, "SOURCE_BUSY").message
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert len(list(read_lines(scrapes.bronze))) == 24
    same_as_undisturbed(scrapes, tmp_path)


def test_a_torn_last_frame_is_said_and_its_hours_are_asked_again(
    scrapes: Scrapes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    scrapes.through = "2025-06-01T09:00:00Z"
    scrapes()
    scrapes.through = "2025-06-02T04:00:00Z"
    scrapes()
    scrapes.requests()
    path = scrapes.answers / "2025-06.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-3])
    scrapes()
    assert scrapes.asked() == DAY[5:]
    assert "a torn last frame of" in capsys.readouterr().err
    same_as_undisturbed(scrapes, tmp_path)


def test_a_torn_frame_of_the_month_before_keeps_nobody_from_scraping(scrapes: Scrapes) -> None:
    scrapes.month, scrapes.through, scrapes.hours = "2025-05", "2025-06-01T04:00:00Z", [23]
    scrapes()
    path = scrapes.answers / "2025-05.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-3])
    scrapes.month, scrapes.through = "2025-06", "2025-06-02T04:00:00Z"
    assert len(scrapes()) == 1


def test_a_full_disk_says_so_and_the_scrape_goes_on_once_there_is_room(scrapes: Scrapes, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        scrapes.store = disk / "answers"
        scrapes.through = "2025-06-01T09:00:00Z"
        before = contents(scrapes())
        scrapes.bronze.unlink()
        scrapes.through = "2025-06-02T04:00:00Z"
        room = subprocess.run(["dd", "if=/dev/zero", f"of={disk}/ballast", "bs=4096"], capture_output=True)
        assert room.returncode == 1
        error = refused(scrapes, "STORE_WRITE")
        assert "No space left on device" in error.message
        assert contents(scrapes.kept()) == before
        (disk / "ballast").unlink()
        assert len(scrapes()) == 24
        same_as_undisturbed(scrapes, tmp_path)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
