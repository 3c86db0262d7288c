"""The workflow as a user runs it, on generated bronze: whole histories, growth, increments, idle and dry runs.

A working directory is prepared with its bronze sealed and known to Snakemake; what is timed is the plain command,
from bronze to all.done, Snakemake included, on two cores. Run by itself it measures one history and prints it:

    python -m benchmarks.history --months 12 [--hourly] [--shape B] [--work DIR]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from outages.clock import HOUR, Label, iso, labels, months_between, next_month, parse_month, utc
from outages.files import write_json

from benchmarks.generator import FOUR_A_DAY, HOURLY, ROOT, Kind, bodies, write, write_customers
from benchmarks.processes import Measured, measure

WORK = Path(__file__).with_name("work")
FIRST = "2017-01"
DONE = "results/gold/all.done"
CORES = 2
#: What a checkout needs to run.
PARTS = ("Snakefile", "workflow", "profiles", "config", "resources", "environment.yml", "pyproject.toml")
#: Variables that would change where results go or when the run believes to be.
HIDE = ("OUTAGES_NOW", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_KEY", "ALERT_WEBHOOK")


def checkout(work: Path, origin: Path = ROOT) -> Path:
    """A copy of the workflow as it stands: what is measured does not change when somebody edits meanwhile."""
    code = work.resolve() / "code"
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir(parents=True)
    for part in PARTS:
        source = origin / part
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, code / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, code / part, follow_symlinks=False)
    return code


def month_after(first: str, months: int) -> str:
    """The month that follows so many months from `first` on."""
    year, number = parse_month(first)
    at = year * 12 + number - 1 + months
    return f"{at // 12}-{at % 12 + 1:02d}"


@dataclass
class Directory:
    """A working directory of the workflow with generated answers."""

    folder: Path
    code: Path
    kind: Kind
    first: str
    last: str
    facts: dict[str, int] = field(default_factory=dict)
    hours: Any = None
    now: str = ""

    @classmethod
    def prepare(cls, work: Path, code: Path, months: int, kind: Kind) -> Directory:
        """A directory anew, with the bronze of so many months sealed; answers are generated where they are missing."""
        last = month_after(FIRST, months - 1)
        source, facts = write(work, FIRST, last, kind)
        folder = work / "runs" / f"{source.name}-{months}"
        shutil.rmtree(folder, ignore_errors=True)
        made = cls(folder.resolve(), code, kind, FIRST, last, facts)
        made.recorded.mkdir(parents=True)
        (made.folder / "results/bronze").mkdir(parents=True)
        for month in months_between(FIRST, last):
            (made.recorded / f"{month}.jsonl.zst").hardlink_to(source / f"{month}.jsonl.zst")
            shutil.copy2(source / f"{month}.jsonl.zst", made.bronze(month))
        write_customers(made.folder / "answers/customers.jsonl", last)
        made.configure(last)
        # Touching tells Snakemake by what settings and code the files were made; it runs no job.
        made.run(*(f"results/bronze/{month}.jsonl.zst" for month in months_between(FIRST, last)), "--touch")
        return made

    @property
    def recorded(self) -> Path:
        """The folder that the workflow imports from."""
        return self.folder / "recorded"

    def bronze(self, month: str) -> Path:
        """A month's bronze."""
        return self.folder / f"results/bronze/{month}.jsonl.zst"

    def configure(self, last: str, now: str | None = None) -> None:
        """Settings up to a month, seen from a given moment: without one from ten days after the last month."""
        self.last = last
        self.hours = self.hours or ("all" if self.kind.hours == HOURLY else list(self.kind.hours))
        told = {
            "months": {"first": self.first, "last": last},
            "hours": self.hours,
            "now": now or iso(utc(labels(next_month(last))[0]) + timedelta(days=10)),
            "source": {"kind": "recorded", "path": str(self.recorded)},
        }
        write_json(told, self.folder / "config.json")

    def run(self, *arguments: str) -> Measured:
        """The plain command in this directory, measured."""
        command = [
            sys.executable, "-m", "snakemake", *(arguments or (DONE,)), "--cores", str(CORES), "--directory",
            str(self.folder), "--configfile", str(self.folder / "config.json"),
        ]  # fmt: skip
        return measure(command, self.folder / "results/postgres", self.code, HIDE)

    def stages(self) -> dict[str, dict[str, float]]:
        """Of the last run, per stage: jobs, and the seconds that its function took, without start and imports."""
        lines = [json.loads(line) for line in (self.folder / "results/logs/history.jsonl").open()]
        told: dict[str, dict[str, float]] = defaultdict(lambda: {"jobs": 0, "work_s": 0.0})
        for line in lines:
            if line["run"] == lines[-1]["run"] and line["outcome"] == "done":
                told[line["stage"]]["jobs"] += 1
                told[line["stage"]]["work_s"] += line["seconds"]
        return dict(told)

    def remove(self) -> None:
        """Delete the directory; the generated answers stay."""
        shutil.rmtree(self.folder)


def report(directory: Directory, measured: Measured) -> dict[str, Any]:
    """What a run took: wall time, per stage work and life of the processes, and peak memory of each kind."""
    stages = directory.stages()
    for name, one in measured.seen.items():
        if name in stages:
            stages[name] |= {"processes": one.processes, "process_s": one.seconds}
    return {
        "seconds": measured.seconds,
        "months": len(months_between(directory.first, directory.last)),
        "jobs": int(sum(one["jobs"] for one in stages.values())),
        **directory.facts,
        "stages": {name: {key: round(value, 2) for key, value in one.items()} for name, one in stages.items()},
        "peak_mb": {name: round(one.peak_mb) for name, one in measured.seen.items() if one.peak_mb},
    }


def whole(work: Path, code: Path, months: int, kind: Kind) -> tuple[Directory, dict[str, Any]]:
    """From bronze to all.done over so many months."""
    directory = Directory.prepare(work, code, months, kind)
    return directory, report(directory, directory.run())


def increments(directory: Directory) -> dict[str, Any]:
    """On a finished history: idle, a dry run with one month pending, that month, and an hour of the month after.

    Of the first two, which change nothing, the quickest of three: the disk may still be busy with what came before.
    """
    told: dict[str, Any] = {}
    idle = [directory.run() for _ in range(3)]
    assert all("Nothing to be done" in one.output for one in idle), idle[0].output
    told["idle"] = {"seconds": min(one.seconds for one in idle)}
    month = next_month(directory.last)
    source, _ = write(directory.folder.parents[1], month, month, directory.kind)
    (directory.recorded / f"{month}.jsonl.zst").hardlink_to(source / f"{month}.jsonl.zst")
    directory.configure(month)
    dry = [directory.run(DONE, "-n") for _ in range(3)]
    assert all(f"Deduplicating {month}" in one.output for one in dry), dry[0].output
    told["dry_run"] = {"seconds": min(one.seconds for one in dry)}
    told["month"] = report(directory, directory.run())
    told["hour"] = one_hour(directory)
    return told


def one_hour(directory: Directory) -> dict[str, Any]:
    """The month after in progress, hour by hour, half of it there; then one hour more, which is what is timed."""
    month = next_month(directory.last)
    kind = Kind(directory.kind.shape, HOURLY, directory.kind.seed)
    if directory.hours != "all":
        directory.hours = {directory.first: directory.hours, month: "all"}
    half = len(labels(month)) // 2
    answers = bodies(month, kind)
    for _ in range(half):
        _record(directory.recorded, *next(answers))
    directory.configure(month, iso(utc(labels(month)[half])))
    directory.run()
    _record(directory.recorded, *next(answers))
    directory.configure(month, iso(utc(labels(month)[half]) + HOUR))
    return report(directory, directory.run())


def _record(folder: Path, label: Label, body: bytes) -> None:
    (folder / f"{label}.json").write_bytes(body)


def sizes(directory: Directory) -> dict[str, float]:
    """What the results take on disk, against the JSON as it came and per event."""
    import polars as pl

    gold = directory.folder / "results/gold"
    golden = gold / "golden_interrupciones.parquet"
    payloads = {path.name: path.stat().st_size for path in gold.glob("*.json")}
    page = directory.folder / "results/dashboard/index.html"
    events = pl.scan_parquet(golden).select(pl.len()).collect().item()
    return {
        "json_over_bronze": round(directory.facts["json_bytes"] / directory.facts["bronze_bytes"], 1),
        "events": events,
        "golden_bytes_per_event": round(golden.stat().st_size / events, 1),
        "payloads_mb": round(sum(payloads.values()) / 1e6, 3),
        "largest_payloads_kb": {
            name: round(size / 1e3) for name, size in sorted(payloads.items(), key=lambda one: -one[1])[:5]
        },
        "page_mb": round(page.stat().st_size / 1e6, 3),
    }


def main() -> None:
    """Measure one history."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--hourly", action="store_true")
    parser.add_argument("--shape", choices="AB", default="A")
    parser.add_argument("--increments", action="store_true", help="afterwards idle, dry run, a month, an hour")
    parser.add_argument("--code", type=Path, default=ROOT, help="checkout to measure (default: this one)")
    parser.add_argument("--work", type=Path, default=WORK)
    chosen = parser.parse_args()
    kind = Kind(chosen.shape, HOURLY if chosen.hourly else FOUR_A_DAY)
    directory, told = whole(chosen.work, checkout(chosen.work, chosen.code), chosen.months, kind)
    told["sizes"] = sizes(directory)
    if chosen.increments:
        told["increments"] = increments(directory)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
