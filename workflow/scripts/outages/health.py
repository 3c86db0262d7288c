"""Whether what a working directory holds is fresh and whole: one check a line, each ok, stale or unknown.

Nothing here asks the source. `unknown` means that there is nothing yet to judge by; it is no alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .breaker import Breaker
from .clock import HOUR, iso, parse_iso
from .errors import OutagesError

if TYPE_CHECKING:
    from psycopg import Connection

OK, STALE, UNKNOWN = "ok", "stale", "unknown"
WINDOW = timedelta(days=7)


@dataclass(frozen=True)
class Check:
    """One line of the report: a value, the limit it is held to (null: none), and what to do about it."""

    name: str
    state: str
    value: Any
    text: str
    limit: Any = None
    advice: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The check as health.json holds it, under its name."""
        kept = ("state", "value", "limit", "text", "advice", "facts")
        return {name: getattr(self, name) for name in kept} | {"facts": dict(self.facts)}


class Newest(NamedTuple):
    """The newest observed hour: its begin in UTC, source rows, customers."""

    begin: datetime
    rows: int
    customers: int


def age_limit(limit: float | str | None, live: bool, last: str) -> float | None:
    """Hours since the last success that are fine: `auto` goes by the months that the configuration names."""
    if isinstance(limit, str):
        return 6 if live else 35 * 24 if last == "auto" else None
    return limit


def last_success(done: Path, wall: datetime, limit: float | None) -> Check:
    """How long ago all.done was written (wall clock, whatever time a run pretends)."""
    name = "last_success"
    if not done.exists():
        return Check(name, STALE, None, "never", limit, "No run has succeeded here yet: make gold, or make live.")
    at = datetime.fromtimestamp(done.stat().st_mtime, UTC)
    hours = _hours(wall - at)
    late = limit is not None and hours > limit
    advice = "Runs fail or do not start: see the timer, results/health/failures.jsonl and the logs." if late else None
    return Check(name, STALE if late else OK, hours, f"{_span(hours)} ago", limit, advice, {"at": iso(at)})


def find_newest(silver: Path, months: Sequence[str]) -> Newest | None:
    """The newest observed hour of the months, from the states of their hours; None when there is none."""
    import polars as pl

    for path in (silver / f"{month}.hours.parquet" for month in sorted(months, reverse=True)):
        try:
            hours = pl.read_parquet(path, columns=["hora_utc", "estado", "filas", "clientes"])
        except FileNotFoundError:
            continue
        found = hours.filter(pl.col("estado") == "observed").sort("hora_utc").tail(1).rows(named=True)
        if found:
            return Newest(found[0]["hora_utc"], found[0]["filas"], found[0]["clientes"])
    return None


def newest_hour(newest: Newest | None, now: datetime, limit: float | None) -> Check:
    """How long ago the newest observed hour ended; `limit` is None unless the configuration is live."""
    name = "newest_hour"
    if newest is None:
        advice = "No hour is observed yet: see the logs of scrape and dedupe."
        return Check(name, UNKNOWN if limit is None else STALE, None, "none", limit, advice)
    hours = _hours(now - newest.begin - HOUR)
    late = limit is not None and hours > limit
    why = "No answers come in: see the breaker and the logs of scrape." if late else None
    text = f"{newest.begin:%Y-%m-%d %H:%M} UTC, over for {_span(hours)}"
    return Check(name, STALE if late else OK, hours, text, limit, why, {"hour": iso(newest.begin)})


def last_rows(newest: Newest | None) -> Check:
    """Rows of the newest observed hour, as the source sent them."""
    name = "last_hour_rows"
    if newest is None:
        return Check(name, UNKNOWN, None, "none")
    text = f"{newest.rows:,} rows, {newest.customers:,} customers"
    return Check(name, OK, newest.rows, text, facts={"customers": newest.customers})


def breaker(path: Path, wall: datetime) -> Check:
    """The circuit breaker; anything but closed means that the source has not answered since it opened."""
    told = Breaker(path).state()
    state, until = told["state"], told["until"]
    if state == "closed":
        return Check("breaker", OK, state, f"closed, {told['failures']} failures in a row", "closed", None, told)
    moment = datetime.fromtimestamp(until, UTC)
    waits = moment > wall
    text = f"{state} until {moment:%Y-%m-%d %H:%M} UTC" if waits else f"{state}, and the next run may ask once"
    advice = f"It opened because {told['reason']}. Run again {'after that' if waits else 'now'}; after a block ask why."
    return Check("breaker", STALE, state, text, "closed", advice, told | {"until": iso(moment)})


def warehouse(
    url: str | None,
    cluster: Path,
    receipts: Sequence[Mapping[str, Any]],
    golden: Path,
    at_work: int | None,
    published: Sequence[str] = (),
    hot_rows: int = 0,
) -> Check:
    """Whether the database can be reached and holds the months of the receipts and the events of `golden`, all rows.

    `published` are the ids that dashboard_stats, and `hot_rows` the rows that interrupciones_hot has at least, when
    the database is what is published to. The embedded server is started for it, a cluster never made. `at_work` is
    the process of a run under way, which may be about to load what is missing.
    """
    name, limit = "database", "complete"
    if not receipts:
        return Check(name, UNKNOWN, None, "nothing is built yet", limit)
    rebuild = "Remove results/load and run again, which loads everything from results/silver."
    if not url and not (cluster / "data" / "PG_VERSION").exists():
        return Check(name, STALE, "gone", f"there is none in {cluster}", limit, rebuild)
    import psycopg

    from .event_loading import stale_events
    from .loading import count_months, stale_months
    from .postgres import database

    try:
        with database(url, cluster) as conn:
            behind = stale_months(conn, receipts, count_months(conn))
            events = not golden.exists() or not stale_events(conn, golden)
            lost = _lost(conn, published, hot_rows)
    except OutagesError as error:
        return Check(name, STALE, "unreachable", error.message, limit, "See docs/error-codes.md.", {"code": error.code})
    except psycopg.errors.UndefinedTable:
        return Check(name, STALE, "empty", "it has no tables of this workflow", limit, rebuild)
    except psycopg.Error as error:
        return Check(name, STALE, "unreachable", f"it does not answer: {type(error).__name__}", limit, "See its log.")
    facts = {"months_behind": behind, "events_behind": not events, "lost": lost}
    if not behind and events and not lost:
        return Check(name, OK, "complete", f"{len(receipts)} months and the events", limit, None, facts)
    missing = [*behind, *([] if events else ["the events"])]
    text = "behind: " + ", ".join([*missing, *lost])
    if at_work:
        return Check(name, UNKNOWN, "behind", text, limit, f"A run is at work (process {at_work}): look again.", facts)
    again = "Remove results/gold/all.done and run again, which publishes anew."
    advice = f"The next job that reads it loads them. {rebuild}" if missing else again
    return Check(name, STALE, "behind", text, limit, advice, facts)


def _lost(conn: Connection, published: Sequence[str], hot_rows: int) -> list[str]:
    """Tables of what is published that lack rows."""
    there = {name for (name,) in conn.execute("SELECT id FROM dashboard_stats").fetchall()}
    hot = conn.execute("SELECT count(*) FROM interrupciones_hot").fetchone()
    lacking = {"dashboard_stats": not there.issuperset(published), "interrupciones_hot": not hot or hot[0] < hot_rows}
    return [name for name, lacks in lacking.items() if lacks]


def archive(folder: Path) -> Check:
    """Whether every file of the cold archive is there with the rows that were archived, each as its digest tells."""
    from .cold import verify

    name, limit = "archive", "sound"
    found, wrong = verify(folder)
    if not found and not wrong:
        return Check(name, UNKNOWN, None, "nothing has left the last 30 days yet", limit)
    facts = {"files": found, "wrong": wrong}
    if not wrong:
        rows = sum(file["rows"] for file in found.values())
        return Check(name, OK, "sound", f"{len(found)} files, {rows:,} rows", limit, None, facts)
    text = "; ".join(f"{file}: {why}" for file, why in wrong.items())
    advice = f"Restore it from a backup. What is lost for good: take it out of {folder / 'index.json'}."
    return Check(name, STALE, "damaged", text, limit, advice, facts)


def success_rate(lines: Iterable[Mapping[str, Any]], wall: datetime, minimum: float) -> Check:
    """Share of the jobs of 7 days that succeeded, in the stage where it is least; interrupted jobs do not count."""
    done, ended, counts = Counter[str](), Counter[str](), Counter[str]()
    for line in lines:
        if line["outcome"] != "interrupted" and parse_iso(line["timestamp"]) >= wall - WINDOW:
            done[line["stage"]] += line["outcome"] == "done"
            ended[line["stage"]] += 1
            counts.update(line.get("counts") or {})
    name = "success_rate"
    if not ended:
        return Check(name, UNKNOWN, None, "no job ended in 7 days", minimum)
    rates = {stage: done[stage] / ended[stage] for stage in sorted(ended)}
    least = min(rates, key=lambda stage: rates[stage])
    low = rates[least] < minimum
    text = f"{done.total():,} of {ended.total():,} jobs in 7 days; least {least}, {done[least]:,} of {ended[least]:,}"
    if counts:
        text += "; " + ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(counts.items()))
    stages = {stage: {"done": done[stage], "ended": ended[stage], "rate": round(rates[stage], 4)} for stage in rates}
    facts = {"stage": least, "done": done.total(), "ended": ended.total(), "stages": stages, "counts": dict(counts)}
    advice = f"See the codes of {least} in results/health/failures.jsonl." if low else None
    return Check(name, STALE if low else OK, round(rates[least], 4), text, minimum, advice, facts)


def table(checks: Sequence[Check]) -> str:
    """The checks for people: state, name, value, limit, and below a line that needs one, the advice."""
    lines = []
    for check in checks:
        limit = "" if check.limit is None else f"   (limit: {_limit(check)})"
        lines.append(f"{check.state:<8} {check.name.replace('_', ' '):<15} {check.text}{limit}")
        if check.advice:
            lines.append(f"{'':<25}{check.advice}")
    return "\n".join(lines)


def _limit(check: Check) -> str:
    if check.name == "success_rate":
        return f"{check.limit:.0%} in each stage"
    return check.limit if isinstance(check.limit, str) else _span(check.limit)


def _hours(span: timedelta) -> float:
    return round(span / HOUR, 2)


def _span(hours: float) -> str:
    """Hours as people say them."""
    if abs(hours) < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if abs(hours) < 72 else f"{hours / 24:.1f} days"
