"""benchmarks/RESULTS.md from benchmarks/results.json: figures beside targets, stages, machine, versions, date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.bench import RESULTS, table

REPORT = Path(__file__).with_name("RESULTS.md")


def text(told: dict[str, Any]) -> str:
    """The report; what was not measured is not in it."""
    machine, versions = told["machine"], told["versions"]
    before, after = told["load_average_before"], told["load_average_after"]
    lines = [
        "# Results of the benchmarks", "",
        f"Written by `python -m benchmarks.report` from a run of {told['date']}"
        f" ({'make bench-full' if told['full'] else 'make bench'}, {told['months']} months).", "",
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}.",
        f"Load average before {before[0]} and after {after[0]} (1 minute).",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".", "",
        "| figure | value | target | met |", "|---|---:|---|---|",
        *(f"| {what} | {value} | {target} | {met} |" for what, value, target, met in table(told)), "",
        f"The baseline's whole history is extrapolated from {', '.join(told['ratios']['months'])}, in proportion to"
        f" the rows: {told['baseline_history_s']:g} s. It stops after its INSERT; the workflow's time goes on to"
        " events, payloads and the page. Floors and baseline: [README.md](README.md).",
    ]  # fmt: skip
    for name, run in told["runs"].items():
        peaks = ", ".join(f"{process} {peak}" for process, peak in run["peak_mb"].items())
        lines += [
            "", f"## {name}: {run['months']} months, {run['answers']:,} answers, {run['rows']:,} rows", "",
            f"{run['seconds']:g} s, {run['seconds'] / run['months']:.2f} s a month. Peak MB: {peaks}.", "",
            "| stage | jobs | work, s | life of its processes, s |", "|---|---:|---:|---:|",
            *(f"| {stage} | {one['jobs']:g} | {one['work_s']:g} | {one.get('process_s', '')} |"
              for stage, one in run["stages"].items()),
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the report."""
    REPORT.write_text(text(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
