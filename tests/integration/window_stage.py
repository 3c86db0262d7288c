"""The window stage as Snakemake runs it, in a folder of its own, on small months of silver; and how it is killed."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import psycopg
import pytest
from aiohttp import web

from .postgrest_server import Supabase
from .publish_stage import Named
from .small_files import write_golden, write_month

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "workflow/scripts/window.py"
Pairs = set[tuple[str, str]]

#: Kills itself for good at the n-th moment: before or after a call of the target, a sync, a renaming. 0: never.
KILLED = """
import json, os, runpy, signal, sys
from pathlib import Path
from types import SimpleNamespace
from outages import hot, targets
from tests.integration.publish_stage import Named
hot.BATCH = hot.PAGE = 900
moment, passed = int(sys.argv[1]), 0
def step():
    global passed
    passed += 1
    if passed == moment:
        os.kill(os.getpid(), signal.SIGKILL)
def around(owner, name):
    real = getattr(owner, name)
    def call(*arguments, **more):
        step()
        told = real(*arguments, **more)
        step()
        return told
    setattr(owner, name, call)
for owner in (targets.WarehouseTarget, targets.SupabaseTarget):
    around(owner, "rpc")
around(os, "fsync")
around(Path, "replace")
told = json.loads(sys.argv[2])
job = SimpleNamespace(**{name: Named(value) if isinstance(value, dict) else value for name, value in told.items()})
runpy.run_path(sys.argv[3], init_globals={"snakemake": job})
print(passed)
"""


def at(day: int, hour: int = 0, month: int = 2) -> datetime:
    return datetime(2025, month, day, hour, tzinfo=UTC)


class Window:
    """The stage, its inputs in silver/, its archive in cold/."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self.log, self.moved, self.cold = folder / "window.log", folder / "window.json", folder / "cold"
        self.limits: dict[str, float | None] = {"supabase_limit_mb": None, "warehouse_limit_mb": None}
        self.months: list[str] = []
        self.source = "recorded"

    def february(self) -> None:
        """Hours of 1 to 5 February, two events in them."""
        self.put(["2025-02"], [at(2), at(5)])

    def march(self) -> None:
        """Other values for February, hours of 1 to 5 March: 1 to 3 February and more have left the window."""
        self.put(["2025-02", "2025-03"], [at(2), at(5, 1), at(3, 0, 3)], shift=5)

    def put(self, months: list[str], events: list[datetime], shift: int = 0) -> None:
        self.months = months
        for month in months:
            write_month(self.folder / "silver", month, shift=shift)
        write_golden(self.folder / "golden.parquet", events)

    def job(self) -> dict[str, Any]:
        silver = self.folder / "silver"
        for month in self.months:
            (silver / f"{month}.json").write_text(json.dumps({"sources": [self.source]}))
        inputs = {"receipts": [str(silver / f"{month}.json") for month in self.months]}
        return {
            "input": inputs | {"golden": str(self.folder / "golden.parquet")},
            "output": {"moved": str(self.moved)},
            "params": {
                "archive": str(self.cold), "limits": self.limits, "allow_synthetic": False,
                "cluster": str(self.folder / "postgres"), "code": "x",
            },
            "wildcards": {}, "log": [str(self.log)], "rule": "window",
        }  # fmt: skip

    def __call__(self, **environment: str) -> dict[str, Any]:
        """Run the stage; its receipt."""
        self.moved.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        for name in ("SUPABASE_URL", "SUPABASE_KEY", "DATABASE_URL"):
            self._monkeypatch.setenv(name, environment.get(name, ""))
        told = self.job()
        job = SimpleNamespace(**{name: Named(part) if isinstance(part, dict) else part for name, part in told.items()})
        runpy.run_path(str(SCRIPT), init_globals={"snakemake": job})
        receipt: dict[str, Any] = json.loads(self.moved.read_text())
        return receipt

    def fails(self, code: str, **environment: str) -> str:
        """Run it in vain: the code is told, there is no receipt; everything that was told."""
        with pytest.raises(SystemExit) as caught:
            self(**environment)
        assert code in str(caught.value)
        assert not self.moved.exists()
        return "".join(traceback.format_exception(caught.value)) + self.log.read_text()

    def start(self, moment: int, **environment: str) -> subprocess.Popen[str]:
        """The stage in a process of its own, which kills itself at a moment."""
        paths = os.pathsep.join([str(REPOSITORY / "workflow/scripts"), str(REPOSITORY)])
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, str(moment), json.dumps(self.job()), str(SCRIPT)],
            env=os.environ | {"PYTHONPATH": paths} | environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def codes(self) -> list[str]:
        """Codes in the log of the last run."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["code"] for line in lines if "code" in line]

    def archived(self) -> pl.DataFrame:
        """All rows of the archive, sorted."""
        files = sorted(self.cold.glob("*.parquet"))
        found = pl.concat([pl.read_parquet(path) for path in files]) if files else pl.DataFrame(schema=COLD)
        return found.sort("clave", "huella")

    def forget(self) -> None:
        shutil.rmtree(self.cold, ignore_errors=True)


COLD = {"clave": pl.String, "huella": pl.String, "motivo": pl.String}


class Deadly:
    """Forwards requests to PostgREST; at one of them it kills the client, before or after the server has acted."""

    def __init__(self, supabase: Supabase, number: int, after: bool) -> None:
        self._forward, self._left, self._after = supabase._forward, number, after
        self.process: subprocess.Popen[str] | None = None

    async def __call__(self, request: web.Request, body: bytes) -> web.Response:
        mine = self._left == 0
        self._left -= 1
        assert self.process is not None
        if mine and not self._after:
            self.process.kill()
        answer = await self._forward(request, body)
        if mine and self._after:
            self.process.kill()
        return answer


def table(conn: psycopg.Connection) -> dict[str, str]:
    """The hot table: digest by key."""
    return dict(conn.execute("SELECT clave, huella FROM interrupciones_hot").fetchall())


def pairs(rows: pl.DataFrame) -> Pairs:
    return set(rows.select("clave", "huella").rows())


def spread(count: int, last: int) -> Sequence[int]:
    """So many different moments from 1 to `last`."""
    return sorted({1 + round(n * (last - 1) / (count - 1)) for n in range(count)})
