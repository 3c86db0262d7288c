"""Customers per region and month: which value counts for a month, and how it is known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .clock import parse_month
from .errors import OutagesError

if TYPE_CHECKING:
    from .names import Names

#: Code of the line that holds the whole country's customers.
COUNTRY = "CL"
#: Columns of the table of official values.
OFFICIAL = ("mes", "codigo_region", "clientes", "fuente")
#: Share of the national value by which the regions' sum may differ before it is warned of.
TOLERANCE = 0.01


class Asked(msgspec.Struct):
    """One line of `answers/customers.jsonl`: what the source told of a region in a calendar month of running."""

    mes: str
    codigo_region: str
    clientes: int
    source: str
    asked_at: str


@dataclass(frozen=True)
class Value:
    """Customers of a region in a month, with where they come from."""

    mes: str
    codigo_region: str
    clientes: int
    fuente: str
    official: bool


def read_asked(path: Path) -> list[Asked]:
    """The lines of the store's customers file; empty without one. A last line that a crash tore is left out."""
    if not path.exists():
        return []
    decoder = msgspec.json.Decoder(Asked)
    *lines, _torn = path.read_bytes().split(b"\n")
    try:
        return [decoder.decode(line) for line in lines]
    except msgspec.MsgspecError as error:
        raise OutagesError("CUSTOMERS_STORE", f"{path} is damaged: {error}", file=str(path)) from error


def regions_of(names: Names) -> dict[str, str]:
    """Code -> published name of the 16 regions, and of the country."""
    return {code: names.region_name(code) for code, _ in names.query_names()} | {COUNTRY: "CHILE"}


def read_values(asked: list[Path], official: str | None, regions: Iterable[str]) -> list[Value]:
    """Every known value: of the files that stage `ask` wrote, and of the official table when there is one."""
    lines = [line for path in asked for line in msgspec.json.decode(path.read_bytes(), type=list[Asked])]
    values = [Value(line.mes, line.codigo_region, line.clientes, f"SEC, {line.asked_at[:10]}", False) for line in lines]
    return values + (read_official(Path(official), regions) if official else [])


def asked_for(month: str, asked: set[str], official: list[Value]) -> list[str]:
    """Those of the calendar months asked whose values count for a month, in at least one region."""
    by_region: dict[str, set[str]] = {"": set()}
    for value in official:
        by_region.setdefault(value.codigo_region, set()).add(value.mes)
    chosen = {(nearest(month, asked | own), region) for region, own in by_region.items()}
    return sorted({near for near, region in chosen if near in asked and near not in by_region[region]})


def read_official(path: Path, regions: Iterable[str]) -> list[Value]:
    """The configured table of official values: mes, codigo_region (2 digits, or CL), clientes, fuente.

    Raises `OutagesError` CUSTOMERS_TABLE, with file and line, for a table without these columns or without a line,
    a cell that makes no sense, and a second value of one month and region.
    """
    codes = {*regions, COUNTRY}
    values: dict[tuple[str, str], Value] = {}

    def refused(why: object, line: int) -> OutagesError:
        return OutagesError("CUSTOMERS_TABLE", f"{path}, line {line}: {why}", file=str(path), row=line)

    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        why = f"{path}: {reason} (customers.official)"
        raise OutagesError("CUSTOMERS_TABLE", why, file=str(path)) from error
    missing = [name for name in OFFICIAL if name not in (rows.fieldnames or ())]
    if missing:
        raise refused(f"no column is named {', '.join(missing)}", 1)
    for row in rows:
        try:
            parse_month(row["mes"])
            value = Value(row["mes"], row["codigo_region"], int(row["clientes"]), row["fuente"].strip(), True)
        except (TypeError, ValueError, AttributeError, OutagesError) as error:
            raise refused(error, rows.line_num) from error
        if value.codigo_region not in codes or value.clientes <= 0 or not value.fuente:
            raise refused(f"an unknown region, no customers or no source: {row}", rows.line_num)
        if (value.mes, value.codigo_region) in values:
            raise refused(f"{value.mes} of {value.codigo_region} has a value already", rows.line_num)
        values[value.mes, value.codigo_region] = value
    if not values:
        raise refused("the table has no line", 1)
    return list(values.values())


def nearest(month: str, known: Iterable[str]) -> str | None:
    """The known month nearest to a month, the earlier of two as near; None without any."""
    year, number = parse_month(month)

    def distance(other: str) -> tuple[int, str]:
        y, n = parse_month(other)
        return abs((y - year) * 12 + n - number), other

    return min(known, key=distance, default=None)


def table(months: Iterable[str], regions: dict[str, str], values: list[Value]) -> list[dict[str, object]]:
    """One row per month and region, and country.

    Columns: mes, codigo_region, nombre_region, clientes, estado, mes_valor, fuente.

    `estado`: official (of that very month), own (asked in that month), carried (the nearest known month's), none.
    """
    by_region: dict[str, dict[str, Value]] = {code: {} for code in regions}
    for value in sorted(values, key=lambda one: one.official):
        by_region[value.codigo_region][value.mes] = value
    rows: list[dict[str, object]] = []
    for month in months:
        for code, name in regions.items():
            known = by_region[code]
            chosen = known[near] if (near := nearest(month, known)) else None
            state = (
                "none" if chosen is None else "carried" if near != month else "official" if chosen.official else "own"
            )
            rows.append(
                {
                    "mes": month,
                    "codigo_region": code,
                    "nombre_region": name,
                    "clientes": chosen.clientes if chosen else None,
                    "estado": state,
                    "mes_valor": near,
                    "fuente": chosen.fuente if chosen else None,
                }
            )
    return rows


def sum_of_regions(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How the sum of the regions compares with the national value, one item a pair of values, in order of months.

    `rows` are those of `table`. Keys: first, last (months of the pair), regions, country (customers; null when one is
    not known), difference (regions / country - 1, null likewise), agrees (within `TOLERANCE`, null likewise).
    """
    by_month: dict[str, dict[str, int | None]] = {}
    for row in rows:
        by_month.setdefault(row["mes"], {})[row["codigo_region"]] = row["clientes"]
    items: list[dict[str, Any]] = []
    for month, values in sorted(by_month.items()):
        country = values.pop(COUNTRY, None)
        known = [value for value in values.values() if value is not None]
        regions = sum(known) if len(known) == len(values) else None
        if items and (items[-1]["regions"], items[-1]["country"]) == (regions, country):
            items[-1]["last"] = month
            continue
        difference = agrees = None
        if regions is not None and country:
            difference, agrees = regions / country - 1, abs(regions - country) <= TOLERANCE * country
        items.append(
            {
                "first": month,
                "last": month,
                "regions": regions,
                "country": country,
                "difference": difference,
                "agrees": agrees,
            }
        )
    return items
