"""The rows of a month's answers as numbers, with the source's texts in a list beside them.

Tens of thousands of rows name a few thousand outages. What follows from the texts of one (names, dates) is worked out
once, and rows are grouped by numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, count, repeat
from operator import attrgetter
from typing import Any, NamedTuple

import polars as pl


class Told(NamedTuple):
    """What a row of the source tells besides its customers; in shape B no company and no date."""

    region: str | None
    comuna: str | None
    empresa: str | None = None
    inicio: str | None = None
    dia: int | None = None
    mes: int | None = None
    anho: int | None = None


class SourceRows(NamedTuple):
    """`frame` has a line a row of the source: the number of its answer (`at`), the position of what it tells (`told`),
    and its customers (`clientes`, null where the source tells none).
    """

    frame: pl.DataFrame
    told: list[Told]


_FIELDS = {
    "A": attrgetter(
        *("NOMBRE_REGION", "NOMBRE_COMUNA", "NOMBRE_EMPRESA", "FECHA_INT_STR", "DIA_INT", "MES_INT", "ANHO_INT")
    ),
    "B": attrgetter("NOMBRE_REGION", "NOMBRE_COMUNA"),
}
_customers = attrgetter("CLIENTES_AFECTADOS")


def source_rows(answers: Sequence[tuple[str, list[Any]]]) -> SourceRows:
    """The rows of some answers, each (shape, rows as `shapes.parse` gives them)."""
    # A text is hashed once a row, and nothing else is done row by row in Python.
    positions: defaultdict[tuple[Any, ...], int] = defaultdict(count().__next__)
    told: list[int] = []
    for shape, rows in answers:
        told += map(positions.__getitem__, map(_FIELDS[shape], rows))
    customers: list[Any] = list(map(_customers, chain.from_iterable(rows for _, rows in answers)))
    if str in set(map(type, customers)):
        customers = [_number(value) for value in customers]
    at = list(chain.from_iterable(repeat(number, len(rows)) for number, (_, rows) in enumerate(answers)))
    frame = pl.DataFrame(
        {"at": at, "told": told, "clientes": customers},
        schema={"at": pl.Int32, "told": pl.Int32, "clientes": pl.Int64},
    )
    return SourceRows(frame, [Told(*texts) for texts in positions])


def _number(value: int | str | None) -> int | None:
    if isinstance(value, str):
        return int(value) if value else None
    return value
