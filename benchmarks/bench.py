"""All benchmarks of the workflow: measures, writes benchmarks/results.json and prints each figure beside its target.

    python -m benchmarks.bench [--full] [--code CHECKOUT] [--work DIR] [--months 108]

--full adds 216 months, the hourly history of shape A and nine years of shape B. What a shorter run does not measure
is absent from its results, never carried over from an earlier one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from outages.clock import months_between

from benchmarks.generator import FOUR_A_DAY, HOURLY, ROOT, Kind
from benchmarks.history import FIRST, WORK, Directory, checkout, increments, sizes, whole

RESULTS = Path(__file__).with_name("results.json")
#: The months that the targets are about: a run over fewer is a trial, and nothing is said to be met.
MONTHS = 108
PACKAGES = ("snakemake", "polars", "msgspec", "psycopg", "zstandard", "duckdb", "pandas")
#: Figure -> (lower or upper bound, what it is). Bounds are upper ones where the sign is "<=".
TARGETS: dict[str, tuple[str, float, str]] = {
    "whole_history_s": ("<=", 120, "whole history, four a day, s"),
    "times_baseline": (">=", 10, "times faster than the baseline, end to end (extrapolated)"),
    "times_baseline_dedupe": (">=", 25, "times faster a row, dedupe"),
    "times_baseline_load": (">=", 25, "times faster a row, load"),
    "floor_times_baseline_dedupe": ("", 0, "for comparison: a bare DuckDB, times faster than the baseline"),
    "floor_times_baseline_load": ("", 0, "for comparison: a bare COPY, same keys, times faster than the baseline"),
    "dedupe_over_floor": ("<=", 1.5, "dedupe over a bare DuckDB"),
    "load_over_floor": ("<=", 1.5, "load over a bare COPY, same keys"),
    "increment_s": ("<=", 10, "one new month, s"),
    "hour_s": ("<=", 5, "one new hour of the open month, s"),
    "idle_s": ("<=", 1.5, "nothing to do, s"),
    "dry_run_s": ("<=", 1.5, "dry run, one month pending, s"),
    "growth": ("<=", 1.25, "time per month, slowest over quickest of 12, 108, 216"),
    "growth_of_a_month": ("<=", 1.25, "the same of each further month, from 12 to 108 and from 108 to 216"),
    "peak_mb": ("<=", 2000, "largest process of any run, MB"),
    "json_over_bronze": (">=", 20, "raw JSON over bronze"),
    "golden_bytes_per_event": ("<=", 40, "golden Parquet, bytes an event"),
    "payloads_mb": ("<=", 10, "payloads together, MB"),
    "page_mb": ("<=", 2, "the page, MB"),
    "hourly_s": ("<=", 360, "whole history, hourly, shape A, s"),
    "shape_b_s": ("", 0, "nine years of shape B, hourly, s"),
}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Python and the packages that matter."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def aside(code: Path, module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of the benchmarks in a process of its own on a checkout's code; the JSON of its last line."""
    paths = os.pathsep.join((str(code / "workflow/scripts"), str(ROOT)))
    told = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    found: dict[str, Any] = json.loads(told.splitlines()[-1])  # before it stands what stages log
    return found


def ratios(directory: Directory, work: Path) -> dict[str, Any]:
    """The comparison with baseline and floor on three months of a finished history."""
    months = months_between(FIRST, directory.last)
    sampled = sorted({months[len(months) * part // 6] for part in (1, 3, 5)})
    [customers] = (directory.folder / "results/customers").glob("*.json")
    bronze = directory.folder / "results/bronze"
    return aside(directory.code, "ratios", str(bronze), str(customers), str((work / "ratios").resolve()), *sampled)


def bench(work: Path, code: Path, months: int, full: bool) -> dict[str, Any]:
    """Every figure. The load of the machine is noted: one that is busy with something else shows in the results."""
    runs: dict[str, Any] = {}
    told: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "versions": versions(),
        "months": months, "full": full, "load_average_before": [round(one, 2) for one in os.getloadavg()], "runs": runs,
    }  # fmt: skip
    four = Kind("A", FOUR_A_DAY)
    whole(work, code, 1, four)[0].remove()  # what comes first reads Python and PostgreSQL from disk: it counts nowhere
    short = min(12, months)
    small, runs[f"four_a_day_{short}"] = whole(work, code, short, four)
    small.remove()
    directory, runs["four_a_day"] = whole(work, code, months, four)
    told["sizes"] = sizes(directory)
    told["ratios"] = ratios(directory, work)
    told["increments"] = increments(directory)
    directory.remove()
    told["engine"] = aside(code, "engine")
    if full:
        for name, count, kind in (
            ("four_a_day_double", 2 * months, four),
            ("shape_b_hourly", months, Kind("B", HOURLY)),
            ("hourly", months, Kind("A", HOURLY)),
        ):
            large, runs[name] = whole(work, code, count, kind)
            large.remove()
    told["load_average_after"] = [round(one, 2) for one in os.getloadavg()]
    return told | figures(told)


def figures(told: dict[str, Any]) -> dict[str, float]:
    """The flat figures that have a target."""
    runs, compared, steps = told["runs"], told["ratios"], told["increments"]
    history = runs["four_a_day"]
    lengths = sorted((run["months"], run["seconds"]) for name, run in runs.items() if name.startswith("four_a_day"))
    growth = [seconds / months for months, seconds in lengths]
    everything = [*runs.values(), steps["month"], steps["hour"]]
    flat = {
        "whole_history_s": history["seconds"],
        # ASSUME the baseline's time grows with the rows: it is measured on sampled months only.
        "baseline_history_s": round(compared["baseline_s_a_source_row"] * history["rows"], 1),
        "increment_s": steps["month"]["seconds"],
        "hour_s": steps["hour"]["seconds"],
        "idle_s": steps["idle"]["seconds"],
        "dry_run_s": steps["dry_run"]["seconds"],
        "growth": round(max(growth) / min(growth), 2),
        "peak_mb": max(peak for run in everything for peak in run["peak_mb"].values()),
    }
    if len(lengths) > 2:
        # The start of the command, the same however many months follow, is left out.
        slopes = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairwise(lengths)]
        flat["growth_of_a_month"] = round(max(slopes) / min(slopes), 2)
    flat["times_baseline"] = round(flat["baseline_history_s"] / flat["whole_history_s"], 1)
    for group in (told["sizes"], compared):
        flat |= {name: group[name] for name in TARGETS if name in group}
    for name, run in (("hourly_s", "hourly"), ("shape_b_s", "shape_b_hourly")):
        if run in runs:
            flat[name] = runs[run]["seconds"]
    return flat


def table(told: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(figure, value, target, met) of what was measured, in the order of TARGETS."""
    rows = []
    for name, (sign, bound, what) in TARGETS.items():
        if name in told:
            met = (
                ""
                if not sign or told["months"] != MONTHS
                else "yes"
                if (told[name] <= bound if sign == "<=" else told[name] >= bound)
                else "no"
            )
            rows.append((what, f"{told[name]:g}", f"{sign} {bound:g}" if sign else "", met))
    return rows


def main() -> None:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the large histories too")
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--code", type=Path, default=ROOT, help="checkout to measure (default: this one)")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    told = bench(chosen.work, checkout(chosen.work, chosen.code), chosen.months, chosen.full)
    chosen.results.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for what, value, target, met in table(told):
        print(f"{what:<58} {value:>9}  {target:<8} {met}")


if __name__ == "__main__":
    main()
