"""Where the time of each stage goes: its function under the profiler, on a finished working directory.

    PYTHONPATH=CHECKOUT/workflow/scripts:. python -m benchmarks.profile DIRECTORY [MONTH]

PYTHONPATH names the checkout whose stages are profiled, so that one can be held against another. Nothing in the
directory is changed: results go to a temporary folder, the warehouse is a new one. Prints a table a stage.
"""

from __future__ import annotations

import cProfile
import importlib
import inspect
import pstats
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from outages.clock import iso, month_end
from outages.fingerprint import REPOSITORY
from outages.loading import load_month
from outages.warehouse import opened

#: Functions told of each stage, by the time spent in themselves.
TOLD = 8
KEPT = ("months", "hours", "accept_implausible", "customers", "events", "investments")


@contextmanager
def profiled(stage: str) -> Iterator[None]:
    """Profile what is done inside and print a table of it."""
    profiler = cProfile.Profile()
    profiler.enable()
    yield
    profiler.disable()
    rows: list[tuple[float, float, int, str]] = []
    for (file, line, name), (_, calls, own, whole, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        place = name if file == "~" else f"{Path(file).parent.name}/{Path(file).name}:{line} {name}"
        rows.append((own, whole, calls, place))
    total = sum(row[0] for row in rows)
    print(f"\n### {stage}: {total:.2f} s\n\n| own s | share | with inner s | calls | function |\n|---|---|---|---|---|")
    for own, whole, calls, place in sorted(rows, reverse=True)[:TOLD]:
        print(f"| {own:.2f} | {own / total:.0%} | {whole:.2f} | {calls:,} | `{place}` |")


def call(stage: str, known: dict[str, Any]) -> None:
    """Call a stage's function with those of the known values that it asks for."""
    function: Callable[..., None] = getattr(importlib.import_module(stage), stage)
    asked = inspect.signature(function).parameters.values()
    arguments = {one.name: known[one.name] for one in asked if one.name in known or one.default is one.empty}
    function(**arguments)  # the first call pays for what is imported late
    with profiled(stage):
        function(**arguments)


def main(directory: Path, month: str | None = None) -> None:
    """Profile dedupe and load of one month, then events, aggregate and plot of all."""
    results = directory.resolve() / "results"
    months = sorted(path.name[:7] for path in (results / "silver").glob("*.hours.parquet"))
    month = month or months[len(months) // 2]
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        out.chmod(0o755)
        hours = [0, 6, 12, 18]
        call("dedupe", {
            "bronze": results / f"bronze/{month}.jsonl.zst", "asked": sorted((results / "customers").glob("*.json")),
            "silver": out / "silver.parquet", "sums": out / "sums.parquet",
            "parts": out / "parts.parquet", "states": out / "hours.parquet",
            "receipt": out / "receipt.json", "month": month, "hours": hours, "through": iso(month_end(month)),
            "ghost_days": 7, "accept_implausible": False, "official": None,
        })  # fmt: skip
        with opened(None, out / "postgres") as conn:
            files = results / f"silver/{month}.parquet", results / f"silver/{month}.hours.parquet"
            load_month(conn, month, *files)
            with profiled("load"):
                load_month(conn, month, *files)
        schemas = sorted((REPOSITORY / "workflow/schemas/payloads").glob("[a-z]*.schema.json"))
        ids = [path.name.removesuffix(".schema.json") for path in schemas]
        known = {
            "silver": [results / f"silver/{one}.parquet" for one in months],
            "parts": [results / f"silver/{one}.parts.parquet" for one in months],
            "sums": [results / f"silver/{one}.regions.parquet" for one in months],
            "states": [results / f"silver/{one}.hours.parquet" for one in months],
            "receipts": [results / f"silver/{one}.json" for one in months],
            "loaded": [results / f"load/{one}.json" for one in months],
            "customers": results / "customers.parquet", "golden": out / "golden.parquet", "meta": out / "_meta.json",
            "settings": {name: config[name] for name in KEPT} | {"ghost_days": config["quality"]["ghost_days"]},
            "payloads": [out / f"{name}.json" for name in ids],
            "runtime": results / "vega.js", "page": out / "index.html", "cluster": str(out / "postgres"),
            "database_url": None, **config["events"],
        }  # fmt: skip
        for stage in ("events", "aggregate", "plot"):
            call(stage, known)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
