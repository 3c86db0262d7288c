"""The predecessor's method, written for the benchmark: what the workflow is compared with.

Each answer is a pandas frame of its own, grouped by place, company and start date; a Python loop over the groups
gives each an MD5; the rows go to PostgreSQL by INSERT ... ON CONFLICT in batches of 1000, each batch committed.
It is given what favours it: the batch goes by psycopg's executemany, with prepared statements and in a pipeline.
Unlike the workflow it resolves no names, checks no shape, accounts for no row and builds neither events nor payloads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outages.store import Answer
    from psycopg import Connection

BATCH = 1000
KEY = ["NOMBRE_REGION", "NOMBRE_COMUNA", "NOMBRE_EMPRESA", "FECHA_INT_STR"]
TABLE = """
CREATE TABLE IF NOT EXISTS baseline_interrupciones (
    hash_id char(32) PRIMARY KEY, fecha date NOT NULL, hora smallint NOT NULL, region text NOT NULL,
    comuna text NOT NULL, empresa text NOT NULL, fecha_inicio date, clientes bigint NOT NULL, filas integer NOT NULL
)
"""
INSERT = """
INSERT INTO baseline_interrupciones VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (hash_id) DO UPDATE SET clientes = excluded.clientes, filas = excluded.filas
"""
Row = tuple[Any, ...]


def group(answers: Iterable[Answer]) -> list[Row]:
    """Rows of the table, one a group: each answer is a frame, each group a turn of a loop."""
    import pandas as pd

    rows: list[Row] = []
    for answer in answers:
        frame = pd.DataFrame(json.loads(answer.body))
        frame["CLIENTES_AFECTADOS"] = pd.to_numeric(frame["CLIENTES_AFECTADOS"]).fillna(0)
        for name in KEY:
            frame[name] = frame[name].str.strip()
        grouped = frame.groupby(KEY, as_index=False)["CLIENTES_AFECTADOS"].agg(["sum", "size"])
        grouped["inicio"] = pd.to_datetime(grouped["FECHA_INT_STR"], format="%d/%m/%Y").dt.date
        for _, row in grouped.iterrows():
            place = row["NOMBRE_REGION"].upper(), row["NOMBRE_COMUNA"].upper(), row["NOMBRE_EMPRESA"].upper()
            key = "|".join((answer.fecha, str(answer.hora), *place, str(row["inicio"])))
            hash_id = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
            rows.append((hash_id, answer.fecha, answer.hora, *place, row["inicio"], int(row["sum"]), int(row["size"])))
    return rows


def insert(conn: Connection, rows: Iterable[Row]) -> None:
    """Put the rows into the table, batch by batch."""
    waiting = iter(rows)
    for batch in _batches(waiting):
        with conn.transaction(), conn.cursor() as cursor:
            cursor.executemany(INSERT, batch)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
