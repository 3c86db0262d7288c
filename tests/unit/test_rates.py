"""Affected customers per 1,000: denominators by state, months of which nothing is known, ghosts, reconciliation."""

from datetime import date
from typing import Any

import polars as pl
from outages.aggregates import summed
from outages.denominators import Value, table
from outages.payloads import validate
from outages.rates import rates

from tests.unit.months import SCHEMAS

REGIONS = {"03": "ATACAMA", "13": "METROPOLITANA", "CL": "CHILE"}
MONTHS = ["2025-05", "2025-06", "2025-07"]


def events(*rows: tuple[str, str, int, bool]) -> pl.DataFrame:
    """Events of (local day, region, customers, ghost), summed up."""
    frame = pl.DataFrame(
        [(date.fromisoformat(fecha), region, customers, ghost) for fecha, region, customers, ghost in rows],
        schema={
            "fecha_dt": pl.Date,
            "nombre_region": pl.String,
            "clientes_afectados": pl.Int64,
            "fantasma": pl.Boolean,
        },
        orient="row",
    )
    return summed(frame.with_columns(nombre_comuna=pl.lit("Copiapó"), nombre_empresa=pl.lit("CGE")))


def customers(*values: Value) -> pl.DataFrame:
    return pl.DataFrame(table(MONTHS, REGIONS, list(values)), schema_overrides={"clientes": pl.Int64})


def receipts(**observed: int) -> list[dict[str, Any]]:
    return [{"month": month, "hours": {"observed": observed.get(f"m{month[-2:]}", 700)}} for month in MONTHS]


def items_of(sums: pl.DataFrame, base: pl.DataFrame, **observed: int) -> dict[tuple[str, str], dict[str, Any]]:
    items = rates(sums, receipts(**observed), base)
    validate("rates", items, SCHEMAS)
    assert items == sorted(items, key=lambda item: (item["mes"], item["nombre_region"]))
    return {(item["mes"], item["nombre_region"]): item for item in items}


GOLDEN = events(
    ("2025-05-31", "ATACAMA", 500, False),
    ("2025-06-01", "ATACAMA", 30, True),
    ("2025-06-30", "ATACAMA", 70, False),
    ("2025-06-30", "METROPOLITANA", 200, False),
    ("2025-06-15", "UNKNOWN", 9, False),
)


def test_rates_per_thousand_customers() -> None:
    base = customers(Value("2025-06", "03", 20_000, "SEC", False), Value("2025-06", "CL", 100_000, "SEC", False))
    found = items_of(GOLDEN, base)
    june = found["2025-06-01", "ATACAMA"]
    assert (june["afectados"], june["afectados_sin_fantasmas"]) == (100, 70)
    assert (june["per_1000"], june["per_1000_without_ghosts"]) == (5, 3.5)
    country = found["2025-06-01", "CHILE"]
    assert (country["afectados"], country["per_1000"]) == (309, 3.09)


def test_denominators_own_carried_official_none() -> None:
    base = customers(
        Value("2025-06", "03", 20_000, "SEC", False),
        Value("2025-07", "03", 25_000, "a table", True),
        Value("2025-07", "03", 1, "SEC", False),
    )
    found = items_of(GOLDEN, base)
    told = [(found[f"{month}-01", "ATACAMA"][key]) for month in MONTHS for key in ("customers", "customers_state")]
    assert told == [20_000, "carried", 20_000, "own", 25_000, "official"]
    assert found["2025-05-01", "ATACAMA"]["per_1000"] == 25
    without = found["2025-06-01", "METROPOLITANA"]
    assert (without["afectados"], without["customers"], without["customers_state"]) == (200, None, "none")
    assert without["per_1000"] is without["per_1000_without_ghosts"] is None


def test_unobserved_months_are_null_and_quiet_ones_zero() -> None:
    base = customers(Value("2025-06", "03", 20_000, "SEC", False))
    found = items_of(GOLDEN.filter(pl.col("mes") > "2025-05"), base, m05=0)
    may, july = found["2025-05-01", "ATACAMA"], found["2025-07-01", "ATACAMA"]
    figures = ("afectados", "afectados_sin_fantasmas", "per_1000", "per_1000_without_ghosts")
    assert [may[key] for key in figures] == [None] * 4
    assert [july[key] for key in figures] == [0] * 4
    assert found["2025-05-01", "CHILE"]["afectados"] is None


def test_no_event_is_lost() -> None:
    found = items_of(GOLDEN, customers())
    regions = sum(item["afectados"] for (_, region), item in found.items() if region != "CHILE")
    country = sum(item["afectados"] for (_, region), item in found.items() if region == "CHILE")
    assert regions == country == GOLDEN["clientes_afectados"].sum()
    unknown = found["2025-06-01", "UNKNOWN"]
    assert (unknown["afectados"], unknown["customers_state"], unknown["per_1000"]) == (9, "none", None)


def test_regions_of_every_month_are_the_same() -> None:
    found = items_of(events(), customers())
    assert len(found) == len(MONTHS) * 4
    assert {region for _, region in found} == {"ATACAMA", "METROPOLITANA", "UNKNOWN", "CHILE"}
