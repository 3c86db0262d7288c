"""The payloads of the public dashboard by hand: sums, shares, what is null and what is zero, and their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from outages.aggregates import company_ranking, market_map, quality_stats, summed, time_series
from outages.payloads import validate

from tests.unit.months import SCHEMAS

#: Local day, region, commune, company, high-water mark.
Event = tuple[str, str, str, str, int]
EVENTS: list[Event] = [
    ("2025-06-30", "O'HIGGINS", "Rancagua", "CGE", 30),
    ("2025-07-01", "O'HIGGINS", "Rancagua", "CGE", 20),
    ("2025-07-31", "O'HIGGINS", "Machalí", "CGE", 7),
    ("2025-07-02", "NUBLE", "Ñiquén", "COPELEC", 400),
    ("2025-07-02", "NUBLE", "Chillán", "UNKNOWN", 90),
    ("2025-07-03", "UNKNOWN", "UNKNOWN", "UNKNOWN", 5),
]


def sums(events: list[Event]) -> pl.DataFrame:
    text = pl.String()
    columns: dict[str, Any] = {"fecha_dt": text, "nombre_region": text, "nombre_comuna": text, "nombre_empresa": text}
    frame = pl.DataFrame(events, schema=columns | {"clientes_afectados": pl.Int64()}, orient="row")
    return summed(frame.with_columns(pl.col("fecha_dt").str.to_date(), fantasma=False))


def valid(payload: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    validate(payload, items, SCHEMAS)
    return items


def test_market_map() -> None:
    """The index is of the customers of the region, at most 100; without them, or without a region, it is null."""
    items = valid("market_map", market_map(sums(EVENTS), {"O'HIGGINS": 500, "NUBLE": 300, "MAULE": 9, "ATACAMA": None}))
    assert [tuple(item.values()) for item in items] == [
        ("NUBLE", "Chillán", "UNKNOWN", 90, 1, 30.0),
        ("NUBLE", "Ñiquén", "COPELEC", 400, 1, 100.0),
        ("O'HIGGINS", "Machalí", "CGE", 7, 1, pytest.approx(1.4)),
        ("O'HIGGINS", "Rancagua", "CGE", 50, 2, 10.0),
        ("UNKNOWN", "UNKNOWN", "UNKNOWN", 5, 1, None),
    ]
    assert {item["instability_index"] for item in market_map(sums(EVENTS), {"NUBLE": None})} == {None}


def test_time_series() -> None:
    """An event counts in the local month of its begin; an observed month without one is 0, another one is absent."""
    regions = ["UNKNOWN", "O'HIGGINS", "NUBLE"]
    items = valid("time_series", time_series(sums(EVENTS), ["2025-08", "2025-06", "2025-07"], regions))
    assert [tuple(item.values()) for item in items] == [
        ("2025-06-01", "NUBLE", 0), ("2025-06-01", "O'HIGGINS", 30), ("2025-06-01", "UNKNOWN", 0),
        ("2025-07-01", "NUBLE", 490), ("2025-07-01", "O'HIGGINS", 27), ("2025-07-01", "UNKNOWN", 5),
        ("2025-08-01", "NUBLE", 0), ("2025-08-01", "O'HIGGINS", 0), ("2025-08-01", "UNKNOWN", 0),
    ]  # fmt: skip


def test_company_ranking() -> None:
    """By customers, then by name; UNKNOWN is no company, and its totals are told apart."""
    many = [("2025-07-01", "MAULE", "Talca", f"COMPANY {n:02d}", 1000 + n // 2) for n in range(20)]
    items, unknown = company_ranking(sums([*EVENTS, *many]))
    names = [item["nombre_empresa"] for item in valid("company_ranking", items)]
    assert names == [f"COMPANY {n:02d}" for pair in range(18, 3, -2) for n in (pair, pair + 1)][:15]
    assert unknown == {"total_eventos": 2, "total_clientes_afectados": 95}
    items, _ = company_ranking(sums(EVENTS))
    assert [tuple(item.values()) for item in items] == [("COPELEC", 1, 400, 400.0), ("CGE", 3, 57, 19.0)]
    assert company_ranking(sums([])) == ([], {"total_eventos": 0, "total_clientes_afectados": 0})


FLAGS = ("imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida", "recortado", "fantasma")


def test_quality_stats(tmp_path: Path) -> None:
    """Of ten observations in two files each rule has touched another number."""
    touched = dict(zip(FLAGS, (1, 2, 3, 4, 6, 7), strict=True))
    files = []
    for part in (range(4), range(4, 10)):
        rows = {name: [n < count for n in part] for name, count in touched.items()}
        files.append(tmp_path / f"{part.start}.parquet")
        pl.DataFrame(rows | {"formato": ["B" if n < 5 else "A" for n in part]}).write_parquet(files[-1])
    assert [tuple(item.values()) for item in valid("eda_quality_stats", quality_stats(files))] == [
        ("Affected = 0 (Imputed)", 1, 0.1, 10),
        ("Unknown geography", 2, 0.2, 10),
        ("Unknown company", 3, 0.3, 10),
        ("Date replaced by server time", 4, 0.4, 10),
        ("Company not published by the source", 5, 0.5, 10),
        ("Capped at regional customers", 6, 0.6, 10),
        ("Ghost rows", 7, 0.7, 10),
    ]
    pl.read_parquet(files[0]).clear().write_parquet(files[0])
    assert {tuple(item.values())[1:] for item in quality_stats(files[:1])} == {(0, 0.0, 0)}
