"""The examples of examples/ on a run with a storm, a gap in it, a month without an answer, and both shapes."""

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .workflow_runs import REPOSITORY, Work, checkout, record

STATES = ("observed", "gap", "unasked")
GAPS = ("2025-03-20T22", "2025-03-21T09", "2025-03-21T10")


@pytest.fixture(scope="module")
def results(place: Path) -> Path:
    """March 2025, observed for more than half, April not at all, a day of May."""
    config: dict[str, Any] = {
        "months": {"first": "2025-03", "last": "2025-05"},
        "source": {"kind": "recorded", "path": "recorded"},
        "customers": {"official": "official.csv"},
    }
    work = Work(place / "run", checkout(place / "code"), config)
    for first, last in ((date(2025, 3, 10), date(2025, 3, 26)), (date(2025, 5, 1), date(2025, 5, 1))):
        record(work.folder / "recorded", first, last, tuple(range(24)))
    for name in GAPS:
        (work.folder / "recorded" / f"{name}.json").write_text("[]")
    rows = [f"2025-05,{code:02d},{200_000 + code},CNE" for code in range(1, 17)]
    (work.folder / "official.csv").write_text("\n".join(["mes,codigo_region,clientes,fuente", *rows]) + "\n")
    work.must()
    return work.folder / "results"


def example(name: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "examples" / name, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def payload(results: Path, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads((results / "gold" / f"{name}.json").read_text())
    return items


def printed(output: str, title: str) -> list[dict[str, str]]:
    """The rows of the table under a title."""
    head, *rows = output.split(f"\n{title}\n")[1].split("\n\n")[0].strip("\n").splitlines()
    begins = [found.start() for found in re.finditer(r"\S+", head)]
    ends = [*begins[1:], None]
    return [
        {head[begin:end].strip(): row[begin:end].strip() for begin, end in zip(begins, ends, strict=True)}
        for row in rows
    ]


def test_the_events_in_duckdb_are_those_of_the_payloads(results: Path) -> None:
    output = example("duckdb_golden.py", results)
    [about] = payload(results, "_meta")
    assert "SYNTHETIC" not in output
    assert [line.split(":")[0] for line in output.splitlines() if line.startswith("Break")] == ["Break in 2025-05"]
    hours = printed(output, "Hours by state")
    assert hours == [{"mes": one["month"]} | {key: str(one[key]) for key in STATES} for one in about["months"]]
    march, april, may = ([int(row[key]) for key in STATES] for row in hours)
    assert (march[0] + march[1], april, may) == (17 * 24, [0, 0, 30 * 24], [24, 0, 30 * 24])
    assert march[1] >= len(GAPS)
    years = printed(output, "Events per year")
    assert [row["shape"] for row in years] == ["A", "B"]
    sums = {key: sum(int(row[key]) for row in years) for key in ("events", "customers", "customer_hours")}
    assert list(sums.values()) == [about["totals"][key] for key in ("eventos", "clientes_afectados", "clientes_hora")]
    largest = [
        (row["begin"], row["region"], int(row["customers"]), int(row["customer_hours"]), row["begin_unknown"])
        for row in printed(output, "Largest events")
    ]
    assert largest == [
        (one["inicio"][:13], one["nombre_region"], one["clientes_afectados"], one["clientes_hora"],
         str(one["inicio_desconocido"]))
        for one in payload(results, "events_top")
        if (one["period"], one["criterion"]) == ("all", "customers") and one["rank"] <= 10
    ]  # fmt: skip


def test_rates_in_duckdb_are_those_of_the_payload_and_unknown_where_nothing_was_observed(results: Path) -> None:
    rows = printed(example("duckdb_golden.py", results), "Customers by region and month")
    coverage = {one["mes"]: one["coverage"] for one in payload(results, "coverage")}
    rates = sorted(
        (one for one in payload(results, "rates") if one["nombre_region"] not in ("CHILE", "UNKNOWN")),
        key=lambda one: (one["mes"], one["nombre_region"]),
    )
    assert len(rows) == len(rates) == 3 * 16
    for row, one in zip(rows, rates, strict=True):
        assert (f"{row['mes']}-01", row["region"]) == (one["mes"], one["nombre_region"])
        assert (row["affected"], row["customers"], row["customers_state"]) == tuple(
            "-" if one[key] is None else str(one[key]) for key in ("afectados", "customers", "customers_state")
        )
        assert (
            row["per_1000"] == "-" if one["per_1000"] is None else float(row["per_1000"]) == round(one["per_1000"], 3)
        )
        assert float(row["coverage"]) == round(coverage[one["mes"]], 4)
    assert {row["affected"] for row in rows if row["mes"] == "2025-04"} == {"-"}
    assert "0" in {row["affected"] for row in rows if row["mes"] == "2025-05"}  # observed, and nothing out


def test_the_storm_in_polars_is_that_of_the_payloads(results: Path, tmp_path: Path) -> None:
    output = example("polars_storm.py", results, 1, tmp_path / "storm.csv")
    told = payload(results, "restoration")[0]
    region, peak = told["nombre_region"], pl.lit(told["peak_at"]).str.to_datetime(time_zone="UTC")
    assert f"Storm 1: {region}, " in output
    assert f"Peak: {told['peak_customers']:,} customers out" in output
    for share in (50, 90, 95):
        hours = told[f"hours_{share}_at_most"]
        assert f"{share} % back {'not seen' if hours is None else f'after {hours} hours at most'}\n" in output
    assert told["hours_50_at_most"] is not None
    table = pl.read_csv(tmp_path / "storm.csv", try_parse_dates=True)
    assert table.columns[:2] == ["hora_utc", "estado"]
    curve = table.filter(pl.col("hora_utc") >= peak).head(len(told["curve"]))[region].to_list()
    assert curve == [one["customers"] for one in told["curve"]]
    gaps = table.filter(pl.col("estado") == "gap")
    assert gaps.height == len(GAPS)
    unknown = table.filter(pl.col("estado") != "observed").drop("hora_utc", "estado")
    assert unknown.null_count().row(0) == (unknown.height,) * unknown.width
    known = table.filter(pl.col("estado") == "observed").drop("hora_utc", "estado")
    assert sum(known.null_count().row(0)) == 0
    assert 0 in known.row(0)


def test_the_hours_of_a_storm_go_beside_the_results_unless_a_file_is_named(results: Path) -> None:
    table = results.parent / "storm.csv"
    assert f"Written: {table}" in example("polars_storm.py", results)
    assert table.is_file()


def test_a_storm_that_is_not_there(results: Path) -> None:
    command = [sys.executable, REPOSITORY / "examples/polars_storm.py", results, "1000"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no rank 1000" in done.stderr
