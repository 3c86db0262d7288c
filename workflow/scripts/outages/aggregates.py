"""Payloads computed from events, observations and the states of hours; definitions: docs/methodology.md.

Each function takes frames and gives the bare list of items that a payload holds, in its fixed order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from .events import GOLDEN_SCHEMA
from .once import read_once
from .reliability import COUNTRY_NAME

Items = list[dict[str, Any]]
UNKNOWN = "UNKNOWN"
MOST_COMPANIES = 15


def summed(golden: pl.DataFrame) -> pl.DataFrame:
    """Events summed by what payloads tell them apart by: a twentieth of their rows, made once.

    Columns: mes (YYYY-MM, local, of the first observed hour), nombre_region, nombre_comuna, nombre_empresa, fantasma,
    eventos, clientes_afectados.
    """
    return (
        golden.group_by(
            "nombre_region", "nombre_comuna", "nombre_empresa", "fantasma", mes=pl.col("fecha_dt").dt.truncate("1mo")
        )
        .agg(eventos=pl.len(), clientes_afectados=pl.col("clientes_afectados").sum())
        .with_columns(pl.col("mes").dt.strftime("%Y-%m"))
    )


def market_map(sums: pl.DataFrame, customers: dict[str, int | None]) -> Items:
    """Events by region, commune and company; `customers` by region name, of the last month of the period.

    `sums` is the frame of `summed`. `instability_index` = 100 x customers affected / customers of the region, at most
    100; null without them.
    """
    known = {region: number for region, number in customers.items() if number}
    base = pl.col("nombre_region").replace_strict(known, default=None, return_dtype=pl.Int64)
    return (
        sums.group_by("nombre_region", "nombre_comuna", "nombre_empresa")
        .agg(total_afectados=pl.col("clientes_afectados").sum(), frecuencia=pl.col("eventos").sum())
        .with_columns(instability_index=(100 * pl.col("total_afectados") / base).clip(upper_bound=100))
        .sort("nombre_region", "nombre_comuna", "nombre_empresa")
        .to_dicts()
    )


def time_series(sums: pl.DataFrame, observed_months: list[str], regions: list[str]) -> Items:
    """Customers by month of the events' first observed hour, and region; `sums` is the frame of `summed`.

    A month without an observed hour is absent; an observed month without an event is 0.
    """
    found: dict[tuple[str, str], int] = {
        (month, region): customers
        for month, region, customers in sums.group_by("mes", "nombre_region")
        .agg(pl.col("clientes_afectados").sum())
        .iter_rows()
    }
    return [
        {"mes": f"{month}-01", "nombre_region": region, "afectados": found.get((month, region), 0)}
        for month in sorted(observed_months)
        for region in sorted(regions)
    ]


def company_ranking(sums: pl.DataFrame) -> tuple[Items, dict[str, int]]:
    """(the 15 companies with the most customers affected, the totals of events whose company is unknown).

    `sums` is the frame of `summed`.
    """
    totals = (
        sums.group_by("nombre_empresa")
        .agg(total_eventos=pl.col("eventos").sum(), total_clientes_afectados=pl.col("clientes_afectados").sum())
        .with_columns(promedio_afectados=pl.col("total_clientes_afectados") / pl.col("total_eventos"))
    )
    ranked = totals.filter(pl.col("nombre_empresa") != UNKNOWN).sort(
        ["total_clientes_afectados", "nombre_empresa"], descending=[True, False]
    )
    unknown = totals.filter(pl.col("nombre_empresa") == UNKNOWN).drop("nombre_empresa", "promedio_afectados")
    nothing = {"total_eventos": 0, "total_clientes_afectados": 0}
    return ranked.head(MOST_COMPANIES).to_dicts(), unknown.to_dicts()[0] if unknown.height else nothing


def quality_stats(silver: list[Path]) -> Items:
    """How many observations each rule touched, and their share of all observations (0.0-1.0)."""
    flags = {
        "Affected = 0 (Imputed)": pl.col("imputado"),
        "Unknown geography": pl.col("geo_desconocida"),
        "Unknown company": pl.col("empresa_desconocida"),
        "Date replaced by server time": pl.col("fecha_sustituida"),
        "Company not published by the source": pl.col("formato") == "B",
        "Capped at regional customers": pl.col("recortado"),
        "Ghost rows": pl.col("fantasma"),
    }
    counts = [flag.sum().cast(pl.Int64).alias(name) for name, flag in flags.items()]
    row = pl.scan_parquet(silver).select(pl.len().alias("total"), *counts).collect(engine="streaming").to_dicts()[0]
    total = row["total"]
    return [
        {"category": name, "count": row[name], "percentage": row[name] / total if total else 0.0, "total": total}
        for name in flags
    ]


def coverage(receipts: list[dict[str, Any]], regions: list[str]) -> Items:
    """The states of hours by month and region (an answer covers the country, so regions of a month are equal)."""
    return [
        {
            "mes": f"{receipt['month']}-01",
            "nombre_region": region,
            **receipt["hours"],
            "coverage": receipt["coverage"],
            "pattern": receipt["pattern"],
            "step_hours": receipt["step_hours"],
            "shapes": receipt["shapes"],
        }
        for receipt in sorted(receipts, key=lambda one: str(one["month"]))
        for region in sorted(regions)
    ]


def coverage_hours(states: list[Path], receipts: list[dict[str, Any]]) -> Items:
    """The states of hours by month and hour of the day; hours that the pattern leaves out are absent."""
    months = {str(path): f"{receipt['month']}-01" for path, receipt in zip(states, receipts, strict=True)}
    counts = {state: (pl.col("estado") == state).sum().cast(pl.Int64) for state in ("observed", "gap", "unasked")}
    return (
        read_once(states)
        .filter(pl.col("motivo").ne_missing("not in pattern"))
        .group_by(mes=pl.col("file").replace_strict(months), hora=pl.col("hora").cast(pl.Int64))
        .agg(**counts)
        .sort("mes", "hora")
        .collect()
        .to_dicts()
    )


def outcomes(days: pl.DataFrame) -> pl.DataFrame:
    """Per month and region: customer-hours, hours represented and customers (null where unknown).

    `days` is the frame of reliability.daily. Columns: mes (YYYY-MM), nombre_region, clientes_hora,
    horas_representadas, clientes. Months without an observed hour are absent: nothing is known of them.
    """
    return (
        days.filter(pl.col("nombre_region") != COUNTRY_NAME)
        .group_by(mes=pl.col("fecha").dt.strftime("%Y-%m"), nombre_region="nombre_region")
        .agg(pl.col("clientes_hora", "horas_representadas").sum(), pl.col("clientes").first())
        .filter(pl.col("horas_representadas") > 0)
        .sort("mes", "nombre_region")
    )


def totals(golden: pl.DataFrame) -> dict[str, int]:
    """Events, customers (sum of high-water marks) and customer-hours of the whole period."""
    return {
        "eventos": golden.height,
        "clientes_afectados": int(golden["clientes_afectados"].sum()),
        "clientes_hora": int(golden["clientes_hora"].sum()),
    }


def read_golden(path: Path) -> pl.DataFrame:
    """golden_interrupciones.parquet with its fixed columns."""
    return pl.read_parquet(path, columns=list(GOLDEN_SCHEMA))
