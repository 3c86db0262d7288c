"""Payloads: the dashboard's contract as schemas, refusals that name the item, files whole or not at all."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outages.errors import OutagesError
from outages.names import Names
from outages.payloads import validate, write_payload

from .payload_examples import MORE

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "workflow/schemas/payloads"
SHA = "0" * 64
HOURS = {"observed": 700, "gap": 20, "unasked": 24}
MONTH = {
    "month": "2024-08", "pattern": "all", "step_hours": 1, "shapes": {"A": 700}, "coverage": 0.94, **HOURS,
    "through": "2024-09-01T04:00:00.000Z", "bronze_sha256": SHA, "silver_sha256": SHA, "rows": 9, "observations": 8,
}  # fmt: skip
GOOD: dict[str, list[dict[str, Any]]] = {
    "market_map": [
        {
            "nombre_region": "O'HIGGINS", "nombre_comuna": "Rancagua", "nombre_empresa": "CGE",
            "total_afectados": 12, "frecuencia": 2, "instability_index": 0.5,
        }
    ],
    "time_series": [{"mes": "2024-08-01", "nombre_region": "UNKNOWN", "afectados": 0}],
    "investment_roi": [
        {
            "nombre_region": "MAULE", "clientes_afectados": 90, "total_inversión_mmu": 9.0, "efficiency_ratio": 10.0,
            "maturity_note": "1 of 1 works approved", "proyectos": 1, "proyectos_sin_monto": 0,
            "inversión_aprobada_mmu": 9.0,
        }
    ],
    "company_ranking": [
        {"nombre_empresa": "CGE", "total_eventos": 2, "total_clientes_afectados": 3, "promedio_afectados": 1.5}
    ],
    "investment_validation": [
        {"project": "REDENOR", "year": 2023, "type": "line", "delta": None, "context": "No estimate: coverage."}
    ],
    "eda_quality_stats": [{"category": "imputed", "count": 1, "percentage": 0.25, "total": 4}],
    "eda_projects_dist": [{"nombre_region": "INTERREGIONAL", "count": 4}],
    "coverage": [
        {
            "mes": "2024-08-01", "nombre_region": "NUBLE", **HOURS, "coverage": None, "pattern": [0, 6, 12, 18],
            "step_hours": 6, "shapes": {},
        }
    ],
    "coverage_hours": [{"mes": "2024-08-01", "hora": 6, "observed": 30, "gap": 1, "unasked": 0}],
    "_meta": [
        {
            "versions": {"workflow": "0.1.0", "python": "3.11.9", "polars": "1.44.2"}, "commit": None,
            "config_sha256": SHA, "synthetic": False, "sources": ["sec"], "months": [MONTH],
            "unknown_company": {"total_eventos": 0, "total_clientes_afectados": 0},
            "totals": {"eventos": 1, "clientes_afectados": 2, "clientes_hora": 3}, "payloads": {"market_map": SHA},
            "breaks": [{"mes": "2024-09", "reason": "the shape changes"}], "notes": [],
            "customers": [
                {
                    "first": "2024-08", "last": "2024-08", "regions": 9, "country": 9, "difference": 0.0,
                    "agrees": True,
                }
            ],
        }
    ],
}  # fmt: skip
GOOD |= MORE


def changed(payload_id: str, key: str, value: Any) -> list[dict[str, Any]]:
    items = copy.deepcopy(GOOD[payload_id])
    items[0][key] = value
    return items


def test_every_id_has_a_schema() -> None:
    assert {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json")} == set(GOOD)


@pytest.mark.parametrize("payload_id", GOOD)
def test_good_payloads(payload_id: str) -> None:
    validate(payload_id, GOOD[payload_id], SCHEMAS)
    if payload_id != "_meta":
        validate(payload_id, [], SCHEMAS)


@pytest.mark.parametrize("payload_id", GOOD)
def test_closed_bare_and_complete(payload_id: str) -> None:
    """An object instead of the array, a field too many, and, of the contract's fields, each one too few."""
    refused = [{"data": GOOD[payload_id]}, GOOD[payload_id][0], changed(payload_id, "extra", 1)]
    required = json.loads((SCHEMAS / f"{payload_id}.schema.json").read_text())["items"]["required"]
    refused += [[{k: v for k, v in GOOD[payload_id][0].items() if k != key}] for key in required]
    for value in refused:
        with pytest.raises(OutagesError, match=f"PAYLOAD_SCHEMA: payload {payload_id}: "):
            validate(payload_id, value, SCHEMAS)


@pytest.mark.parametrize(
    ("payload_id", "key", "value"),
    [
        ("market_map", "nombre_region", "O`HIGGINS"),
        ("market_map", "nombre_region", "ÑUBLE"),
        ("market_map", "instability_index", 100.5),
        ("market_map", "total_afectados", 12.0),
        ("market_map", "total_afectados", True),
        ("market_map", "frecuencia", None),
        ("market_map", "instability_index", math.nan),
        ("market_map", "instability_index", math.inf),
        ("time_series", "mes", "2024-08-02"),
        ("time_series", "mes", "2024-13-01"),
        ("time_series", "mes", "2024-08-01\n"),
        ("time_series", "afectados", -1),
        ("investment_roi", "efficiency_ratio", math.inf),
        ("investment_roi", "total_inversión_mmu", 0),
        ("investment_roi", "nombre_region", "INTERREGIONAL"),
        ("company_ranking", "nombre_empresa", "UNKNOWN"),
        ("company_ranking", "promedio_afectados", "1.5"),
        ("investment_validation", "delta", "-12 %"),
        ("investment_validation", "year", "2023"),
        ("eda_quality_stats", "percentage", 25.0),
        ("eda_quality_stats", "percentage", None),
        ("eda_projects_dist", "nombre_region", "OTRO"),
        ("eda_projects_dist", "count", 0),
        ("coverage", "pattern", "hourly"),
        ("coverage", "shapes", {"C": 1}),
        ("coverage", "shapes", {"A": 1.0}),
        ("coverage", "pattern", [0.0, 6]),
        ("_meta", "months", [{**MONTH, "month": "2024-8"}]),
        ("_meta", "payloads", {"market_map": "abc"}),
        ("_meta", "sources", ["someone"]),
    ],
)
def test_refused_values_are_located(payload_id: str, key: str, value: Any) -> None:
    items = changed(payload_id, key, value)
    if payload_id != "_meta":
        items = GOOD[payload_id] + items
    with pytest.raises(OutagesError) as caught:
        validate(payload_id, items, SCHEMAS)
    assert caught.value.code == "PAYLOAD_SCHEMA"
    assert caught.value.facts["id"] == payload_id
    where = str(caught.value.facts["path"])
    assert where.startswith("$[0]" if payload_id == "_meta" else "$[1]")
    assert where in caught.value.message


def test_share_of_nothing_may_be_null() -> None:
    validate("eda_quality_stats", [{"category": "x", "count": 0, "percentage": None, "total": 0}], SCHEMAS)


def test_ranking_has_at_most_fifteen() -> None:
    item = GOOD["company_ranking"][0]
    validate("company_ranking", [item] * 15, SCHEMAS)
    with pytest.raises(OutagesError, match="PAYLOAD_SCHEMA"):
        validate("company_ranking", [item] * 16, SCHEMAS)


def test_regions_are_those_of_the_table() -> None:
    known = {region.nombre_region for region in Names.load(ROOT / "resources").regions.values()}
    for payload_id in GOOD:
        schema = json.loads((SCHEMAS / f"{payload_id}.schema.json").read_text())
        region = schema["items"]["properties"].get("nombre_region")
        if region:
            assert set(region["enum"]) | {"UNKNOWN"} == known | set(region["enum"]) & {"INTERREGIONAL", "CHILE"}, (
                payload_id
            )


def test_every_property_is_described() -> None:
    def look(node: Any, where: str) -> None:
        if isinstance(node, dict):
            for name, inner in node.get("properties", {}).items():
                if "if" not in where:
                    assert inner.get("description"), f"{where}.{name}"
            for key, inner in node.items():
                if key not in ("if", "then", "else"):
                    look(inner, f"{where}.{key}")

    for path in SCHEMAS.glob("*.json"):
        look(json.loads(path.read_text()), path.name.removesuffix(".schema.json"))


def test_writing(tmp_path: Path) -> None:
    path = tmp_path / "gold" / "time_series.json"
    digest = write_payload("time_series", GOOD["time_series"], path, SCHEMAS)
    assert path.read_bytes() == b'[{"afectados":0,"mes":"2024-08-01","nombre_region":"UNKNOWN"}]\n'
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(OutagesError, match="PAYLOAD_SCHEMA"):
        write_payload("time_series", changed("time_series", "afectados", math.nan), path, SCHEMAS)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert [each.name for each in path.parent.iterdir()] == ["time_series.json"]


def test_no_schema(tmp_path: Path) -> None:
    with pytest.raises(OutagesError, match="there is no schema"):
        validate("nothing", [], SCHEMAS)
    (tmp_path / "broken.schema.json").write_text('{"type": "lists"}')
    with pytest.raises(OutagesError, match="is no JSON Schema"):
        validate("broken", [], tmp_path)


def test_a_large_map_is_quick() -> None:
    began = time.process_time()
    validate("market_map", GOOD["market_map"] * 3_000, SCHEMAS)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize("payload_id", GOOD)
def test_every_number_is_exact(payload_id: str) -> None:
    """Of each number that the payload holds: the same as a float where an integer belongs, NaN, and Infinity."""
    tried = 0
    for keys, value in numbers_of(GOOD[payload_id]):
        for wrong in (math.nan, math.inf, *([float(value)] if is_integer(payload_id, keys) else [])):
            items = copy.deepcopy(GOOD[payload_id])
            parent: Any = items
            for key in keys[:-1]:
                parent = parent[key]
            parent[keys[-1]] = wrong
            with pytest.raises(OutagesError, match="PAYLOAD_SCHEMA"):
                validate(payload_id, items, SCHEMAS)
            tried += 1
    assert tried


def numbers_of(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int | float]]:
    """Every number within a value, with the keys that lead to it."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_of(inner, (*keys, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield keys, value


def is_integer(payload_id: str, keys: tuple[Any, ...]) -> bool:
    """Whether the schema asks for an integer there, of which it may be one among several kinds."""
    nodes = [json.loads((SCHEMAS / f"{payload_id}.schema.json").read_text())]
    for key in keys:
        nodes = [one for node in nodes for one in node.get("oneOf", [node])]
        inner = [
            node.get("items")
            if isinstance(key, int)
            else node.get("properties", {}).get(key, node.get("additionalProperties"))
            for node in nodes
        ]
        nodes = [node for node in inner if node]
    return any(node.get("type") in ("integer", ["integer", "null"]) for node in nodes)
