"""Stage 6: events, observations and receipts in; one JSON payload per id out, each valid against its schema.

Payloads are what the public dashboard reads (docs/data-dictionary.md); every figure is computed here or null.
"""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
from outages import aggregates, people
from outages.agreement import assert_agreement
from outages.breaks import breaks as find_breaks
from outages.denominators import sum_of_regions
from outages.files import read_json
from outages.fingerprint import REPOSITORY, workflow_version
from outages.live import live_30d
from outages.loading import heal, heal_events
from outages.names import Names
from outages.payloads import write_payload
from outages.projects import investment_roi, notes, projects_dist, read_projects
from outages.quality import quality
from outages.rates import rates
from outages.reliability import daily, reliability
from outages.reporting import log, run, tell
from outages.sensitivity import sensitivity
from outages.settings import digest
from outages.validation import investment_validation
from outages.warehouse import opened

SCHEMAS = REPOSITORY / "workflow" / "schemas" / "payloads"
#: The projects without a configured table: some real ones, no list of all.
SAMPLE = REPOSITORY / "resources" / "projects.csv"


def aggregate(
    golden: Path,
    silver: list[Path],
    sums: list[Path],
    states: list[Path],
    receipts: list[Path],
    customers: Path,
    payloads: list[Path],
    meta: Path,
    settings: dict[str, Any],
    cluster: str,
    database_url: str | None,
) -> None:
    """Compute and write all payloads, and `_meta` with the sha256 of each.

    Raises TOTALS when a payload and the warehouse tell different figures, and PAYLOAD_SCHEMA for a
    payload that the dashboard could not read; nothing is then published.
    """
    told = [read_json(path) for path in receipts]
    names = Names.load(REPOSITORY / "resources")
    regions = sorted({names.region_name(code) for code in names.regions})
    events = aggregates.read_golden(golden)
    base = pl.read_parquet(customers)
    last = base.filter(pl.col("mes") == max(receipt["month"] for receipt in told))
    ranking, unknown = aggregates.company_ranking(events)
    by_region = dict(events.group_by("nombre_region").agg(pl.col("clientes_afectados").sum()).iter_rows())
    table = settings["investments"]["table"]
    works = read_projects(Path(table) if table else SAMPLE, names)
    broken, breaks = find_breaks(states, told)
    definition = settings["events"]
    series = people.regional(sums, states, told, base, definition["max_gap_hours"])
    days = daily(sums, silver, states, told, base)
    storms = people.storms(series, events, definition["open_customers"])
    computed: dict[str, aggregates.Items] = {
        "market_map": aggregates.market_map(events, dict(last.select("nombre_region", "clientes").iter_rows())),
        "time_series": aggregates.time_series(
            events, [receipt["month"] for receipt in told if receipt["hours"]["observed"]], regions
        ),
        "company_ranking": ranking,
        "eda_quality_stats": aggregates.quality_stats(silver),
        "eda_projects_dist": projects_dist(works),
        "investment_roi": investment_roi(works, by_region),
        "investment_validation": investment_validation(
            settings["investments"]["validation"],
            aggregates.outcomes(days),
            told,
            breaks,
        ),
        "coverage": aggregates.coverage(told, regions),
        "coverage_hours": aggregates.coverage_hours(states, told),
        "quality": quality(sums, states, told, regions),
        "breaks": broken,
        "reliability": reliability(days, told, breaks),
        "rates": rates(events, told, base),
        "sensitivity": sensitivity(events, silver, states, told, definition),
        "events_top": people.events_top(events),
        "storms": storms,
        "restoration": people.restoration(series, storms),
        "live_30d": live_30d(events, silver, states, told, regions),
    }
    with opened(database_url, Path(cluster)) as conn:
        heal(conn, told, silver[0].parent)
        heal_events(conn, golden)
        assert_agreement(conn, computed, unknown)
    written = {path.stem: write_payload(path.stem, computed[path.stem], path, SCHEMAS) for path in payloads}
    about = describe(told, settings, unknown, aggregates.totals(events), written, breaks)
    about |= {"customers": sum_of_regions(base.iter_rows(named=True)), "notes": notes(works, sample=not table)}
    about["projects_sample"] = not table
    write_payload("_meta", [about], meta, SCHEMAS)
    tell(f"{len(written) + 1} payloads, {sum(map(len, computed.values())):,} items; breaks: {len(broken):,}")
    log().info("payloads", **{name: len(items) for name, items in computed.items()})


def describe(
    receipts: list[dict[str, Any]], settings: dict[str, Any], unknown: dict[str, int], totals: dict[str, int],
    payloads: dict[str, str], breaks: list[dict[str, str]],
) -> dict[str, Any]:  # fmt: skip
    """What the figures were made of: versions, code, configuration, answers, coverage and digests; no clock."""
    sources = sorted({source for receipt in receipts for source in receipt["sources"]})
    kept = ("month", "pattern", "step_hours", "shapes", "coverage", "through", "bronze_sha256", "silver_sha256")
    return {
        "versions": {
            "workflow": workflow_version(),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in ("polars", "snakemake")},
        },
        "commit": _commit(),
        "config_sha256": digest(settings),
        "synthetic": "replica" in sources,
        "sources": sources,
        "months": [
            {key: receipt[key] for key in kept}
            | receipt["hours"]
            | {"rows": receipt["rows"]["read"], "observations": receipt["observations"]}
            for receipt in receipts
        ],
        "unknown_company": unknown,
        "totals": totals,
        "breaks": breaks,
        "payloads": payloads,
    }


def _commit() -> str | None:
    """The commit of the checkout, with "+" when files differ from it; None outside one."""
    git = ["git", "-C", str(REPOSITORY)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        status = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if status.stdout.strip() else "")


if "snakemake" in globals():
    run(aggregate, snakemake, database_url=os.environ.get("DATABASE_URL"))
