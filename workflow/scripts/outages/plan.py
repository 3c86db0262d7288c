"""The plan of a run: which months, up to which hour, what is pending; made once from config, clock and disk.

Snakemake evaluates params again in child processes, so the run's "now" is pinned in the environment, which
children inherit, and everything that reads the disk is read here, while the Snakefile is read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .clock import (
    iso,
    last_closed_month,
    last_complete,
    local,
    month_end,
    months_between,
    parse_iso,
    parse_month,
    previous_month,
    step_hours,
)
from .errors import OutagesError
from .fingerprint import REPOSITORY, digest_of
from .settings import of_figures

if TYPE_CHECKING:
    from .recorded import Listing

Hours = list[int] | str
PER_MONTH = (
    "results/bronze/{}.jsonl.zst",
    "results/silver/{}.parquet",
    "results/silver/{}.regions.parquet",
    "results/silver/{}.parts.parquet",
    "results/silver/{}.hours.parquet",
    "results/silver/{}.json",
    "results/load/{}.json",
)


@dataclass
class Plan:
    """What the rules ask; every mapping is by month ("YYYY-MM")."""

    months: list[str]
    #: How the answers are come by: kind, and path and pattern of recorded files.
    source: dict[str, Any]
    #: 1 when scraping asks a server (the resource sec_api), else 0.
    asks: int
    #: UTC end of the hours that count: the month's end or the last complete hour.
    through: dict[str, str] = field(default_factory=dict)
    #: Hours of the pattern: "all" or a list.
    hours: dict[str, Hours] = field(default_factory=dict)
    #: Rounds over the month completed when its scrape ends; grows when hours are due to be asked again.
    turn: dict[str, int] = field(default_factory=dict)
    #: Digest of the recorded files of the month.
    listing: dict[str, str] = field(default_factory=dict)
    #: Calendar months of running in which the regions' customers were asked, or are to be in this one.
    asked: list[str] = field(default_factory=list)
    #: Those of them whose values count for a month.
    asked_for: dict[str, list[str]] = field(default_factory=dict)
    official_digest: str | None = None
    investments_digest: str | None = None
    #: What of the configuration the figures depend on.
    settings: dict[str, Any] = field(default_factory=dict)
    payloads: list[str] = field(default_factory=list)
    intermediates: list[str] = field(default_factory=list)
    #: How often a run found files gone missing; part of all.done, so that such a run publishes again.
    repairs: int = 0
    #: What is published to, as `target_of` names it: another target takes everything anew.
    target: str = "warehouse"
    accepted: frozenset[str] = frozenset()

    def accepts(self, month: str) -> bool:
        """Whether a person has declared the month's implausible answers right."""
        return month in self.accepted


def pin_now(pretended: str | None) -> datetime:
    """The run's time in UTC: the pretended one, else the environment's OUTAGES_NOW, else the clock; pinned there."""
    if pretended:
        os.environ["OUTAGES_NOW"] = iso(parse_iso(pretended))
    else:
        os.environ.setdefault("OUTAGES_NOW", iso(datetime.now(UTC)))
    return parse_iso(os.environ["OUTAGES_NOW"])


def make_plan(config: dict[str, Any]) -> Plan:
    """The plan for the working directory. Raises `OutagesError` for months or hours that make no sense."""
    now = pin_now(config["now"])
    kind = config["source"]["kind"]
    asks = kind != "recorded"
    source = {"kind": kind} if asks else {key: config["source"][key] for key in ("kind", "path", "pattern")}
    plan = Plan(months_of(config["months"], now), source, int(asks))
    plan.accepted = frozenset(config["accept_implausible"])
    plan.settings = of_figures(config)
    plan.target = target_of(os.environ)
    store, listing = Path(config["store"]), None if asks else _listing(config["source"])
    for month in plan.months:
        plan.hours[month] = pattern_of(config["hours"], month)
        plan.through[month] = iso(min(month_end(month), last_complete(now)))
        plan.turn[month] = _turn(store, month, now) if asks else 0
        plan.listing[month] = listing.digest(month) if listing else ""
    _plan_customers(plan, config, store, now)
    plan.payloads = sorted(
        path.name.removesuffix(".schema.json")
        for path in (REPOSITORY / "workflow/schemas/payloads").glob("*.schema.json")
        if path.name != "_meta.schema.json"
    )
    table = config["investments"]["table"]
    if table and not Path(table).is_file():
        raise OutagesError("PROJECTS_FILE", f"{table}: no such file (investments.table)", file=table)
    plan.investments_digest = digest_of([Path(table)]) if table else None
    plan.intermediates = [path.format(month) for month in plan.months for path in PER_MONTH]
    plan.intermediates += [f"results/customers/{month}.json" for month in plan.asked]
    plan.intermediates += ["results/customers.parquet", "results/gold/golden_interrupciones.parquet"]
    plan.intermediates += ["results/window.json", "results/vega.js"]
    last = [f"results/gold/{name}.json" for name in (*plan.payloads, "_meta")] + ["results/dashboard/index.html"]
    plan.repairs = _repairs(Path("results/gold/all.done"), [*plan.intermediates, *last])
    return plan


def months_of(months: dict[str, Any], now: datetime) -> list[str]:
    """The months of the config: `auto` is the last closed month, and for `first` two months before the last."""
    last = last_closed_month(now) if months["last"] == "auto" else months["last"]
    first = previous_month(previous_month(last)) if months["first"] == "auto" else months["first"]
    if months["live"]:
        last = local(now).strftime("%Y-%m")
    found = months_between(first, last)
    if not found:
        raise OutagesError("MONTHS", f"months.first {first} lies after months.last {last}")
    if last > local(now).strftime("%Y-%m"):
        raise OutagesError("MONTHS", f"months.last {last} lies in the future")
    return found


def target_of(environment: Mapping[str, str]) -> str:
    """What the environment names to publish to: "supabase HOST", "warehouse HOST:PORT/DATABASE", or "warehouse".

    Never a user, a password or a key; of an address that makes no sense only the kind.
    """
    url, database_url = ((environment.get(name) or "").strip() for name in ("SUPABASE_URL", "DATABASE_URL"))
    if url:
        try:
            return _named("supabase", urlsplit(url).hostname or "")
        except ValueError:
            return "supabase"
    if not database_url:
        return "warehouse"
    from psycopg import OperationalError
    from psycopg.pq import Conninfo

    try:
        found = {option.keyword: (option.val or b"").decode() for option in Conninfo.parse(database_url.encode())}
    except (OperationalError, UnicodeDecodeError):
        return "warehouse"
    return _named("warehouse", f"{found[b'host']}:{found[b'port']}/{found[b'dbname']}")


def _named(kind: str, place: str) -> str:
    """Kind and place; a place with characters that only a misread password brings in is left out."""
    return f"{kind} {place}" if re.fullmatch(r"[\w./:,-]+", place) else kind


def pattern_of(hours: Hours | dict[str, Hours], month: str) -> Hours:
    """The pattern that holds for a month: one for all, or the latest of {month: pattern} that has begun."""
    if isinstance(hours, dict):
        begun = [start for start in sorted(hours) if parse_month(start) and start <= month]
        if not begun:
            raise OutagesError("HOURS", f"hours names no pattern for {month}: its first month is {min(hours)}")
        return pattern_of(hours[begun[-1]], month)
    step_hours(hours)
    return hours if isinstance(hours, str) else sorted(set(hours))


def _turn(store: Path, month: str, now: datetime) -> int:
    """One more than the completed rounds when hours are due to be asked again, else as many.

    Without the note of the rounds a month that has answers is looked at once more: 0 is no number of a round.
    """
    state = store / f"{month}.state.json"
    if not state.exists():
        return 0 if (store / f"{month}.jsonl.zst").exists() else 1
    told = _receipt(state)
    due = any(parse_iso(moment) <= now for moment in told["open"].values())
    return int(told["turn"]) + due


def _listing(source: dict[str, Any]) -> Listing:
    from .recorded import Listing

    return Listing(Path(source["path"]), source["pattern"])


def _plan_customers(plan: Plan, config: dict[str, Any], store: Path, now: datetime) -> None:
    from .denominators import COUNTRY, asked_for, read_asked, read_official
    from .names import Names

    # The country is asked last: a month that has it is known whole.
    asked = {line.mes for line in read_asked(store / "customers.jsonl") if line.codigo_region == COUNTRY}
    if plan.asks and config["customers"]["ask"]:
        asked.add(local(now).strftime("%Y-%m"))
    table, official = config["customers"]["official"], []
    if table:
        official = read_official(Path(table), Names.load(REPOSITORY / "resources").regions)
        plan.official_digest = digest_of([Path(table)])
    plan.asked = sorted(asked)
    plan.asked_for = {month: asked_for(month, asked, official) for month in plan.months}


def _repairs(done: Path, files: Sequence[str]) -> int:
    """The count in all.done, and one more when a file of a finished run is gone."""
    if not done.exists():
        return 0
    return int(_receipt(done)["repairs"]) + any(not Path(file).exists() for file in files)


def _receipt(path: Path) -> dict[str, Any]:
    """A small JSON file of an earlier run; one that cannot be read is named."""
    try:
        told: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise OutagesError(
            "RECEIPT", f"{path} is damaged ({error}): delete it and run again", file=str(path)
        ) from error
    return told


__all__ = ["Plan", "make_plan", "months_of", "pattern_of", "pin_now", "target_of"]
