"""Payloads against the warehouse: the same figures, counted a second time by SQL.

Polars makes the payloads from Parquet; the warehouse holds the same events and observations by keys. Each payload
that counts them is summed up again there, and one figure that differs stops the publication.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .errors import OutagesError

if TYPE_CHECKING:
    from psycopg import Connection

Items = list[dict[str, Any]]

_EVENTS = "count(*)::bigint, coalesce(sum(clientes_afectados), 0)::bigint"
MARKET_MAP = f"""SELECT nombre_region, nombre_comuna, nombre_empresa, {_EVENTS} FROM interrupciones GROUP BY 1, 2, 3"""
TIME_SERIES = f"""SELECT to_char(fecha_dt, 'YYYY-MM-01'), nombre_region, {_EVENTS} FROM interrupciones GROUP BY 1, 2"""
COMPANIES = f"""SELECT nombre_empresa, {_EVENTS} FROM interrupciones GROUP BY 1"""
QUALITY = """
    SELECT count(*), count(*) FILTER (WHERE imputado), count(*) FILTER (WHERE geo_desconocida),
           count(*) FILTER (WHERE empresa_desconocida), count(*) FILTER (WHERE fecha_sustituida),
           count(*) FILTER (WHERE formato = 'B'), count(*) FILTER (WHERE recortado), count(*) FILTER (WHERE fantasma)
    FROM observaciones
"""
COVERAGE = """
    SELECT to_char(fecha, 'YYYY-MM-01'), count(*) FILTER (WHERE estado = 'observed'),
           count(*) FILTER (WHERE estado = 'gap'), count(*) FILTER (WHERE estado = 'unasked')
    FROM cobertura WHERE motivo IS DISTINCT FROM 'not in pattern' GROUP BY 1
"""


def assert_agreement(conn: Connection, payloads: dict[str, Items], unknown: dict[str, int]) -> None:
    """Raise TOTALS, with payload and line, for the first figure that payload and warehouse tell differently.

    Compared are market_map, time_series, company_ranking with `unknown` (the totals of events without a company),
    eda_quality_stats and coverage. A region or month without an event is 0 in the series and absent in SQL.
    """
    held: dict[tuple[Any, ...], Any] = {tuple(row[:3]): row[3:] for row in conn.execute(MARKET_MAP)}
    told = {
        (one["nombre_region"], one["nombre_comuna"], one["nombre_empresa"]): (one["frecuencia"], one["total_afectados"])
        for one in payloads["market_map"]
    }
    _compare("market_map", told, held, told.keys() | held.keys())

    held = {tuple(row[:2]): row[3] for row in conn.execute(TIME_SERIES)}
    series = {(one["mes"], one["nombre_region"]): one["afectados"] for one in payloads["time_series"]}
    zero = dict.fromkeys(series, 0)
    _compare("time_series", series, zero | held, series.keys() | held.keys())

    held = {(row[0],): row[1:] for row in conn.execute(COMPANIES)}
    ranking = {
        (one["nombre_empresa"],): (one["total_eventos"], one["total_clientes_afectados"])
        for one in payloads["company_ranking"]
    }
    if unknown["total_eventos"]:
        ranking["UNKNOWN",] = (unknown["total_eventos"], unknown["total_clientes_afectados"])
    _compare("company_ranking", ranking, held, ranking)

    total, *counts = conn.execute(QUALITY).fetchone() or ()
    stats = payloads["eda_quality_stats"]
    rules = {(one["category"],): (one["count"], one["total"]) for one in stats}
    sums = {(one["category"],): (count, total) for one, count in zip(stats, counts, strict=True)}
    _compare("eda_quality_stats", rules, sums, rules)

    held = {(row[0],): row[1:] for row in conn.execute(COVERAGE)}
    hours = {(one["mes"],): (one["observed"], one["gap"], one["unasked"]) for one in payloads["coverage"]}
    _compare("coverage", hours, held, hours.keys() | held.keys())


def _compare(payload: str, told: dict[Any, Any], held: dict[Any, Any], keys: Iterable[tuple[Any, ...]]) -> None:
    for key in sorted(keys):
        if told.get(key) != held.get(key):
            where = f"{payload}, {' / '.join(map(str, key))}"
            raise OutagesError(
                "TOTALS", f"{where}: the payload tells {told.get(key)}, the warehouse {held.get(key)}", payload=payload
            )
