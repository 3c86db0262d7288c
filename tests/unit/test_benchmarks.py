"""The benchmarks measure what they say: generated answers have the source's proportions, and a tiny run works."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from outages.acquire import Intake, import_recorded
from outages.denominators import read_asked
from outages.files import write_json
from outages.shapes import communes, parse
from outages.store import Answer, Store, read_lines, seal

from benchmarks.baseline import group
from benchmarks.bench import TARGETS, figures, table
from benchmarks.floor import duckdb_groups
from benchmarks.generator import HOURLY, Kind, write_customers, write_month
from benchmarks.history import Directory, checkout, increments, month_after, report, sizes
from benchmarks.processes import measure
from benchmarks.ratios import compare, summary
from benchmarks.report import text

MONTHS = ("2017-10", "2021-03", "2024-11")  # of spring, autumn and early summer: no storm is drawn there


def answers(folder: Path, month: str, kind: Kind) -> list[Answer]:
    write_month(folder, month, kind)
    return list(read_lines(folder / f"{month}.jsonl.zst"))


def test_shape_a_has_the_proportions_of_the_source(tmp_path: Path) -> None:
    rows = [parse(one.body)[1] for month in MONTHS for one in answers(tmp_path, month, Kind())]
    flat = [row for answer in rows for row in answer]
    assert 420 <= len(flat) / len(rows) <= 520
    assert 0.56 <= sum(row.CLIENTES_AFECTADOS == 1 for row in flat) / len(flat) <= 0.73
    assert 14 <= len({row.NOMBRE_EMPRESA for row in flat if row.NOMBRE_EMPRESA}) <= 16
    repeated = 0
    for answer in rows:
        told = Counter(msgspec.json.encode(row) for row in answer)
        repeated += sum(count for count in told.values() if count > 1)
    assert 0.28 <= repeated / len(flat) <= 0.55


def test_shape_b_names_130_to_300_communes(tmp_path: Path) -> None:
    counts = [communes(parse(one.body)[1]) for one in answers(tmp_path, MONTHS[0], Kind("B", (12, 15, 18)))]
    assert {parse(one.body)[0] for one in read_lines(tmp_path / f"{MONTHS[0]}.jsonl.zst")} == {"B"}
    assert sum(130 <= count <= 300 for count in counts) / len(counts) > 0.9


def test_outages_last_over_snapshots(tmp_path: Path) -> None:
    groups = [
        {(row.NOMBRE_COMUNA, row.NOMBRE_EMPRESA, row.FECHA_INT_STR) for row in parse(one.body)[1]}
        for one in answers(tmp_path, MONTHS[0], Kind(hours=HOURLY))[:48]
    ]
    kept = [len(a & b) / len(a) for a, b in pairwise(groups)]
    assert sum(kept) / len(kept) > 0.7
    older = [sum(not day.startswith(f"{n // 24 + 1}/10/") for *_, day in one) for n, one in enumerate(groups)]
    assert all(older)


def test_same_seed_same_bytes_another_seed_others(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write_month(tmp_path / name, MONTHS[0], Kind(hours=(12,), seed=seed))
        found.append((tmp_path / name / f"{MONTHS[0]}.jsonl.zst").read_bytes())
    assert found[0] == found[1] != found[2]


def test_a_generated_month_is_the_bronze_that_scrape_seals(tmp_path: Path) -> None:
    source = tmp_path / "recorded"
    source.mkdir()
    write_month(source, MONTHS[0], Kind(hours=(12,)))
    with Store(tmp_path / "answers", MONTHS[0]).writing("recorded") as (writer, known, _):
        intake = Intake(writer, known, None, "recorded", tmp_path / "quarantine")
        import_recorded(intake, source, "{fecha}T{hora:02d}.json", MONTHS[0])
        seal(known, tmp_path / "bronze.zst")
    assert (tmp_path / "bronze.zst").read_bytes() == (source / f"{MONTHS[0]}.jsonl.zst").read_bytes()


def test_floor_and_baseline_find_the_same_groups(tmp_path: Path) -> None:
    read = answers(tmp_path, MONTHS[0], Kind(hours=(12,)))
    rows = group(read)
    _, source, groups = duckdb_groups(tmp_path / f"{MONTHS[0]}.jsonl.zst")
    assert (source, groups) == (sum(len(parse(one.body)[1]) for one in read), len(rows))
    assert len({row[0] for row in rows}) == len(rows)
    customers = sum(row.CLIENTES_AFECTADOS for one in read for row in parse(one.body)[1])
    assert sum(row[-2] for row in rows) == customers


def test_all_ways_work_on_the_same_rows(tmp_path: Path) -> None:
    facts = write_month(tmp_path, MONTHS[0], Kind(hours=(12,)))
    write_customers(tmp_path / "customers.jsonl", MONTHS[0])
    customers = tmp_path / "customers.json"
    write_json([msgspec.to_builtins(line) for line in read_asked(tmp_path / "customers.jsonl")], customers)
    compared = compare(tmp_path, customers, tmp_path / "work", [MONTHS[0]], rounds=1)
    rows = compared["rows"]
    assert rows["source"] == facts["rows"]
    assert rows["floor_groups"] == rows["baseline"] == rows["loaded"]
    ways = ("dedupe", "dedupe_floor", "load", "copy_bare", "copy_keyed", "baseline_dedupe", "baseline_load")
    assert set(ways) == compared["seconds"].keys()


def test_the_peak_of_a_child_process_is_seen(tmp_path: Path) -> None:
    child = "import time; x = bytearray(200_000_000); time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    measured = measure([sys.executable, "-c", parent], tmp_path, tmp_path)
    assert 200 <= measured.peak_mb <= 300
    assert measured.seen["other"].processes == 2


def test_a_failing_command_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no luck"):
        measure([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path, tmp_path)


def test_months_are_counted_on() -> None:
    assert [month_after("2017-01", count) for count in (0, 11, 12, 107, 215)] == [
        "2017-01", "2017-12", "2018-01", "2025-12", "2034-12",
    ]  # fmt: skip


def told() -> dict[str, Any]:
    """Results with figures that are easy to work out."""
    seconds = {
        "dedupe": 2.0, "dedupe_floor": 1.0, "load": 1.5, "copy_keyed": 1.0, "copy_bare": 0.5, "baseline_dedupe": 60.0,
        "baseline_load": 30.0,
    }  # fmt: skip
    rows = {"source": 1000, "loaded": 500, "baseline": 500, "floor_groups": 500}
    run = {"seconds": 120.0, "months": 108, "rows": 10_000, "answers": 10, "peak_mb": {"events": 900}, "stages": {}}
    return {
        "runs": {"four_a_day": run, "four_a_day_12": run | {"seconds": 12.0, "months": 12}},
        "ratios": summary(seconds, rows, ["2017-10"]),
        "increments": {
            "idle": {"seconds": 1.0}, "dry_run": {"seconds": 1.6}, "month": {"seconds": 9.0, "peak_mb": {"plot": 2100}},
            "hour": {"seconds": 4.0, "peak_mb": {}},
        },
        "sizes": {"json_over_bronze": 42.0, "golden_bytes_per_event": 25.0, "payloads_mb": 3.0, "page_mb": 0.2},
        "machine": {"cpu": "x", "cores": 2, "memory_gb": 8, "system": "Linux"}, "versions": {"python": "3.11"},
        "date": "2026-01-01", "full": False, "months": 108, "load_average_before": [0], "load_average_after": [2],
    }  # fmt: skip


def test_figures_by_hand_and_their_targets() -> None:
    results = told()
    flat = figures(results)
    assert flat["baseline_history_s"] == 900  # 0.09 s a row
    assert (flat["times_baseline"], flat["growth"], flat["peak_mb"]) == (7.5, 1.11, 2100)
    assert (flat["times_baseline_dedupe"], flat["times_baseline_load"]) == (30, 20)
    assert (flat["dedupe_over_floor"], flat["load_over_floor"]) == (2, 1.5)
    assert (flat["floor_times_baseline_dedupe"], flat["floor_times_baseline_load"]) == (60, 30)
    assert "growth_of_a_month" not in flat
    results["runs"]["four_a_day_double"] = results["runs"]["four_a_day"] | {"seconds": 255.0, "months": 216}
    assert figures(results)["growth_of_a_month"] == 1.11  # 1.125 s a month, then 1.25
    del results["runs"]["four_a_day_double"]
    needed = {"whole_history_s", "times_baseline", "dedupe_over_floor", "load_over_floor", "idle_s", "increment_s"}
    assert needed <= flat.keys() & TARGETS.keys()
    met = {what: answer for what, _, _, answer in table(results | flat)}
    assert met["whole history, four a day, s"] == met["load over a bare COPY, same keys"] == "yes"
    assert met["dry run, one month pending, s"] == met["dedupe over a bare DuckDB"] == "no"
    assert {answer for *_, answer in table(results | flat | {"months": 3})} == {""}  # a trial meets nothing
    written = text(results | flat)
    assert "| whole history, four a day, s | 120 | <= 120 | yes |" in written
    assert "hourly" not in written  # what was not measured is not told


@pytest.mark.slow
def test_a_tiny_history_and_its_increments(tmp_path: Path) -> None:
    directory = Directory.prepare(tmp_path, checkout(tmp_path), 1, Kind(hours=(0, 12)))
    measured = directory.run()
    seen = report(directory, measured)
    assert seen["stages"]["dedupe"]["jobs"] == 1
    assert "scrape" not in seen["stages"]  # bronze was there
    assert seen["rows"] > 20_000 < seen["json_bytes"]
    assert sizes(directory)["json_over_bronze"] > 20
    steps = increments(directory)
    assert steps["month"]["stages"]["scrape"]["jobs"] == steps["hour"]["stages"]["scrape"]["jobs"] == 1
