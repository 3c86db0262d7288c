"""What one month tells of each event of shape A, worked out once per month, when its observations are made.

An event of shape A is (commune, company, start date), so a month's rows of it can be summed without knowing those of
any other month; putting the months' parts together then costs little, however many observations there are.
Units: customers, customer-hours, snapshots. Definitions: docs/methodology.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from .regional import observed

EVENT = ["codigo_comuna", "nombre_empresa", "fecha_inicio"]
#: Columns of results/silver/{month}.parts.parquet, sorted by the first two.
PARTS_SCHEMA: dict[str, Any] = {
    "inicio": pl.Datetime("us", "UTC"), "hash_id": pl.String, "codigo_comuna": pl.String, "nombre_empresa": pl.String,
    "fecha_inicio": pl.Date, "nombre_region": pl.String, "nombre_comuna": pl.String, "fin": pl.Datetime("us", "UTC"),
    "clientes_afectados": pl.Int64, "clientes_hora": pl.Int64, "observaciones": pl.Int64, "fantasma": pl.Boolean,
    "recortado": pl.Boolean,
}  # fmt: skip


def parts_of(observations: pl.DataFrame, states: pl.DataFrame, step: int) -> pl.DataFrame:
    """The part of each event of shape A in the observed hours of the month's pattern, whose step is in hours.

    `observations` are sorted by hour, as silver is.
    `inicio` and `fin` are the first and last hour that name it, `clientes_afectados` is its largest value, and
    `fantasma` tells whether the last observation is a ghost. Columns: those of PARTS_SCHEMA.
    """
    customers = pl.col("clientes_afectados")
    hours = observed(states)["hora_utc"].implode()
    found = (
        observations.lazy()
        .filter((pl.col("formato") == "A") & pl.col("hora_utc").is_in(hours))
        .group_by(EVENT)
        .agg(
            pl.col("nombre_region", "nombre_comuna").first(),
            inicio=pl.col("hora_utc").first(),
            fin=pl.col("hora_utc").last(),
            clientes_afectados=customers.max(),
            clientes_hora=customers.sum() * step,
            observaciones=pl.len(),
            fantasma=pl.col("fantasma").last(),
            recortado=pl.col("recortado").any(),
        )
        .collect()
    )
    began = found["fecha_inicio"].dt.strftime("%Y-%m-%d")
    return (
        found.with_columns(hash_id=hashes(found["codigo_comuna"], found["nombre_empresa"], began))
        .select(list(PARTS_SCHEMA))
        .cast(pl.Schema(PARTS_SCHEMA))
        .sort("inicio", "hash_id")
    )


def joined(parts: Sequence[Path]) -> pl.LazyFrame:
    """The events of shape A of all months, with the columns of PARTS_SCHEMA; most of them lie within one month."""
    found = pl.scan_parquet(list(parts), schema=PARTS_SCHEMA).collect() if parts else pl.DataFrame(schema=PARTS_SCHEMA)
    # Of 64 bits of each name, a quarter of the time; two names that share them are told apart below.
    again = found["hash_id"].hash().is_duplicated()
    # An event is a ghost when its last observation is: the parts in order of time.
    across = found.filter(again).sort("fin").group_by("hash_id").agg(
        pl.col(*EVENT, "nombre_region", "nombre_comuna").first(),
        pl.col("inicio").min(),
        pl.col("fin", "fantasma").last(),
        pl.col("clientes_afectados").max(),
        pl.col("clientes_hora", "observaciones").sum(),
        pl.col("recortado").any(),
    )  # fmt: skip
    return pl.concat([found.lazy().filter(~again), across.select(found.columns).lazy()])


def hashes(commune: pl.Series, company: pl.Series, began: pl.Series) -> pl.Series:
    """The `hash_id` of events: MD5 of "{commune}|{company}|{when it began}", as hex."""
    keys = pl.select(pl.concat_str(commune, company, began, separator="|")).to_series()
    return pl.Series([hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() for key in keys], dtype=pl.String)
