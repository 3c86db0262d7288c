"""Payloads of a made-up country for the page: valid, in the amount of a real run, with gaps and hostile names."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from outages.payloads import validate

from ..unit.payload_examples import MORE

Items = list[dict[str, Any]]
SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas" / "payloads"
REGIONS = [
    "ANTOFAGASTA", "ARICA Y PARINACOTA", "ATACAMA", "AYSEN", "BIOBIO", "COQUIMBO", "LA ARAUCANIA", "LOS LAGOS",
    "LOS RIOS", "MAGALLANES", "MAULE", "METROPOLITANA", "NUBLE", "O'HIGGINS", "TARAPACA", "VALPARAISO", "UNKNOWN",
]  # fmt: skip
COMPANIES = ["CGE", "CHILQUINTA", "ENEL", "FRONTEL", "SAESA"]
#: What a spreadsheet would take for a formula, markup, and what CSV must quote.
HOSTILE = ["=1+1", "+2", "-3", "@sum", '<img src="x" onerror="alert(1)">', 'Uno, "dos"', "</script>", "línea\r\nrota"]
HOURS = 730


def months(count: int) -> list[str]:
    """So many months up to 2025-06, YYYY-MM."""
    last = 2025 * 12 + 5
    return [f"{n // 12}-{n % 12 + 1:02d}" for n in range(last - count + 1, last + 1)]


def world(count: int, synthetic: bool = False) -> dict[str, Items]:
    """Every payload, and `_meta`, for a number of months; no hour of the second month was observed."""
    dice = random.Random(count)
    period = months(count)
    seen = [month for month in period if month != period[1]]
    made: dict[str, Items] = {
        "time_series": [
            {"mes": f"{month}-01", "nombre_region": region, "afectados": dice.randrange(1_000, 90_000)}
            for month in seen
            for region in sorted(REGIONS)
        ],
        "coverage": [_coverage(month, region, month in seen) for month in period for region in sorted(REGIONS)],
        "coverage_hours": [_hour(month, hour, month in seen) for month in period for hour in range(24)],
        "reliability": [
            MORE["reliability"][0] | {"period": span, "nombre_region": region, "customer_hours": dice.randrange(10**6)}
            | {"days_incomplete": None, "saidi_hours": dice.random() * 9}
            for span in [*sorted({month[:4] for month in period}), *(f"{month}-01" for month in seen)]
            for region in sorted([*REGIONS[:-1], "CHILE"])
        ],
        "market_map": [_market(dice, n) for n in range(1_400)],
        "company_ranking": [
            {"nombre_empresa": name, "total_eventos": 10, "total_clientes_afectados": 9_000 - 100 * n,
             "promedio_afectados": 900.5 - 10 * n}
            for n, name in enumerate([*COMPANIES, *HOSTILE])
        ],
        "eda_quality_stats": [
            {"category": name, "count": n, "percentage": n / 9, "total": 9}
            for n, name in enumerate(["Affected = 0 (Imputed)", "Unknown geography", "Unknown company", "Ghost rows"])
        ],
        "eda_projects_dist": [{"nombre_region": name, "count": 9 - n} for n, name in enumerate(REGIONS[:6])],
        "investment_validation": [_effect(n) for n in range(4)],
        "storms": [_storm(dice, month) for month in seen for _ in range(8)],
        "restoration": [_restored(rank) for rank in range(1, 11)],
        "breaks": [MORE["breaks"][0] | {"mes": f"{period[-2]}-01"}],
        "live_30d": [_live(dice, region) for region in sorted(REGIONS)],
        "_meta": [_meta(period, seen, synthetic)],
    }  # fmt: skip
    for name in sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")):
        validate(name, made.setdefault(name, MORE.get(name, [])), SCHEMAS)
    return made


def _coverage(month: str, region: str, seen: bool) -> dict[str, Any]:
    observed = HOURS - 7 if seen else 0
    return {
        "mes": f"{month}-01", "nombre_region": region, "observed": observed, "gap": HOURS - observed, "unasked": 0,
        "coverage": observed / HOURS, "pattern": "all", "step_hours": 1, "shapes": {"A": observed} if seen else {},
    }  # fmt: skip


def _hour(month: str, hour: int, seen: bool) -> dict[str, Any]:
    observed = 30 - hour % 3 if seen else 0
    return {"mes": f"{month}-01", "hora": hour, "observed": observed, "gap": 30 - observed, "unasked": 0}


def _market(dice: random.Random, n: int) -> dict[str, Any]:
    company = HOSTILE[n % len(HOSTILE)] if n < 40 else COMPANIES[n % len(COMPANIES)]
    return {
        "nombre_region": REGIONS[n % 16], "nombre_comuna": f"Comuna {n // 4}", "nombre_empresa": company,
        "total_afectados": dice.randrange(90_000), "frecuencia": dice.randrange(1, 900),
        "instability_index": None if n % 50 == 0 else dice.random() * 100,
    }  # fmt: skip


def _effect(n: int) -> dict[str, Any]:
    told = n > 0
    means = dict.fromkeys(("treated_before", "treated_after", "control_before", "control_after"), 0.5 + n)
    return {
        "project": f"Línea {n}", "year": 2019, "type": "line", "delta": -5.5 * n if told else None,
        "context": "An estimate." if told else "No estimate.", "refused": None if told else "coverage",
        "effect_low": -20.0 if told else None, "effect_high": 4.0 if told else None,
        "raw_change_treated": None, "raw_change_control": None, "placebo": [], "in_service": "2019-06",
        "before": ["2017-06", "2019-05"], "after": ["2019-07", "2021-06"], "coverage_before": 0.9,
        "coverage_after": 0.9, "treated": ["ATACAMA"], "control": ["BIOBIO"],
        **(means if told else dict.fromkeys(means)),
    }  # fmt: skip


def _storm(dice: random.Random, month: str) -> dict[str, Any]:
    begin = f"{month}-{dice.randrange(2, 20):02d}T10:00:00.000Z"
    return MORE["storms"][0] | {
        "nombre_region": dice.choice(REGIONS[:-1]), "begin": begin, "peak_at": begin, "end": begin,
        "peak_customers": dice.randrange(2_000, 90_000),
    }  # fmt: skip


def _restored(rank: int) -> dict[str, Any]:
    curve = [{"hours": n, "customers": None if n == 5 else 90_000 // (n + rank)} for n in range(72)]
    peak = 90_000 // rank
    return MORE["restoration"][0] | {
        "rank": rank, "nombre_region": REGIONS[rank], "peak_customers": peak, "curve": curve,
        "begin": f"2025-06-{rank:02d}T10:00:00.000Z", "peak_at": f"2025-06-{rank:02d}T12:00:00.000Z",
    }  # fmt: skip


def _live(dice: random.Random, region: str) -> dict[str, Any]:
    series = [None if 300 <= n < 330 else dice.randrange(900) for n in range(720)]
    event = MORE["live_30d"][0]["eventos_abiertos"][0] | {
        "nombre_comuna": f"Comuna de {region}", "nombre_empresa": HOSTILE[4], "clientes_ahora": dice.randrange(900),
    }  # fmt: skip
    return MORE["live_30d"][0] | {
        "nombre_region": region, "ultima_hora": "2025-07-01T03:00:00.000Z",
        "ultima_hora_local": "2025-06-30T23:00:00-04:00", "desde": "2025-06-01T04:00:00.000Z", "serie": series,
        "clientes": series[-1], "observadas": 690, "sin_dato": 30, "no_preguntadas": 0, "eventos_abiertos": [event],
    }  # fmt: skip


def _meta(period: list[str], seen: list[str], synthetic: bool) -> dict[str, Any]:
    def month(name: str) -> dict[str, Any]:
        observed = HOURS - 7 if name in seen else 0
        return {
            "month": name, "pattern": "all", "step_hours": 1, "shapes": {"A": observed} if observed else {},
            "coverage": observed / HOURS, "observed": observed, "gap": HOURS - observed, "unasked": 0,
            "through": f"{name}-28T03:00:00.000Z", "bronze_sha256": "0" * 64, "silver_sha256": "1" * 64,
            "rows": 10, "observations": 9,
        }  # fmt: skip

    return {
        "versions": {"python": "3.11.7", "polars": "1.44.2", "workflow": "0.1.0"}, "commit": "0123456789abcdef",
        "config_sha256": "ab" * 32, "synthetic": synthetic, "sources": ["replica" if synthetic else "sec"],
        "months": [month(name) for name in period],
        "unknown_company": {"total_eventos": 3, "total_clientes_afectados": 4},
        "totals": {"eventos": 12_345, "clientes_afectados": 6_789, "clientes_hora": 9_876_543},
        "payloads": {}, "customers": [], "notes": ["A note <b>of</b> the data."],
        "breaks": [{"mes": period[-2], "reason": "the shape of the answers changes from A to B"}],
    }  # fmt: skip
