"""Events of shape B: within a commune, from a snapshot with many customers out until enough snapshots lie below.

One month is held in memory at a time; what may go on after its end is held for the next. Units: customers,
customer-hours. Definitions and worked cases: docs/methodology.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from .parts import hashes

PLACE = ["codigo_comuna", "nombre_region", "nombre_comuna"]
#: A value of a commune at a snapshot, or several that are known to belong to one event: `begin` and `k` are the first
#: and last of their numbers (events.timeline), `v` is the largest value, `own` the customer-hours of all.
_VALUES: dict[str, Any] = {
    "codigo_comuna": pl.String, "begin": pl.Int64, "k": pl.Int64, "stretch": pl.Int64, "v": pl.Int64, "own": pl.Int64,
    "recortado": pl.Boolean,
}  # fmt: skip


def of_shape_b(silver: Sequence[Path], hours: pl.DataFrame, open_customers: int, close_snapshots: int) -> pl.DataFrame:
    """The events of shape B of some months' observations, in any order; `hours` are those of events.timeline.

    Columns: those of golden_interrupciones.parquet but what the timeline tells (fecha_dt, horas_sin_dato and whether
    begin and end are known).
    """
    snapshots = hours.select("hora_utc", "k", "stretch", "step")
    held = pl.DataFrame(schema=_VALUES)
    found = []
    places = pl.DataFrame(schema=dict.fromkeys(PLACE, pl.String))
    for path in sorted(silver, key=_begin):
        rows = pl.read_parquet(path, columns=["hora_utc", "formato", *PLACE, "clientes_afectados", "recortado"])
        rows = rows.filter(pl.col("formato") == "B")
        places = pl.concat([places, rows.select(PLACE)]).unique()
        month = rows.join(snapshots, on="hora_utc").select(
            "codigo_comuna", "k", "stretch", "recortado", begin="k", v="clientes_afectados",
            own=pl.col("clientes_afectados") * pl.col("step"),
        )  # fmt: skip
        values = pl.concat([held, month.select(list(_VALUES))]).sort("codigo_comuna", "k")
        if not values.height:
            continue
        events = _events(values, open_customers, close_snapshots)
        newest = pl.col("k") == pl.col("k").max().over("codigo_comuna")
        goes_on = newest & (pl.col("k") + close_snapshots > values["k"].max())
        found.append(events.filter(~goes_on))
        held = _held(values, events.filter(goes_on))
    found.append(_events(held, open_customers, close_snapshots))
    return _described(pl.concat(found), hours).join(places, on="codigo_comuna")


def _begin(path: Path) -> datetime:
    """The first hour of a month's observations, which are sorted by it; of none at all, any."""
    first = pl.scan_parquet(path).select("hora_utc").head(1).collect()["hora_utc"]
    return first[0] if first.len() else datetime.min.replace(tzinfo=UTC)


def _events(values: pl.DataFrame, open_customers: int, close_snapshots: int) -> pl.DataFrame:
    """One row an event, with the columns of _VALUES; `values` are sorted by commune and k."""
    above = pl.col("v") >= open_customers
    # Of the last value above the threshold before each row, whatever lies between.
    last = {
        name: pl.when(above).then(pl.col(name)).forward_fill().shift(1) for name in ("codigo_comuna", "stretch", "k")
    }
    near = pl.all_horizontal(
        pl.col("codigo_comuna") == last["codigo_comuna"],
        pl.col("stretch") == last["stretch"],
        pl.col("begin") - last["k"] <= close_snapshots,
    )
    # What lies below within an event belongs to it: each value goes to the last event opened before it.
    values = values.with_columns(event=(above & ~near.fill_null(False)).cum_sum())
    spans = values.filter(above).group_by("event").agg(
        pl.col("stretch").first(), of=pl.col("codigo_comuna").first(), end=pl.col("k").last()
    )  # fmt: skip
    inside = values.drop("stretch").join(spans, on="event")
    inside = inside.filter((pl.col("codigo_comuna") == pl.col("of")) & (pl.col("k") <= pl.col("end")))
    return (
        inside.group_by("event")
        .agg(
            pl.col("codigo_comuna", "stretch").first(),
            pl.col("begin").min(),
            pl.col("k", "v").max(),
            pl.col("own").sum(),
            pl.col("recortado").any(),
        )
        .select(list(_VALUES))
    )


def _held(values: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Events that may go on, each as one value, and the values of their communes after them."""
    ends = events.select("codigo_comuna", end="k")
    after = values.join(ends, on="codigo_comuna").filter(pl.col("k") > pl.col("end")).drop("end")
    return pl.concat([events, after]).sort("codigo_comuna", "k")


def _described(events: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    found = events.join(hours.select(begin="k", inicio="hora_utc"), on="begin").join(
        hours.select(k="k", fin="hora_utc"), on="k"
    )
    company = pl.repeat("UNKNOWN", found.height, eager=True)
    opened = found["inicio"].dt.strftime("%Y-%m-%dT%H")
    return found.select(
        "inicio",
        "codigo_comuna",
        "fin",
        "recortado",
        hash_id=hashes(found["codigo_comuna"], company, opened),
        formato=pl.lit("B"),
        nombre_empresa=company,
        fecha_inicio=pl.lit(None, pl.Date),
        clientes_afectados="v",
        clientes_hora="own",
        observaciones=pl.col("k") - pl.col("begin") + 1,
        fantasma=pl.lit(False),
    )
