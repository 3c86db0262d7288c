"""docs/data-dictionary.md against the catalogue of a real warehouse: columns, types, nulls."""

from __future__ import annotations

import re
from pathlib import Path

from outages.postgres import database

DICTIONARY = (Path(__file__).parents[2] / "docs/data-dictionary.md").read_text()
COLUMNS = """
    SELECT c.relname, c.relkind = 'v', a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""
#: Told by words: the columns of another view.
SAME_COLUMNS = {"interrupciones_30_dias"}


def test_types_and_nulls_of_the_warehouse_are_told(warehouse_url: str) -> None:
    """Of a view only columns and types: PostgreSQL does not know which of its columns are never null."""
    with database(warehouse_url, Path()) as conn:
        rows = conn.execute(COLUMNS).fetchall()
    found: dict[str, dict[str, tuple[str, bool | None]]] = {}
    for relation, is_view, column, kind, null in rows:
        short = kind.replace("character(", "char(").replace("timestamp with time zone", "timestamptz")
        found.setdefault(relation, {})[column] = (short, None if is_view else null)
    assert {"observaciones", "interrupciones"} <= found.keys()
    for relation, columns in found.items():
        if relation not in SAME_COLUMNS:
            section = re.search(rf"^## `{relation}`\n(.*?)(?=^#|\Z)", DICTIONARY, re.MULTILINE | re.DOTALL)
            assert section, relation
            lines = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|.*\| ([^|]+) \|$", section[1], re.MULTILINE)
            unknown = all(null is None for _, null in columns.values())
            told = {name: (kind, None if unknown else null != "no") for name, kind, null in lines}
            assert told == columns, relation
