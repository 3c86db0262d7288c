"""The rows of a month's answers as numbers, and what follows from the source's texts.

Tens of thousands of rows tell of a few thousand outages, by a few hundred names and dates: what follows from a text is
worked out once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from itertools import count
from operator import attrgetter
from typing import Any, NamedTuple

import polars as pl

from .names import UNKNOWN, Names

_FIELDS = {
    "A": attrgetter(
        *("NOMBRE_REGION", "NOMBRE_COMUNA", "NOMBRE_EMPRESA", "FECHA_INT_STR", "DIA_INT", "MES_INT", "ANHO_INT")
    ),
    "B": attrgetter("NOMBRE_REGION", "NOMBRE_COMUNA"),
}
_customers = attrgetter("CLIENTES_AFECTADOS")
#: What a row of the source tells, in the order of `_FIELDS`.
TOLD: dict[str, Any] = {
    **dict.fromkeys(("region", "comuna", "empresa", "inicio"), pl.String),
    **dict.fromkeys(("dia", "mes", "anho"), pl.Int32),
}


class Rows(NamedTuple):
    """The rows of an answer: the number of what each tells, and its customers, None where the source tells none."""

    told: list[int]
    customers: list[int | None]


class Told:
    """What rows tell besides their customers; each different thing has a number, counted from 0."""

    def __init__(self) -> None:
        self._numbers: defaultdict[tuple[Any, ...], int] = defaultdict(count().__next__)

    def rows(self, shape: str, rows: Sequence[Any]) -> Rows:
        """The rows of an answer, as `shapes.parse` gives them."""
        # A text is hashed once a row, while it is at hand, and nothing else is done row by row in Python.
        told = list(map(self._numbers.__getitem__, map(_FIELDS[shape], rows)))
        customers: list[Any] = list(map(_customers, rows))
        if str in set(map(type, customers)):
            customers = [_number(value) for value in customers]
        return Rows(told, customers)

    def table(self, names: Names) -> pl.DataFrame:
        """The texts and numbers of the source in the order of their numbers, and what follows from them.

        `codigo_comuna` and `nombre_empresa` are enumerations, sorted as texts are; `fecha_inicio` is null where the
        text tells no day; `discordante` tells that its day is not that of the numbers.
        """
        blank = (None,) * len(TOLD)  # shape B tells no company and no date
        lines = [texts + blank[len(texts) :] for texts in self._numbers]
        columns = zip(*lines, strict=True) if lines else [()] * len(TOLD)
        told = pl.DataFrame([pl.Series(*one) for one in zip(TOLD, columns, TOLD.values(), strict=True)])
        told = _with(told, ["region", "comuna"], "codigo_comuna", names.place)
        told = _with(told, ["empresa"], "nombre_empresa", names.company)
        told = _with(told, ["inicio"], "fecha_inicio", parse_start, pl.Date)
        day = pl.col("fecha_inicio")
        whole = pl.all_horizontal(pl.col("dia", "mes", "anho", "fecha_inicio").is_not_null())
        same = (pl.col("dia") == day.dt.day()) & (pl.col("mes") == day.dt.month()) & (pl.col("anho") == day.dt.year())
        return told.with_columns(
            geo_desconocida=pl.col("codigo_comuna").cast(pl.String).str.ends_with("000"),
            empresa_desconocida=pl.col("nombre_empresa").cast(pl.String) == UNKNOWN,
            discordante=whole & ~same,
        )


def _with(
    told: pl.DataFrame, texts: list[str], name: str, work_out: Callable[..., Any], kind: Any = None
) -> pl.DataFrame:
    """`told` and what follows from some of its texts, worked out once for each; an enumeration without a `kind`."""
    distinct = told.select(texts).unique()
    found = [work_out(*one) for one in distinct.iter_rows()]
    known = distinct.with_columns(pl.Series(name, found, kind or pl.Enum(sorted(set(found)))))
    return told.join(known, on=texts, nulls_equal=True, how="left", maintain_order="left")


def parse_start(text: str | None) -> date | None:
    """The day of "29/1/2025" (day/month/year, not padded); None when there is none to read."""
    parts = (text or "").strip().split("/")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    try:
        return date(int(parts[2]), int(parts[1]), int(parts[0]))
    except (ValueError, OverflowError):
        return None


def _number(value: int | str | None) -> int | None:
    if isinstance(value, str):
        return int(value) if value else None
    return value
