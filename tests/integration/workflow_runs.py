"""Whole runs of the workflow for tests: a checkout of its own, a small set of recorded answers, Snakemake itself."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from replica.worlds import demo_world

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "config", "resources", "environment.yml", "pyproject.toml")
DONE = "results/gold/all.done"
STAGES = ("scrape", "customers", "dedupe", "load", "events", "window", "aggregate", "plot", "publish")


def checkout(folder: Path) -> Path:
    """A copy of the workflow as it stands in the working tree, free to be edited."""
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / part, follow_symlinks=False)
    return folder


def record(folder: Path, first: date, last: date, hours: tuple[int, ...] = (12,)) -> None:
    """Answers of the demo's world, one file an hour, as someone might have recorded them."""
    folder.mkdir(parents=True, exist_ok=True)
    for fecha, hora, body in demo_world().months(first, last, hours):
        (folder / f"{fecha}T{hora:02d}.json").write_bytes(body)


@dataclass
class Work:
    """A working directory with its configuration, and the checkout that runs in it."""

    folder: Path
    code: Path
    config: dict[str, Any]
    output: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """The plain command, with this directory and configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "config.json"
        text = json.dumps(self.config)
        if not settings.exists() or settings.read_text() != text:
            settings.write_text(text)
        return [
            sys.executable, "-m", "snakemake", *(arguments or (DONE,)), "--cores", "2", "--directory", str(self.folder),
            "--configfile", str(settings),
        ]  # fmt: skip

    def start(self, *arguments: str, output: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Snakemake in a process group of its own; what it prints goes to `output`."""
        hidden = ("OUTAGES_NOW", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_KEY")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.code,
            env=kept | self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def must(self, *arguments: str) -> str:
        """A run that has to succeed."""
        process = self.start(*arguments)
        self.output = process.communicate(timeout=300)[0]
        assert process.returncode == 0, self.output
        return self.output

    def must_fail(self, *arguments: str) -> str:
        """A run that has to fail."""
        process = self.start(*arguments)
        self.output = process.communicate(timeout=300)[0]
        assert process.returncode != 0, self.output
        return self.output

    def pending(self, *arguments: str) -> list[str]:
        """The jobs that a dry run names, as their messages ("Scraping 2025-03")."""
        told = self.must(*(arguments or (DONE,)), "-n")
        return sorted(re.findall(r"^Job \d+: (.*)$", told, re.MULTILINE))

    def results(self) -> dict[str, str]:
        """sha256 of every Parquet and JSON file that a run builds, without logs and the receipt of publishing."""
        found = {}
        for pattern in ("silver/*", "load/*", "gold/*.json", "gold/*.parquet", "customers.parquet", "bronze/*"):
            for path in sorted((self.folder / "results").glob(pattern)):
                found[str(path.relative_to(self.folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def answers(self) -> dict[str, str]:
        """sha256 of every file in the store of record."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.folder / "answers").iterdir()
        }

    def copy(self, folder: Path) -> Work:
        """The same directory again, with its times, for another test to spoil."""
        subprocess.run(["cp", "-a", str(self.folder), str(folder)], check=True)
        return Work(folder, self.code, dict(self.config))


def when_running(work: Work, stage: str, process: subprocess.Popen[str], act: str) -> None:
    """Kill the first job of a stage that comes to life in `work`: "job" the job alone, else the whole run by signal.

    A job is the process that Snakemake waits for; of a run with a warm process, the client that handed the job over.
    """
    mark = f"{work.folder}/.snakemake/scripts/"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if not any(mark.encode() in word and word.endswith(f".{stage}.py".encode()) for word in words):
                continue
            if words[0].endswith(b"bash"):
                continue
            if act == "job":
                os.kill(int(entry.name), signal.SIGKILL)
            elif act == "kill":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.killpg(process.pid, {"interrupt": signal.SIGINT, "stop": signal.SIGSTOP}[act])
            return
        time.sleep(0.002)
    raise AssertionError(f"no job of stage {stage} came to life:\n{process.communicate(timeout=60)[0]}")
