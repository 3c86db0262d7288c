"""Affected customers per 1,000 customers by month and region, with and without ghosts; null where nothing is known.

Units: customers (sum of event high-water marks by the month of the first observed hour); rates per 1,000 customers
of the region that month. Definitions: docs/methodology.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from .denominators import COUNTRY
from .names import UNKNOWN


def rates(sums: pl.DataFrame, receipts: Iterable[Mapping[str, Any]], customers: pl.DataFrame) -> list[dict[str, Any]]:
    """The payload `rates`: one item per month and region, UNKNOWN and the country; order: month, region.

    `sums` are the events as `aggregates.summed` gives them, `customers` is customers.parquet, `receipts` tell which
    months have an observed hour; of the others nothing is known. Events of unknown region count in the country, and
    have no denominator.
    """
    by_region = sums.group_by("mes", "nombre_region").agg(
        afectados=pl.col("clientes_afectados").sum(),
        sin_fantasmas=pl.col("clientes_afectados").filter(~pl.col("fantasma")).sum(),
    )
    found: dict[tuple[str, str], tuple[int, int]] = {(row[0], row[1]): row[2:] for row in by_region.iter_rows()}
    told: dict[str, dict[str, tuple[int | None, str]]] = defaultdict(dict)
    for month, region, number, state in customers.select("mes", "nombre_region", "clientes", "estado").iter_rows():
        told[month][region] = (number, state)
    names = customers.filter(pl.col("codigo_region") == COUNTRY)["nombre_region"].unique().to_list()
    items = []
    for receipt in sorted(receipts, key=lambda one: str(one["month"])):
        month = str(receipt["month"])
        observed = receipt["hours"]["observed"] > 0
        base = told[month]
        country = [name for name in names if name in base]
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
