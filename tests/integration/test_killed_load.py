"""The load killed by force at random moments, and run again: the tables are those of an undisturbed load."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from load import load
from outages import loading
from outages.event_loading import replace_events
from outages.loading import load_month
from outages.postgres import database
from outages.warehouse import table_digests

from .small_files import write_golden, write_month

SCRIPTS = Path(loading.__file__).parents[1]
MONTHS = ("2024-12", "2025-01", "2025-02", "2025-03")
SEED = 20250225
MOMENTS = [random.Random(SEED + n).random() for n in range(10)]

#: Loads the months as the stage does, then the events. Before and after each statement, and before each piece of a
#: COPY, is a moment: at the one asked for the process kills itself with SIGKILL. Without one it tells how many it saw.
CHILD = """
import os, sys
from pathlib import Path
import psycopg
from load import load
from outages import loading
from outages.event_loading import replace_events
from outages.postgres import database

url, folder, moment, *months = sys.argv[1:]
folder, moment, seen = Path(folder), int(moment), 0

def passed():
    global seen
    if seen == moment:
        os.kill(os.getpid(), 9)
    seen += 1

def watched(real):
    def call(*args, **more):
        passed()
        result = real(*args, **more)
        passed()
        return result
    return call

real_chunks = loading._chunks
def chunks(rows):
    for part in real_chunks(rows):
        passed()
        yield part

loading._chunks, loading.CHUNK_ROWS = chunks, 50
psycopg.Connection.execute = watched(psycopg.Connection.execute)
psycopg.Transaction.__enter__ = watched(psycopg.Transaction.__enter__)
psycopg.Transaction.__exit__ = watched(psycopg.Transaction.__exit__)
for month in months:
    files = [folder / f"{month}{end}" for end in (".parquet", ".hours.parquet", ".json")]
    load(*files, folder / f"loaded-{month}.json", month, "", url)
with database(url, Path()) as conn:
    replace_events(conn, folder / "golden.parquet")
print(seen)
"""


def child(url: str, folder: Path, moment: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, url, str(folder), str(moment), *MONTHS]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})


def digests(url: str) -> dict[str, str]:
    with database(url, Path()) as conn:
        return table_digests(conn)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four months of silver with their receipts, and events."""
    folder = tmp_path_factory.mktemp("silver")
    for n, month in enumerate(MONTHS):
        write_month(folder, month, shift=n)
        (folder / f"{month}.json").write_text(json.dumps({"bronze_sha256": month}))
    start = datetime(2025, 1, 3, tzinfo=UTC)
    write_golden(folder / "golden.parquet", [start + timedelta(hours=n) for n in range(120)])
    return folder


def load_older(url: str, folder: Path) -> None:
    """What the databases hold before: other rows of one of the months, and other events."""
    with database(url, Path()) as conn:
        load_month(conn, "2025-01", *write_month(folder / "old", "2025-01", shift=900))
        replace_events(conn, write_golden(folder / "old.parquet", [datetime(2025, 1, 9, tzinfo=UTC)]))


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[dict[str, object]]:
    """Moments and digests of a load that nobody kills, once it is made."""
    yield {}


@pytest.mark.parametrize("share", MOMENTS, ids=lambda share: f"{share:.3f}")
def test_a_killed_load_run_again_is_an_undisturbed_one(
    share: float, folder: Path, warehouse_url: str, second_url: str, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    if not undisturbed:
        load_older(second_url, tmp_path)
        done = child(second_url, folder, -1)
        assert done.returncode == 0, done.stderr
        undisturbed |= {"moments": int(done.stdout.split()[-1]), "digests": digests(second_url)}
    moments = undisturbed["moments"]
    assert isinstance(moments, int) and moments > 200
    moment = int(share * (moments - 1))  # the last one comes after everything is committed
    print(f"seed {SEED}: killed at moment {moment} of {moments}")
    load_older(warehouse_url, tmp_path)
    done = child(warehouse_url, folder, moment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert digests(warehouse_url) != undisturbed["digests"]
    for month in MONTHS:
        files = [folder / f"{month}{end}" for end in (".parquet", ".hours.parquet", ".json")]
        load(*files, folder / f"loaded-{month}.json", month, "", warehouse_url)
    with database(warehouse_url, Path()) as conn:
        replace_events(conn, folder / "golden.parquet")
    assert digests(warehouse_url) == undisturbed["digests"]
