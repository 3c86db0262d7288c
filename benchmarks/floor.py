"""The least that a machine needs: a bare DuckDB that reads and groups bronze, and a bare COPY of the same rows.

Neither checks anything. The floor of `dedupe` is reading and grouping by place, company and start date as the source
spells them. The floor of `load` is COPY, from memory, into an empty table with the keys and checks of
`observaciones`: without them the rows are not what the warehouse promises. COPY into a table without any is told too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from psycopg import Connection

#: A line of bronze holds a whole answer; DuckDB wants to know how long one may be.
LONGEST_LINE = 1 << 26
_ROW = """'[{"NOMBRE_REGION":"VARCHAR","NOMBRE_COMUNA":"VARCHAR","NOMBRE_EMPRESA":"VARCHAR","CLIENTES_AFECTADOS":"INTEGER","FECHA_INT_STR":"VARCHAR"}]'"""  # noqa: E501
_READ = f"""
CREATE OR REPLACE TEMP TABLE grouped AS
SELECT fecha, hora, r.NOMBRE_REGION, r.NOMBRE_COMUNA, r.NOMBRE_EMPRESA, r.FECHA_INT_STR,
    sum(r.CLIENTES_AFECTADOS) AS clientes, count(*) AS filas
FROM (
    SELECT fecha, hora, unnest(from_json(body, {_ROW})) AS r
    FROM read_ndjson(?, columns = {{fecha: 'VARCHAR', hora: 'TINYINT', body: 'VARCHAR'}},
        maximum_object_size = {LONGEST_LINE})
)
GROUP BY ALL
"""


class Copied(NamedTuple):
    """Seconds of COPY into an empty table without keys, and into one with them."""

    bare: float
    keyed: float


def duckdb_groups(bronze: Path) -> tuple[float, int, int]:
    """(seconds, source rows, groups) of reading one month's bronze with DuckDB; connecting is not counted."""
    import duckdb

    with duckdb.connect() as base:
        began = time.perf_counter()
        base.execute(_READ, [str(bronze)])
        seconds = time.perf_counter() - began
        found = base.execute("SELECT sum(filas), count(*) FROM grouped").fetchone()
    assert found is not None
    return seconds, int(found[0]), int(found[1])


def copy_rows(conn: Connection, partition: str) -> Copied:
    """COPY the rows of a loaded partition into empty tables of its form, from CSV that lies in memory."""
    with conn.cursor().copy(f"COPY {partition} TO STDOUT (FORMAT csv)") as out:
        content = b"".join(bytes(part) for part in out)
    return Copied(_copy(conn, f"LIKE {partition}", content), _copy(conn, f"LIKE {partition} INCLUDING ALL", content))


def _copy(conn: Connection, form: str, content: bytes) -> float:
    """Seconds from BEGIN to COMMIT; the table is made within, as for a month that is loaded for the first time."""
    began = time.perf_counter()
    with conn.transaction():
        conn.execute(f"CREATE TABLE bench_copy ({form})")
        with conn.cursor().copy("COPY bench_copy FROM STDIN (FORMAT csv, FREEZE)") as into:
            into.write(content)
    seconds = time.perf_counter() - began
    conn.execute("DROP TABLE bench_copy")
    return seconds
