"""Warehouses to be backed up, and what tests of backups look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from outages.errors import OutagesError
from outages.event_loading import replace_events
from outages.loading import load_month
from outages.postgres import Embedded, database
from outages.warehouse import migrate, sync_dimensions, table_digests

from .small_files import write_golden, write_month

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "tell-nobody"
New = Callable[[Path], Embedded]


def fill(url: str, folder: Path) -> dict[str, str]:
    """Two months, three events and a payload; the digests."""
    folder.mkdir(exist_ok=True)
    starts = [datetime(2025, 1, day, tzinfo=UTC) for day in (3, 4, 5)]
    with database(url, Path()) as conn:
        migrate(conn)
        sync_dimensions(conn, REPOSITORY / "resources")
        for month in ("2025-01", "2025-02"):
            load_month(conn, month, *write_month(folder, month))
        replace_events(conn, write_golden(folder / "golden.parquet", starts))
        conn.execute("""INSERT INTO dashboard_stats VALUES ('año', '[{"n": 1.50, "text": "Ñuble\\n"}]', now())""")
        return table_digests(conn)


def digests(url: str) -> dict[str, str]:
    with database(url, Path()) as conn:
        return table_digests(conn)


def held(url: str) -> int:
    """How many relations of its own a database has."""
    with database(url, Path()) as conn:
        found = conn.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone()
    assert found
    return int(found[0])


def refused(code: str, action: Callable[..., Any], *arguments: object) -> OutagesError:
    with pytest.raises(OutagesError) as caught:
        action(*arguments)
    assert caught.value.code == code, caught.value
    return caught.value
