"""Figures that are wrong on purpose: in the warehouse, by statement, and in the payloads, by function."""

from __future__ import annotations

from typing import Any

#: By the payload that differs then; each takes the `hash_id` of an event.
PLANTED = {
    "market_map": "UPDATE fact_interrupciones SET clientes_afectados = clientes_afectados + 1 WHERE hash_id = %s",
    "time_series": "UPDATE fact_interrupciones SET id_tiempo = 20250201 WHERE hash_id = %s",
    "eda_quality_stats": "UPDATE observaciones SET fantasma = NOT fantasma WHERE %s <> '' AND mes = 202504",
    "coverage": "DELETE FROM cobertura WHERE %s <> '' AND fecha = '2025-04-02'",
    "coverage_hours": "UPDATE cobertura SET hora = 23 - hora WHERE %s <> '' AND fecha = '2025-04-02'",
    "reliability": "UPDATE cobertura SET clientes = clientes + 1 WHERE %s <> '' AND fecha = '2025-04-02'",
}


def _drop_the_last(payloads: dict[str, Any]) -> None:
    payloads["company_ranking"].pop()


def _swap_the_first(payloads: dict[str, Any]) -> None:
    payloads["company_ranking"][:2] = payloads["company_ranking"][1::-1]


def _one_more_unknown(payloads: dict[str, Any]) -> None:
    payloads["_meta"][0]["unknown_company"]["total_eventos"] += 1


def _no_unknown(payloads: dict[str, Any]) -> None:
    payloads["_meta"][0]["unknown_company"] |= {"total_eventos": 0, "total_clientes_afectados": 0}


def _rate(payloads: dict[str, Any]) -> None:
    next(one for one in payloads["rates"] if one["nombre_region"] == "CHILE")["afectados"] += 1


def _rate_without_ghosts(payloads: dict[str, Any]) -> None:
    payloads["rates"][0]["afectados_sin_fantasmas"] += 1


def _no_rate(payloads: dict[str, Any]) -> None:
    payloads["rates"] = [one for one in payloads["rates"] if one["nombre_region"] != "METROPOLITANA"]


def _investment(payloads: dict[str, Any]) -> None:
    payloads["investment_roi"][0]["clientes_afectados"] += 1


def _no_largest(payloads: dict[str, Any]) -> None:
    payloads["events_top"] = [one for one in payloads["events_top"] if one["rank"] != 3]


def _largest(payloads: dict[str, Any]) -> None:
    payloads["events_top"][0]["clientes_afectados"] += 1


def _customer_hours(payloads: dict[str, Any]) -> None:
    country = [one for one in payloads["reliability"] if one["nombre_region"] == "CHILE"]
    next(one for one in country if one["period"] == "2025-04-01")["customer_hours"] += 24


def _no_month(payloads: dict[str, Any]) -> None:
    payloads["reliability"] = [one for one in payloads["reliability"] if one["period"] != "2025-05-01"]


def _no_ranked(payloads: dict[str, Any]) -> None:
    """What is left tells of the year, but is none of the ten."""
    below = [one for one in payloads["events_top"] if one["period"] != "all"][:1]
    payloads["events_top"] = [one | {"rank": 11} for one in below]


#: By the payload that is spoilt.
SPOILT = {
    "company_ranking": [_drop_the_last, _swap_the_first, _one_more_unknown, _no_unknown],
    "rates": [_rate, _rate_without_ghosts, _no_rate],
    "investment_roi": [_investment],
    "events_top": [_no_largest, _largest, _no_ranked],
    "reliability": [_customer_hours, _no_month],
}
