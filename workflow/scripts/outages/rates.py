"""Affected customers per 1,000 customers by month and region, with and without ghosts; null where nothing is known.

Units: customers (sum of event high-water marks by the month of the first observed hour); rates per 1,000 customers
of the region that month. Definitions: docs/methodology.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from .denominators import COUNTRY
from .names import UNKNOWN


def rates(golden: pl.DataFrame, receipts: Iterable[Mapping[str, Any]], customers: pl.DataFrame) -> list[dict[str, Any]]:
    """The payload `rates`: one item per month and region, UNKNOWN and the country; order: month, region.

    `golden` are the events, `customers` is customers.parquet, `receipts` tell which months have an observed hour;
    of the others nothing is known. Events of unknown region count in the country, and have no denominator.
    """
    by_month = pl.col("fecha_dt").dt.truncate("1mo").alias("mes")
    sums = golden.group_by(by_month, "nombre_region").agg(
        afectados=pl.col("clientes_afectados").sum(),
        sin_fantasmas=pl.col("clientes_afectados").filter(~pl.col("fantasma")).sum(),
    )
    sums = sums.with_columns(pl.col("mes").dt.strftime("%Y-%m"))
    found: dict[tuple[str, str], tuple[int, int]] = {(row[0], row[1]): row[2:] for row in sums.iter_rows()}
    items = []
    for receipt in sorted(receipts, key=lambda one: str(one["month"])):
        month = str(receipt["month"])
        observed = receipt["hours"]["observed"] > 0
        of_month = customers.filter(pl.col("mes") == month)
        base = {row[0]: row[1:] for row in of_month.select("nombre_region", "clientes", "estado").iter_rows()}
        country = of_month.filter(pl.col("codigo_region") == COUNTRY)["nombre_region"].to_list()
        regions = {region: found.get((month, region), (0, 0)) for region in [*base, UNKNOWN] if region not in country}
        total = tuple(sum(pair[each] for pair in regions.values()) for each in (0, 1))
        for region, pair in sorted((regions | dict.fromkeys(country, total)).items()):
            number, state = base.get(region, (None, "none"))
            affected, without = pair if observed else (None, None)
            items.append(
                {
                    "mes": f"{month}-01",
                    "nombre_region": region,
                    "afectados": affected,
                    "afectados_sin_fantasmas": without,
                    "customers": number,
                    "customers_state": state,
                    "per_1000": _per_1000(affected, number),
                    "per_1000_without_ghosts": _per_1000(without, number),
                }
            )
    return items


def _per_1000(affected: int | None, customers: int | None) -> float | None:
    return None if affected is None or not customers else 1000 * affected / customers
