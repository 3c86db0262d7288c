"""dedupe and load without Snakemake, beside the baseline and the floor, on the same sampled months in one process.

In turn, month by month and several rounds, so that what else the machine does meets all of them; of the rounds the
fastest counts. The imports are made before. Prints JSON; bench.py runs it in a process of its own, so that the code
measured is that of the checkout that PYTHONPATH names first.

    python -m benchmarks.ratios BRONZE_FOLDER CUSTOMERS.json WORK MONTH ...
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401  # imported here, so that no import falls into a time
import pandas  # type: ignore[import-untyped]  # noqa: F401
import psycopg
from dedupe import dedupe
from outages.clock import iso, month_end
from outages.loading import load_month
from outages.postgres import Embedded
from outages.reporting import open_log
from outages.store import read_lines
from outages.warehouse import opened

from benchmarks.baseline import TABLE, group, insert
from benchmarks.floor import copy_rows, duckdb_groups
from benchmarks.generator import FOUR_A_DAY

ROUNDS = 3


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, what the function returned)."""
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def product_dedupe(bronze: Path, customers: Path, month: str, folder: Path) -> float:
    """Seconds of the stage's function on one month; whatever files it writes get the names of its arguments."""
    written = [
        name for name, one in signature(dedupe).parameters.items() if one.annotation is Path and name != "bronze"
    ]
    arguments: dict[str, Any] = {name: folder / f"{month}.{name}" for name in written} | {
        "bronze": bronze,
        "asked": [customers],
        "month": month,
        "hours": list(FOUR_A_DAY),
        "through": iso(month_end(month)),
        "ghost_days": 7,
        "accept_implausible": False,
        "official": None,
    }
    open_log(folder / "dedupe.log", "dedupe", month)  # as a job does
    return timed(partial(dedupe, **arguments))[0]


def product_load(conn: psycopg.Connection, month: str, folder: Path) -> tuple[float, int]:
    """(seconds, rows) of loading one month for the first time, on a connection that is open."""
    conn.execute(f"DROP TABLE IF EXISTS observaciones_{month.replace('-', '')}")
    files = folder / f"{month}.silver", folder / f"{month}.states"
    seconds, told = timed(lambda: load_month(conn, month, *files))
    return seconds, int(told["filas"])


def compare(bronze: Path, customers: Path, work: Path, months: list[str], rounds: int = ROUNDS) -> dict[str, Any]:
    """Seconds of each way over all months (each month's fastest round), the rows they worked on, and the ratios."""
    shutil.rmtree(work, ignore_errors=True)
    best: dict[tuple[str, str], float] = {}
    rows: dict[str, int] = defaultdict(int)

    def keep(way: str, month: str, seconds: float) -> None:
        best[way, month] = min(seconds, best.get((way, month), seconds))

    with (
        opened(None, work / "postgres") as conn,
        psycopg.connect(Embedded(work / "postgres").url, autocommit=True) as other,
    ):
        other.execute(TABLE)
        for turn in range(rounds):
            for month in months:
                file = bronze / f"{month}.jsonl.zst"
                keep("dedupe", month, product_dedupe(file, customers, month, work))
                seconds, source_rows, groups = duckdb_groups(file)
                keep("dedupe_floor", month, seconds)
                seconds, loaded = product_load(conn, month, work)
                keep("load", month, seconds)
                copied = copy_rows(conn, f"observaciones_{month.replace('-', '')}")
                keep("copy_bare", month, copied.bare)
                keep("copy_keyed", month, copied.keyed)
                seconds, found = timed(partial(lambda file: group(read_lines(file)), file))
                keep("baseline_dedupe", month, seconds)
                other.execute("TRUNCATE baseline_interrupciones")
                keep("baseline_load", month, timed(partial(insert, other, found))[0])
                if turn == 0:
                    rows["source"] += source_rows
                    rows["floor_groups"] += groups
                    rows["loaded"] += loaded
                    rows["baseline"] += len(found)
    seconds_of: dict[str, float] = defaultdict(float)
    for (way, _), least in best.items():
        seconds_of[way] += least
    return summary(dict(seconds_of), dict(rows), months)


def summary(seconds: dict[str, float], rows: dict[str, int], months: list[str]) -> dict[str, Any]:
    """The ratios: against the baseline per row, against the floors as a whole."""
    dedupe_row, load_row = seconds["dedupe"] / rows["source"], seconds["load"] / rows["loaded"]
    return {
        "months": months,
        "rows": rows,
        "seconds": {way: round(value, 3) for way, value in seconds.items()},
        "microseconds_a_row": {
            "dedupe": round(1e6 * dedupe_row, 2),
            "load": round(1e6 * load_row, 2),
            "baseline_dedupe": round(1e6 * seconds["baseline_dedupe"] / rows["source"], 2),
            "baseline_load": round(1e6 * seconds["baseline_load"] / rows["baseline"], 2),
        },
        "times_baseline_dedupe": round(seconds["baseline_dedupe"] / rows["source"] / dedupe_row, 1),
        "times_baseline_load": round(seconds["baseline_load"] / rows["baseline"] / load_row, 1),
        # What is left to gain: no reader of JSON and no COPY with the same keys beats the baseline by more.
        "floor_times_baseline_dedupe": round(seconds["baseline_dedupe"] / seconds["dedupe_floor"], 1),
        "floor_times_baseline_load": round(
            seconds["baseline_load"] / rows["baseline"] * rows["loaded"] / seconds["copy_keyed"], 1
        ),
        "dedupe_over_floor": round(seconds["dedupe"] / seconds["dedupe_floor"], 2),
        "load_over_floor": round(seconds["load"] / seconds["copy_keyed"], 2),
        "load_over_bare_copy": round(seconds["load"] / seconds["copy_bare"], 2),
        "baseline_s_a_source_row": (seconds["baseline_dedupe"] + seconds["baseline_load"]) / rows["source"],
    }


def main() -> None:
    """Compare, as bench.py asks."""
    bronze, customers, work, *months = sys.argv[1:]
    print(json.dumps(compare(Path(bronze), Path(customers), Path(work), months)))


if __name__ == "__main__":
    main()
