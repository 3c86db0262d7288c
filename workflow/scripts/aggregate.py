"""Stage 6: events, observations and receipts in; one JSON payload per id out, each valid against its schema.

Payloads are what the public dashboard reads (docs/data-dictionary.md); every figure is computed here or null.
"""

import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from outages import aggregates, people
from outages.agreement import Counted, assert_agreement, count, count_largest, count_observations
from outages.beside import beside
from outages.breaks import breaks as find_breaks
from outages.denominators import sum_of_regions
from outages.event_loading import heal_events
from outages.files import months_files, read_json
from outages.fingerprint import REPOSITORY, workflow_version
from outages.live import live_30d
from outages.loading import heal, tell_healed
from outages.names import Names
from outages.payloads import write_payload
from outages.projects import Project, investment_roi, notes, projects_dist, read_projects
from outages.quality import quality
from outages.rates import rates
from outages.reliability import daily, reliability
from outages.reporting import log, run, say, tell
from outages.sensitivity import sensitivity
from outages.settings import digest
from outages.validation import investment_validation
from outages.warehouse import opened

if TYPE_CHECKING:
    from psycopg import Connection

Payloads = dict[str, aggregates.Items]
Receipts = list[dict[str, Any]]
SCHEMAS = REPOSITORY / "workflow" / "schemas" / "payloads"
#: The projects without a configured table: some real ones, no list of all.
SAMPLE = REPOSITORY / "resources" / "projects.csv"


def aggregate(
    golden: Path,
    receipts: list[Path],
    customers: Path,
    payloads: list[Path],
    meta: Path,
    settings: dict[str, Any],
    cluster: str,
    database_url: str | None,
) -> None:
    """Compute and write all payloads, and `_meta` with the sha256 of each.

    The files of each month lie beside its receipt; SILVER_CHANGED when one does not.
    Raises TOTALS when a payload and the warehouse tell different figures, and PAYLOAD_SCHEMA for a
    payload that the dashboard could not read; nothing is then published.
    """
    told = [read_json(path) for path in receipts]
    silver, sums, states = (months_files(receipts, kind) for kind in (".parquet", ".regions.parquet", ".hours.parquet"))
    table = settings["investments"]["table"]
    base = pl.read_parquet(customers)
    works = read_projects(Path(table) if table else SAMPLE, _names())
    with opened(database_url, Path(cluster)) as conn, beside(conn) as start:
        # SQL counts on one core while Polars computes on the other.
        counting = start(_counted, conn, told, silver[0].parent, golden)
        events = aggregates.read_golden(golden)
        groups = aggregates.summed(events)
        ranking, unknown = aggregates.company_ranking(groups)
        broken, breaks = find_breaks(states, told)
        computed = {"company_ranking": ranking, "breaks": broken, **of_works(works, groups)}
        computed |= of_events(events, groups, told, base)
        largest = start(count_largest, conn, computed["events_top"])
        computed |= of_hours(events, silver, sums, states, told, base, settings, breaks)
        counted, healed = counting()
        tell_healed(healed)
        assert_agreement(computed, unknown, counted, largest())
    written = {path.stem: write_payload(path.stem, computed[path.stem], path, SCHEMAS) for path in payloads}
    about = describe(told, settings, unknown, aggregates.totals(events), written, breaks)
    about |= {"customers": sum_of_regions(base.iter_rows(named=True)), "notes": notes(works, sample=not table)}
    about["projects_sample"] = not table
    write_payload("_meta", [about], meta, SCHEMAS)
    tell(f"{len(written) + 1} payloads, {sum(map(len, computed.values())):,} items; breaks: {len(broken):,}")
    log().info("payloads", **{name: len(items) for name, items in computed.items()})


def _counted(conn: "Connection", receipts: Receipts, silver: Path, golden: Path) -> tuple[Counted, list[str]]:
    """What the warehouse counts, once it holds every row of the months and the events; the months loaded for it."""
    held = count_observations(conn)
    healed = heal(conn, receipts, silver, held)
    if healed:
        held = count_observations(conn)
    counted = count(conn, held)
    if heal_events(conn, golden, rows=counted["events"][0][0]):
        log().warning("events_loaded_again", code="WAREHOUSE_STALE", file=str(golden))
        say(f"  the database did not hold the events of {golden}: loaded again")
        counted = count(conn, held)
    return counted, healed


def of_works(works: list[Project], groups: pl.DataFrame) -> Payloads:
    """Payloads of the table of projects; `groups` are the events summed up."""
    by_region = dict(groups.group_by("nombre_region").agg(pl.col("clientes_afectados").sum()).iter_rows())
    return {"eda_projects_dist": projects_dist(works), "investment_roi": investment_roi(works, by_region)}


def of_events(events: pl.DataFrame, groups: pl.DataFrame, receipts: Receipts, base: pl.DataFrame) -> Payloads:
    """Payloads of the events alone; `groups` are these summed up."""
    last = base.filter(pl.col("mes") == max(receipt["month"] for receipt in receipts))
    observed = [receipt["month"] for receipt in receipts if receipt["hours"]["observed"]]
    return {
        "market_map": aggregates.market_map(groups, dict(last.select("nombre_region", "clientes").iter_rows())),
        "time_series": aggregates.time_series(groups, observed, _regions()),
        "rates": rates(groups, receipts, base),
        "events_top": people.events_top(events),
    }


def of_hours(
    events: pl.DataFrame, silver: list[Path], sums: list[Path], states: list[Path], receipts: Receipts,
    base: pl.DataFrame, settings: dict[str, Any], breaks: list[dict[str, str]],
) -> Payloads:  # fmt: skip
    """Payloads of what was out hour by hour, and of what is known of the hours."""
    definition = settings["events"]
    series = people.regional(sums, states, receipts, base, definition["max_gap_hours"])
    days = daily(sums, silver, states, receipts, base)
    storms = people.storms(series, events, definition["open_customers"])
    outcome, projects = aggregates.outcomes(days), settings["investments"]["validation"]
    return {
        "eda_quality_stats": aggregates.quality_stats(silver),
        "investment_validation": investment_validation(projects, outcome, receipts, breaks),
        "coverage": aggregates.coverage(receipts, _regions()),
        "coverage_hours": aggregates.coverage_hours(states, receipts),
        "quality": quality(sums, states, receipts, _regions()),
        "reliability": reliability(days, receipts, breaks),
        "sensitivity": sensitivity(events, silver, states, receipts, definition),
        "storms": storms,
        "restoration": people.restoration(series, storms),
        "live_30d": live_30d(events, silver, states, receipts, _regions()),
    }


@cache
def _names() -> Names:
    return Names.load(REPOSITORY / "resources")


def _regions() -> list[str]:
    """Names of all regions, UNKNOWN too."""
    names = _names()
    return sorted({names.region_name(code) for code in names.regions})


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
