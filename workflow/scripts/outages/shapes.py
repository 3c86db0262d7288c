"""The two shapes of the source's answers, checked by exact fields and values.

Shape A has the 13 fields that were served until 2026, one row per outage; shape B three fields, one row per
commune. Another field, one missing, or a value outside what the shapes allow is drift: the source has changed,
and nothing may be made of such an answer until a person has looked at it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec

from .errors import OutagesError

#: A number that a 32-bit integer does not hold cannot be an answer about Chile.
MOST = 2**31 - 1
Number = Annotated[int, msgspec.Meta(ge=-MOST - 1, le=MOST)] | None
Customers = Annotated[int, msgspec.Meta(ge=0, le=MOST)] | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{0,9}\Z")] | None


class RowA(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One outage as shape A tells it (the source's own names)."""

    NOMBRE_REGION: str | None
    NOMBRE_COMUNA: str | None
    NOMBRE_EMPRESA: str | None
    CLIENTES_AFECTADOS: Customers
    ACTUALIZADO_HACE: str | None
    FECHA_INT_STR: str | None
    DIA_INT: Number
    MES_INT: Number
    ANHO_INT: Number
    HORA: Number
    DIA: Number
    MES: Number
    ANHO: Number


class RowB(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One commune as shape B tells it."""

    NOMBRE_REGION: str | None
    NOMBRE_COMUNA: str | None
    CLIENTES_AFECTADOS: Customers


SHAPES: dict[str, type[msgspec.Struct]] = {"A": RowA, "B": RowB}
_DECODERS = {name: msgspec.json.Decoder(list[shape]) for name, shape in SHAPES.items()}  # type: ignore[valid-type]
_FIELDS = {name: frozenset(shape.__struct_fields__) for name, shape in SHAPES.items()}


class Drift(OutagesError):
    """An answer that is none of the known shapes; `facts` name the row, the field and the value."""


def parse(body: str) -> tuple[str | None, list[Any]]:
    """(shape, rows) of an answer: ("A", [RowA...]), ("B", [RowB...]) or (None, []) for an empty array.

    Raises `Drift` for anything else, naming the first bad row (counted from 0), its field and value.
    """
    # The name of A's field tells which shape to try first; it could also be escaped, or the name of a place.
    errors: list[Exception] = []
    for shape in "AB" if '"NOMBRE_EMPRESA"' in body else "BA":
        try:
            rows = _DECODERS[shape].decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            errors.append(error)
        else:
            return (shape, rows) if rows else (None, [])
    raise _drift(body, errors[0]) from errors[0]


def communes(rows: list[Any]) -> int:
    """Distinct (region, commune) spellings in an answer's rows."""
    return len({(row.NOMBRE_REGION, row.NOMBRE_COMUNA) for row in rows})


def _drift(body: str, error: Exception) -> Drift:
    """Say in words what is wrong with a body that did not decode."""
    if not body.strip():
        return Drift("DRIFT_EMPTY_BODY", "the answer has no content at all")
    if body.lstrip().startswith("<"):
        return Drift("DRIFT_HTML", "the answer is a page of HTML, not JSON", begin=body.strip()[:80])
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as fault:
        return Drift("DRIFT_NOT_JSON", f"the answer is not JSON, or cut off: {fault}", begin=body[:80])
    if not isinstance(value, list):
        keys = sorted(value) if isinstance(value, dict) else []
        named = f" with the fields {keys}" if keys else ""
        return Drift("DRIFT_NOT_A_LIST", f"the answer is a JSON {type(value).__name__}{named}, not an array of rows")
    expected = "A" if any(isinstance(row, dict) and "NOMBRE_EMPRESA" in row for row in value) else "B"
    for number, row in enumerate(value):
        found = _row_drift(number, row, expected)
        if found:
            return found
    return Drift("DRIFT_SHAPE", f"the answer does not decode: {error}")


def _row_drift(number: int, row: Any, expected: str) -> Drift | None:
    if not isinstance(row, dict):
        return Drift(
            "DRIFT_ROW", f"row {number} is a {type(row).__name__}, not an object", row=number, value=_short(row)
        )
    missing, added = sorted(_FIELDS[expected] - row.keys()), sorted(row.keys() - _FIELDS[expected])
    if missing or added:
        parts = [f"{word} {names}" for word, names in (("lacks", missing), ("adds", added)) if names]
        return Drift(
            "DRIFT_FIELDS",
            f"row {number} is not of shape {expected}: it {' and '.join(parts)}",
            row=number,
            field=", ".join(map(_printable, missing + added)),
        )
    for field, value in row.items():
        try:
            msgspec.convert({**_BLANK[expected], field: value}, SHAPES[expected])
        except (msgspec.ValidationError, UnicodeEncodeError) as error:  # half a surrogate pair cannot be encoded
            return Drift(
                "DRIFT_VALUE",
                f"row {number}, field {field}: {_short(value)} is not allowed ({error})",
                row=number,
                field=field,
                value=_short(value),
            )
    return None


_BLANK = {name: dict.fromkeys(fields) for name, fields in _FIELDS.items()}


def _short(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=True)
    except RecursionError:
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def _printable(name: str) -> str:
    """The name of a field without half a surrogate pair, which no log could write."""
    return name.encode(errors="backslashreplace").decode()
