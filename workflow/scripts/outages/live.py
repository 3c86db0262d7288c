"""The last 30 days by region: customers out hour by hour, the change to the snapshot before, events still open.

The 720 hours end with the newest observed hour of the pattern, never with a clock. An hour without an answer is
null, never 0, and so is one that the pattern does not ask for. Units: customers; times are begins of hours, UTC.
Definitions: docs/methodology.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from .aggregates import UNKNOWN, Items
from .clock import HOUR, iso, local, month_end

HOURS = 720
LARGEST = 10
#: With the hour, what identifies an observation; with these an event finds what it reports in that hour.
_KEY = ["codigo_comuna", "nombre_empresa", "fecha_inicio", "formato"]


def live_30d(
    golden: pl.DataFrame,
    silver: Sequence[Path],
    states: Sequence[Path],
    receipts: Sequence[Mapping[str, Any]],
    regions: Sequence[str],
) -> Items:
    """The payload `live_30d`: one item per region, in order; UNKNOWN only when an hour of the 720 names it.

    Only files of months that reach into the 720 hours are read. Empty when no hour of the pattern is observed.
    """
    months = sorted(zip(receipts, silver, states, strict=True), key=lambda one: str(one[0]["month"]))
    while months and not months[-1][0]["hours"]["observed"]:
        months.pop()
    if not months:
        return []
    newest = _asked([months[-1][2]]).filter(pl.col("estado") == "observed")["hora_utc"].item(-1)
    begin = newest - (HOURS - 1) * HOUR
    months = [one for one in months if month_end(one[0]["month"]) > begin]
    asked = _asked([path for _, _, path in months]).filter(pl.col("hora_utc").is_between(begin, newest))
    observed = asked.filter(pl.col("estado") == "observed").select("hora_utc").lazy()
    seen = pl.scan_parquet([path for _, path, _ in months]).join(observed, on="hora_utc", how="semi")
    sums = seen.group_by("nombre_region", "hora_utc").agg(pl.col("clientes_afectados").sum())
    out = {(region, hour): value for region, hour, value in sums.collect(engine="streaming").iter_rows()}
    still_open = _open(golden.filter(pl.col("fin") == newest), seen.filter(pl.col("hora_utc") == newest))

    shapes = dict(asked.select("hora_utc", "formato").iter_rows())
    stand = dict(asked.select("hora_utc", "estado").iter_rows())
    window = [begin + n * HOUR for n in range(HOURS)]
    counts = Counter(stand.get(hour, "unasked") for hour in window)
    before = asked["hora_utc"].item(-2) if asked.height > 1 else None
    # A snapshot that was not observed has no shape; two shapes count differently, so that they have no difference.
    comparable = shapes.get(before) == shapes[newest]
    named = {region for region, _ in out}
    items = []
    for region in sorted(region for region in regions if region != UNKNOWN or region in named):
        series = [out.get((region, hour), 0) if stand.get(hour) == "observed" else None for hour in window]
        events = still_open.get(region, [])
        items.append(
            {
                "nombre_region": region,
                "ultima_hora": iso(newest),
                "ultima_hora_local": local(newest).isoformat(),
                "clientes": series[-1],
                "hora_anterior": iso(before) if before else None,
                "cambio": series[-1] - out.get((region, before), 0) if comparable else None,
                "observadas": counts["observed"],
                "sin_dato": counts["gap"],
                "no_preguntadas": counts["unasked"],
                "desde": iso(begin),
                "serie": series,
                "abiertos": len(events),
                "eventos_abiertos": events[:LARGEST],
            }
        )
    return items


def _asked(states: Sequence[Path]) -> pl.DataFrame:
    """The hours that the pattern asks for, in order: hora_utc, estado, formato (null where not observed)."""
    hours = pl.scan_parquet(list(states)).filter(pl.col("motivo") != "not in pattern")
    return hours.select("hora_utc", "estado", "formato").sort("hora_utc").collect()


def _open(events: pl.DataFrame, now: pl.LazyFrame) -> dict[str, Items]:
    """By region, the events that the newest hour reports, with the most customers out now first."""
    reported = now.select(*_KEY, clientes_ahora="clientes_afectados").collect()
    # Shape B has no start date, and a null there means the same on both sides.
    found = events.join(reported, on=_KEY, how="left", nulls_equal=True).sort(
        ["clientes_ahora", "clientes_afectados", "inicio", "hash_id"], descending=[True, True, False, False]
    )
    columns = ["nombre_comuna", "nombre_empresa", "inicio", "clientes_ahora", "clientes_afectados"]
    regions: dict[str, Items] = {}
    for row in found.select("nombre_region", *columns, "inicio_desconocido", "fantasma").to_dicts():
        regions.setdefault(row.pop("nombre_region"), []).append(row | {"inicio": iso(row["inicio"])})
    return regions
