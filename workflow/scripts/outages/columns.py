"""What the columns of published files mean: the data dictionary and the payloads' schemas, as rows for machines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import OutagesError

if TYPE_CHECKING:
    import polars as pl

#: Units of the numbers and times in Parquet; other columns have none.
UNITS = {
    "antiguedad_dias": "days",
    "clientes": "customers",
    "clientes_afectados": "customers",
    "clientes_fantasma": "customers",
    "clientes_hora": "customer-hours",
    "clientes_reportados": "customers",
    "filas": "source rows",
    "fin": "hour (UTC)",
    "hora": "hour of the day (local)",
    "hora_utc": "hour (UTC)",
    "horas_sin_dato": "hours",
    "inicio": "hour (UTC)",
    "observaciones": "snapshots",
    "paso_horas": "hours",
    "revisiones": "answers",
}
#: How the dictionary writes the types of Polars.
TYPES = {
    "String": "text",
    "Date": "date",
    "Boolean": "bool",
    "Int8": "int8",
    "Int32": "int32",
    "Int64": "int64",
    "Datetime(time_unit='us', time_zone='UTC')": "timestamp UTC",
}


@dataclass(frozen=True)
class Column:
    """A column of a table or a key of a payload's items; `null` says when it is null ("no": never)."""

    name: str
    type: str
    unit: str
    null: str
    description: str


def of_parquet(path: Path, dictionary: str, title: str) -> list[Column]:
    """The columns of a file as the section `title` of the dictionary tells them.

    Raises RELEASE_COLUMNS when names, order or types are not those of the file.
    """
    import polars as pl

    told = _section(dictionary, title)
    held = _types(pl.read_parquet_schema(path))
    if [(column.name, column.type) for column in told] != held:
        message = f"{path.name} does not have the columns that the data dictionary tells under {title}: correct it."
        raise OutagesError("RELEASE_COLUMNS", message, file=str(path), held=held)
    return told


def of_payload(schema: Mapping[str, Any]) -> list[Column]:
    """The keys of a payload's items, from its JSON Schema; units stand in the descriptions."""
    return [
        Column(name, "/".join(sorted(_kinds(part) - {"null"})) or "null", "",
               "possible" if "null" in _kinds(part) else "no", _plain(part.get("description", "")))
        for name, part in schema["items"]["properties"].items()
    ]  # fmt: skip


def as_csv(tables: Mapping[str, Iterable[Column]]) -> str:
    """The columns of all files as CSV: file, then the fields of `Column`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *(field.name for field in fields(Column))])
    writer.writerows([file, *astuple(column)] for file, columns in tables.items() for column in columns)
    return text.getvalue()


def _section(dictionary: str, title: str) -> list[Column]:
    found = re.search(rf"^## [^\n]*`{re.escape(title)}`[^\n]*\n(.*?)(?=^#|\Z)", dictionary, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| (.*) \| ([^|]+) \|$", found[1] if found else "", re.MULTILINE)
    return [
        Column(name, kind, UNITS.get(name, ""), _plain(null), _plain(meaning)) for name, kind, meaning, null in rows
    ]


def _types(schema: Mapping[str, pl.DataType]) -> list[tuple[str, str]]:
    return [(name, TYPES[str(kind)]) for name, kind in schema.items()]


def _kinds(part: Mapping[str, Any]) -> set[str]:
    """JSON types that a part of a schema allows."""
    kinds = part.get("type", [])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    for way in (*part.get("oneOf", ()), *part.get("anyOf", ())):
        found |= _kinds(way)
    values = [*part.get("enum", ()), *([part["const"]] if "const" in part else [])]
    return found | {
        "null" if value is None else "string" for value in values if value is None or isinstance(value, str)
    }


def _plain(text: str) -> str:
    """Without the marks of Markdown."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").strip()
