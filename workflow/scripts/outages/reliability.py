"""Reliability indices after IEEE 1366, from snapshots, by month and year and region, and of the country.

Source: observations and the states of hours. Units: customers, hours, customer-hours. Everything includes force
majeure. SAIDI and ASAI are those of the hours represented; SAIFI is a lower bound, because what begins and ends
between two snapshots is not seen, and CAIDI is then an upper bound. Definitions: docs/methodology.md.
# ASSUME the customers of a year are the mean of those of its months with an observed hour.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from .denominators import COUNTRY
from .major_days import Threshold, bases, threshold
from .once import read_once
from .regional import asked_hours, rises_between_months

Items = list[dict[str, Any]]
#: From the firmest to the weakest knowledge of a denominator; a year has the weakest of its months.
STATES = ("official", "own", "carried", "none")
COUNTRY_NAME = "CHILE"
DAILY_SCHEMA: dict[str, Any] = {
    "fecha": pl.Date, "nombre_region": pl.String, "clientes_hora": pl.Int64, "clientes_hora_fantasma": pl.Int64,
    "alzas": pl.Int64, "horas_representadas": pl.Int64, "horas_pedidas": pl.Int64, "completo": pl.Boolean,
    "terminado": pl.Boolean, "clientes": pl.Int64, "estado": pl.String,
}  # fmt: skip


class Indices(NamedTuple):
    """SAIDI and CAIDI in the unit of time that was given, SAIFI in interruptions per customer, ASAI 0-1."""

    saidi: float | None
    saifi: float | None
    caidi: float | None
    asai: float | None


class Sums(NamedTuple):
    """Of some days: customer-hours, customers in rises, and the customer-hours of ghosts."""

    hours: int
    rises: int
    ghosts: int


def indices(customer_time: float, interruptions: int, customers: float | None, time: float) -> Indices:
    """Indices of customers x time without supply and customer interruptions, over `time` observed.

    All are None without customers, CAIDI also without interruptions, ASAI also without observed time.
    """
    if not customers:
        return Indices(None, None, None, None)
    saidi = customer_time / customers
    caidi = customer_time / interruptions if interruptions else None
    return Indices(saidi, interruptions / customers, caidi, 1 - saidi / time if time else None)


def daily(
    sums: Sequence[Path],
    silver: Sequence[Path],
    states: Sequence[Path],
    receipts: Sequence[Mapping[str, Any]],
    customers: pl.DataFrame,
) -> pl.DataFrame:
    """Per local day and region, and country: customer-hours, rises, hours represented and asked for, denominator.

    Columns: those of DAILY_SCHEMA, sorted by the first two. `clientes_hora` (of ghosts: `clientes_hora_fantasma`)
    and `alzas` are null on a day without an observed snapshot: nothing is known of it. `alzas` are the positive
    increments, by commune and company, from each observed snapshot to the next, on the day of the later one; the
    first snapshot, and the first after a change of shape, add none. `completo`: every hour that the pattern asks
    for was observed; `terminado`: none of them is still to come. The country includes places that do not resolve.
    `sums` are the months' sums by region (regional.py); of the observations themselves only the hours at the ends of
    months are read. `customers` is customers.parquet.
    """
    if not states:
        return pl.DataFrame(schema=DAILY_SCHEMA)
    hours = asked_hours(states, receipts)
    days = hours.group_by("fecha").agg(
        pl.col("mes").first(),
        horas_representadas=(pl.col("observed") * pl.col("step")).sum(),
        horas_pedidas=pl.col("step").sum(),
        completo=pl.col("observed").all(),
        terminado=pl.col("over").all(),
    )
    found = pl.concat([read_once(sums).drop("file").collect(), rises_between_months(silver, hours)], how="diagonal")
    by_day = (
        found.join(hours.select("hora_utc", "fecha", "step"), on="hora_utc")
        .group_by("fecha", "nombre_region")
        .agg(
            clientes_hora=(pl.col("clientes") * pl.col("step")).sum(),
            clientes_hora_fantasma=(pl.col("clientes_fantasma") * pl.col("step")).sum(),
            alzas=pl.col("alzas").sum(),
        )
    )
    return _with_country(days, by_day, customers).sort("fecha", "nombre_region")


def _with_country(days: pl.DataFrame, sums: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    """Each day and region, and the country, with its sums; null where no hour was observed."""
    figures = ["clientes_hora", "clientes_hora_fantasma", "alzas"]
    country = customers.filter(pl.col("codigo_region") == COUNTRY).select("nombre_region").unique()
    whole = sums.group_by("fecha").agg(pl.col(figures).sum()).join(country, how="cross").select(sums.columns)
    known = pl.when(pl.col("horas_representadas") > 0)
    return (
        days.join(customers.select("mes", "nombre_region", "clientes", "estado"), on="mes")
        .join(pl.concat([sums, whole]), on=["fecha", "nombre_region"], how="left")
        .with_columns(known.then(pl.col(figures).fill_null(0)))
        .select(list(DAILY_SCHEMA))
        .cast(pl.Schema(DAILY_SCHEMA))
    )


def reliability(
    days: pl.DataFrame, receipts: Iterable[Mapping[str, Any]], breaks: Iterable[Mapping[str, str]] = ()
) -> Items:
    """The payload `reliability`: items of each month and year by region, and country; order: period, region.

    `days` is the frame of `daily`, `receipts` those of its months (month, pattern, step_hours), `breaks` items of
    mes and reason. Periods without an observed hour have their item, with nulls.
    """
    told = {str(one["month"]): one for one in receipts}
    listed = sorted({one["mes"] for one in breaks})
    known = pl.when(pl.col("clientes") > 0)
    days = days.with_columns(
        mes=pl.col("fecha").dt.strftime("%Y-%m"),
        year=pl.col("fecha").dt.year(),
        saidi=known.then(pl.col("clientes_hora") / pl.col("clientes")),
    )
    base = bases(days)
    limits = {
        (region, year): threshold(base.get(region, {}), year)
        for region, year in days.select("nombre_region", "year").unique().iter_rows()
    }
    above = pl.DataFrame(
        [(*key, limit.hours) for key, limit in limits.items()],
        schema={"nombre_region": pl.String, "year": pl.Int32, "limit": pl.Float64},
        orient="row",
    )
    # What was seen of a day that is not complete may suffice.
    days = days.join(above, on=["nombre_region", "year"], maintain_order="left").with_columns(
        major=(pl.col("saidi") > pl.col("limit")).fill_null(False)
    )
    denominators = {
        (month, region): (customers, state)
        for month, region, customers, state in days.select("mes", "nombre_region", "clientes", "estado")
        .unique()
        .iter_rows()
    }
    items = []
    for period in (pl.col("mes") + "-01", pl.col("year").cast(pl.String)):
        for row in _summed(days, period).iter_rows(named=True):
            region = row["nombre_region"]
            customers = [denominators[month, region] for month in row["seen"] or row["months"]]
            items.append(_item(row, told, customers, limits[region, int(row["period"][:4])], listed))
    return sorted(items, key=lambda item: (item["period"], item["nombre_region"]))


def _summed(days: pl.DataFrame, period: pl.Expr) -> pl.DataFrame:
    """The days of each region and period as one row: sums, of major days apart, and lists of months and days."""
    figures = {"hours": "clientes_hora", "rises": "alzas", "ghosts": "clientes_hora_fantasma"}
    pending = pl.col("terminado") & ~pl.col("completo")
    return days.group_by("nombre_region", period.alias("period")).agg(
        pl.col("mes").unique().sort().alias("months"),
        pl.col("mes").filter(pl.col("clientes_hora").is_not_null()).unique().sort().alias("seen"),
        *(pl.col(column).sum().alias(name) for name, column in figures.items()),
        *(pl.col(column).filter("major").sum().alias(f"major_{name}") for name, column in figures.items()),
        pl.col("fecha").filter("major").cast(pl.String).alias("major_days"),
        pl.col("fecha").filter(pending).cast(pl.String).alias("incomplete"),
        (pending & ~pl.col("major")).sum().alias("undecided"),
        pl.col("horas_representadas", "horas_pedidas").sum(),
    )


def _item(
    row: Mapping[str, Any], told: Mapping[str, Mapping[str, Any]], months: Sequence[tuple[int | None, str]],
    limit: Threshold, breaks: list[str],
) -> dict[str, Any]:  # fmt: skip
    """The item of a row of `_summed`; `months` are the customers, and their state, of each month that counts."""
    sums = Sums(row["hours"], row["rises"], row["ghosts"]) if row["seen"] else None
    customers, state = _denominator(months)
    represented, asked = row["horas_representadas"], row["horas_pedidas"]
    patterns = [told[month]["pattern"] for month in row["months"]]
    steps = {told[month]["step_hours"] for month in row["months"]}
    item: dict[str, Any] = {
        "period": row["period"],
        "nombre_region": row["nombre_region"],
        "months": len(row["months"]),
        "customer_hours": sums.hours if sums else None,
        "interruptions_at_least": sums.rises if sums else None,
        "represented_hours": represented,
        "coverage": represented / asked if asked else None,
        "pattern": patterns[0] if all(one == patterns[0] for one in patterns) else "mixed",
        "step_hours": steps.pop() if len(steps) == 1 else None,
        "customers": customers,
        "customers_state": state,
        **_figures(sums, customers, represented),
        "saidi_hours_without_ghosts": (sums.hours - sums.ghosts) / customers if sums and customers else None,
        "t_med_hours": None if limit.hours is None else round(limit.hours, 12),
        "t_med_refused": limit.refused,
        "days_used": limit.used,
        "days_zero": limit.zero,
        "days_left_out": limit.left_out,
        "breaks_since_base": [month for month in breaks if f"{limit.first_year}" < month <= row["months"][-1]],
        "days_incomplete": row["incomplete"] if _is_country_year(row) else None,
    }
    major, undecided, rest = None, None, None
    if limit.hours is not None and sums:
        major, undecided = row["major_days"], row["undecided"]
        rest = Sums(*(getattr(sums, name) - row[f"major_{name}"] for name in Sums._fields))
    without = {f"{key}_without_major": value for key, value in _figures(rest, customers, 0).items() if key != "asai"}
    return item | {"major_days": major, "days_undecided": undecided} | without


def _is_country_year(row: Mapping[str, Any]) -> bool:
    return row["nombre_region"] == COUNTRY_NAME and len(row["period"]) == len("YYYY")


def _figures(sums: Sums | None, customers: float | None, hours: int) -> dict[str, float | None]:
    """The indices of some days under their keys; all null for None."""
    found = indices(sums.hours, sums.rises, customers, hours) if sums else Indices(None, None, None, None)
    return dict(zip(("saidi_hours", "saifi_at_least", "caidi_hours_at_most", "asai"), found, strict=True))


def _denominator(months: Sequence[tuple[int | None, str]]) -> tuple[float | None, str]:
    """Mean of some months' customers, and the weakest state among them; None when one is not known."""
    values = [number for number, _ in months]
    state = max((state for _, state in months), key=STATES.index)
    if state == "none" or None in values:
        return None, "none"
    return values[0] if len(set(values)) == 1 else statistics.fmean(number or 0 for number in values), state
