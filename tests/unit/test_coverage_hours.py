"""The states of hours by month and hour of the day: nothing is counted that the pattern leaves out."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from outages.aggregates import coverage_hours
from outages.silver import HOURS_SCHEMA


def month_file(path: Path, month: int, rows: list[tuple[int, str, str | None]]) -> Path:
    """Hours of successive days, as (hour of the day, state, reason)."""
    table = {name: [None] * len(rows) for name in HOURS_SCHEMA} | {
        "hora_utc": [datetime(2025, month, day + 1, hour, tzinfo=UTC) for day, (hour, _, _) in enumerate(rows)],
        "fecha": [date(2025, month, day + 1) for day in range(len(rows))],
        "hora": [hour for hour, _, _ in rows],
        "estado": [state for _, state, _ in rows],
        "motivo": [reason for _, _, reason in rows],
    }
    pl.DataFrame(table, schema=HOURS_SCHEMA).write_parquet(path)
    return path


def test_hours_are_counted_by_state_in_order(tmp_path: Path) -> None:
    march = [
        (12, "observed", None), (12, "observed", None), (12, "gap", "empty"), (0, "unasked", "not yet"),
        (5, "unasked", "not in pattern"), (6, "observed", "not in pattern"),
    ]  # fmt: skip
    files = [
        month_file(tmp_path / "april.parquet", 4, [(0, "gap", "empty")]),
        month_file(tmp_path / "march.parquet", 3, march),
    ]
    assert coverage_hours(files, [{"month": "2025-04"}, {"month": "2025-03"}]) == [
        {"mes": "2025-03-01", "hora": 0, "observed": 0, "gap": 0, "unasked": 1},
        {"mes": "2025-03-01", "hora": 12, "observed": 2, "gap": 1, "unasked": 0},
        {"mes": "2025-04-01", "hora": 0, "observed": 0, "gap": 1, "unasked": 0},
    ]
