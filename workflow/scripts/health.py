"""Tell whether a working directory is fresh and whole: a table, results/health/health.json, and the exit code.

python workflow/scripts/health.py DIRECTORY [configuration files, as make takes them]

Exit code 0 when nothing is stale, 1 when something is. The source is never asked; the embedded database is started
when it does not run, and stopped again.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outages import alert, history
from outages import health as checks
from outages.clock import iso, parse_iso, step_hours
from outages.errors import OutagesError
from outages.files import read_json, write_json
from outages.lifecycle import at_work
from outages.plan import months_of, pattern_of, pin_now
from outages.settings import merged

REPORT = Path("results/health/health.json")


def health(config: dict[str, Any], wall: datetime, database_url: str | None) -> list[checks.Check]:
    """The checks of the working directory; `wall` is the real time, ages of hours go by the pretended one if any."""
    limits, months = config["health"], config["months"]
    now = pin_now(config["now"])
    wanted = months_of(months, now)
    silver = Path("results/silver")
    newest = checks.find_newest(silver, wanted)
    beyond = step_hours(pattern_of(config["hours"], wanted[-1])) - 1
    hour_limit = limits["max_hour_age_hours"] + beyond if months["live"] else None
    age_limit = checks.age_limit(limits["max_age_hours"], months["live"], months["last"])
    receipts = [*_receipts(silver / f"{month}.json" for month in wanted)]
    golden = Path("results/gold/golden_interrupciones.parquet")
    busy = at_work(Path(".snakemake/run.lock"))
    return [
        checks.last_success(Path("results/gold/all.done"), wall, age_limit),
        checks.newest_hour(newest, now, hour_limit),
        checks.last_rows(newest),
        checks.breaker(Path(config["store"]) / "breaker.json", wall),
        checks.warehouse(database_url, Path("results/postgres"), receipts, golden, busy, *_published()),
        checks.archive(Path("results/cold")),
        checks.success_rate(history.lines(history.PATH), wall, limits["min_success_rate"]),
    ]


def _published() -> tuple[list[str], int]:
    """Ids of the payloads and rows of the window that the last run left in the warehouse, if that was its target."""
    done, moved = (
        [told for told in _receipts([Path(path)]) if told["target"] == "warehouse"]
        for path in ("results/gold/all.done", "results/window.json")
    )
    return [name for told in done for name in told["sha256"]], sum(told["rows"] for told in moved)


def _receipts(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """What the receipts hold that are there: a run under way removes one before it writes it anew."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield read_json(path)


def report(found: list[checks.Check], wall: datetime) -> bool:
    """Print the table, write health.json, and tell whether nothing is stale."""
    healthy = all(check.state != checks.STALE for check in found)
    failures = list(history.lines(alert.PATH, frozenset({"timestamp", "text"})))
    print(checks.table(found))
    if failures and not _since(found, failures[-1]["timestamp"]):
        print(f"\nThe last run: {failures[-1]['text']}, {failures[-1]['timestamp']}")
    write_json(
        {
            "checked_at": iso(wall),
            "directory": str(Path.cwd()),
            "healthy": healthy,
            "checks": {check.name: check.told() for check in found},
            "last_failure": failures[-1] if failures else None,
        },
        REPORT,
    )
    return healthy


def _since(found: list[checks.Check], moment: str) -> bool:
    """Whether a run has succeeded after the moment."""
    at = next(check for check in found if check.name == "last_success").facts.get("at")
    return at is not None and parse_iso(at) > parse_iso(moment)


def main(directory: str, files: list[str]) -> int:
    """The command."""
    try:
        config = merged([Path(file).resolve() for file in files])
        os.chdir(directory)
        wall = datetime.now(UTC)
        return 0 if report(health(config, wall, os.environ.get("DATABASE_URL")), wall) else 1
    except OutagesError as error:
        print(f"health: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"health: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
