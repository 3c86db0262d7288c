"""Payloads against the warehouse: the same figures, counted a second time by SQL.

Polars makes the payloads from Parquet; the warehouse holds the same events and observations by keys. Each payload
that counts them is summed up again there, and one figure that differs stops the publication.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from .clock import HOUR, iso, parse_iso
from .errors import OutagesError
from .loading import count_months
from .names import UNKNOWN

if TYPE_CHECKING:
    from psycopg import Connection

Items = list[dict[str, Any]]
#: Rows by the name of what was counted.
Counted = dict[str, list[Any]]
Observations = dict[int, tuple[int, ...]]
#: What events_top ranks by, in the columns of the events, and how many of each.
CRITERIA = {"customers": "clientes_afectados", "customer_hours": "clientes_hora"}
PLACES = 10

#: Events of each month, place, company and kind, summed once for all that follows: one look at every event, not seven.
SUMS = """
    CREATE TEMPORARY TABLE sumas ON COMMIT DROP AS
    SELECT format('%s-%s-01', mes / 100, lpad((mes % 100)::text, 2, '0')) AS mes, nombre_region, nombre_comuna,
           nombre_empresa, fantasma, eventos, clientes
    FROM (
        SELECT id_tiempo / 100 AS mes, codigo_comuna, id_empresa, fantasma, count(*) AS eventos,
               sum(clientes_afectados) AS clientes
        FROM fact_interrupciones GROUP BY 1, 2, 3, 4
    ) AS f
    JOIN dim_geografia USING (codigo_comuna)
    JOIN dim_empresa USING (id_empresa)
"""
_EVENTS = "coalesce(sum(eventos), 0)::bigint, coalesce(sum(clientes), 0)::bigint"
MARKET_MAP = f"""SELECT nombre_region, nombre_comuna, nombre_empresa, {_EVENTS} FROM sumas GROUP BY 1, 2, 3"""
TIME_SERIES = f"""SELECT mes, nombre_region, {_EVENTS} FROM sumas GROUP BY 1, 2"""
# Names by their bytes, as the payload sorts them.
COMPANIES = f"""
    SELECT nombre_empresa, {_EVENTS} FROM sumas WHERE nombre_empresa <> 'UNKNOWN'
    GROUP BY 1 ORDER BY 3 DESC, nombre_empresa COLLATE "C" LIMIT 15
"""
UNKNOWN_COMPANY = f"""SELECT {_EVENTS} FROM sumas WHERE nombre_empresa = 'UNKNOWN'"""
RATES = """
    SELECT mes, coalesce(nombre_region, 'CHILE'), sum(clientes)::bigint,
           coalesce(sum(clientes) FILTER (WHERE NOT fantasma), 0)::bigint
    FROM sumas GROUP BY GROUPING SETS ((mes, nombre_region), (mes))
"""
REGIONS = "SELECT nombre_region, sum(clientes)::bigint FROM sumas GROUP BY 1"
EVENTS = f"SELECT {_EVENTS} FROM sumas"
YEARS = "SELECT DISTINCT left(mes, 4) FROM sumas"
# Whatever is as large as the smallest that the payload lists of a year: what it should have listed is among them.
# What is smaller than the smallest of all years is passed over before it is joined.
LARGEST = """
    SELECT periodo, hash_id, inicio, clientes_afectados, clientes_hora
    FROM fact_interrupciones
    JOIN unnest(%s::int[], %s::bigint[], %s::bigint[]) AS menor (periodo, clientes, horas)
        ON id_tiempo / 10000 = periodo
    WHERE (clientes_afectados >= %s OR clientes_hora >= %s)
        AND (clientes_afectados >= clientes OR clientes_hora >= horas)
"""
#: What each category of eda_quality_stats tells of, in its order.
CATEGORIES = (
    *("imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida", "formato = 'B'", "recortado"),
    "fantasma",
)
QUALITY = ", ".join(["count(*)", *(f"count(*) FILTER (WHERE {one})" for one in CATEGORIES)])
COVERAGE = """
    SELECT to_char(fecha, 'YYYY-MM-01'), count(*) FILTER (WHERE estado = 'observed'),
           count(*) FILTER (WHERE estado = 'gap'), count(*) FILTER (WHERE estado = 'unasked')
    FROM cobertura WHERE motivo IS DISTINCT FROM 'not in pattern' GROUP BY 1
"""
COVERAGE_HOURS = COVERAGE.replace("'YYYY-MM-01'),", "'YYYY-MM-01'), hora,").replace("GROUP BY 1", "GROUP BY 1, 2")
CUSTOMERS_OUT = """
    SELECT to_char(fecha, 'YYYY-MM-01'), sum(clientes)::bigint
    FROM cobertura WHERE estado = 'observed' AND motivo IS DISTINCT FROM 'not in pattern' GROUP BY 1
"""
LIVE_HOURS = "SELECT nombre_region, hora_utc, clientes, estado FROM horas_30_dias"
LIVE_NOW = "SELECT nombre_region, ultima_hora, clientes, hora_anterior, cambio FROM ultima_hora_regiones"
LIVE_OPEN = """
    SELECT * FROM (
        SELECT nombre_region,
               row_number() OVER (
                   PARTITION BY nombre_region ORDER BY clientes_ahora DESC, clientes_afectados DESC, inicio, hash_id
               ) AS puesto,
               count(*) OVER (PARTITION BY nombre_region), nombre_comuna, nombre_empresa, inicio, clientes_ahora,
               clientes_afectados, inicio_desconocido, fantasma
        FROM interrupciones_abiertas
    ) AS o WHERE puesto <= 10
"""
COUNTS = {
    "market_map": MARKET_MAP,
    "time_series": TIME_SERIES,
    "company_ranking": COMPANIES,
    "unknown_company": UNKNOWN_COMPANY,
    "rates": RATES,
    "regions": REGIONS,
    "years": YEARS,
    "events": EVENTS,
    "coverage": COVERAGE,
    "coverage_hours": COVERAGE_HOURS,
    "customers_out": CUSTOMERS_OUT,
    "live_hours": LIVE_HOURS,
    "live_now": LIVE_NOW,
    "live_open": LIVE_OPEN,
}


def count_observations(conn: Connection) -> Observations:
    """Observations of each month (YYYYMM) that the warehouse holds: all of them, and by category."""
    return count_months(conn, QUALITY)


def count(conn: Connection, observations: Observations | None = None) -> Counted:
    """What the warehouse counts, without a look at any payload: it can be done while they are computed.

    `observations` are those of `count_observations` where they were counted already.
    """
    with conn.transaction():
        conn.execute(SUMS)
        counted = {name: conn.execute(query.encode()).fetchall() for name, query in COUNTS.items()}
    told = count_observations(conn) if observations is None else observations
    nothing = (0,) * (1 + len(CATEGORIES))
    return counted | {"quality": [tuple(map(sum, zip(nothing, *told.values(), strict=True)))]}


def count_largest(conn: Connection, items: Items) -> list[Any]:
    """Of the warehouse's events, those that the payload events_top lists or should have listed."""
    listed = [one for one in items if one["rank"] <= PLACES]
    years = sorted({one["period"] for one in listed} - {"all"})
    least: dict[str, list[int]] = {criterion: [] for criterion in CRITERIA}
    for year in years:
        for criterion, column in CRITERIA.items():
            values = [one[column] for one in listed if (one["period"], one["criterion"]) == (year, criterion)]
            least[criterion].append(min(values) if len(values) == PLACES else 0)
    of_all = [min(values, default=0) for values in least.values()]
    return conn.execute(LARGEST, [[int(year) for year in years], *least.values(), *of_all]).fetchall()


def assert_agreement(
    payloads: dict[str, Items], unknown: dict[str, int], counted: Counted, largest: Iterable[Any]
) -> None:
    """Raise TOTALS, with payload and line, for the first figure that payload and warehouse tell differently.

    `counted` is what `count` gives, `largest` what `count_largest` does.
    Compared, each with what the other side alone has: customers and events of market_map; customers of time_series
    and rates (which are 0 for a region or month without an event, absent in SQL); company_ranking, in its order, and
    `unknown`, the totals of events without a company; counts of eda_quality_stats; hours of coverage; the ten largest
    of events_top by either criterion, ghosts among them; live_30d. Of investment_roi the customers of the regions
    that it lists: which ones do, and every amount, come from the table of projects. Of reliability the country's
    customer-hours by month. Not compared are ratios, and the payloads that the warehouse cannot tell: quality, breaks,
    storms, restoration, investment_validation and eda_projects_dist; sensitivity is held against the events where it
    is made.
    """
    _compare_sums(counted, payloads, unknown)
    _compare_largest(payloads["events_top"], largest, counted["years"])

    [(total, *counts)] = counted["quality"]
    stats = payloads["eda_quality_stats"]
    rules = {(one["category"],): (one["count"], one["total"]) for one in stats}
    sums = {(one["category"],): (count, total) for one, count in zip(stats, counts, strict=True)}
    _compare("eda_quality_stats", rules, sums, rules)

    held = {(row[0],): row[1:] for row in counted["coverage"]}
    hours = {(one["mes"],): (one["observed"], one["gap"], one["unasked"]) for one in payloads["coverage"]}
    _compare("coverage", hours, held, hours.keys() | held.keys())

    held = {tuple(row[:2]): row[2:] for row in counted["coverage_hours"]}
    cells = {
        (one["mes"], one["hora"]): (one["observed"], one["gap"], one["unasked"]) for one in payloads["coverage_hours"]
    }
    _compare("coverage_hours", cells, held, cells.keys() | held.keys())

    country = [one for one in payloads["reliability"] if one["nombre_region"] == "CHILE" and len(one["period"]) > 4]
    steps = {one["period"]: one["step_hours"] for one in country}
    held = {(month,): customers * steps.get(month, 0) for month, customers in counted["customers_out"]}
    told = {(one["period"],): one["customer_hours"] for one in country if one["customer_hours"] is not None}
    _compare("reliability", told, held, told.keys() | held.keys())
    assert_live(counted, payloads["live_30d"])


def _compare_sums(counted: Counted, payloads: dict[str, Items], unknown: dict[str, int]) -> None:
    """What the events of the warehouse sum up to."""
    held: dict[tuple[Any, ...], Any] = {tuple(row[:3]): row[3:] for row in counted["market_map"]}
    told = {
        (one["nombre_region"], one["nombre_comuna"], one["nombre_empresa"]): (one["frecuencia"], one["total_afectados"])
        for one in payloads["market_map"]
    }
    _compare("market_map", told, held, told.keys() | held.keys())

    held = {tuple(row[:2]): row[3] for row in counted["time_series"]}
    series = {(one["mes"], one["nombre_region"]): one["afectados"] for one in payloads["time_series"]}
    zero = dict.fromkeys(series, 0)
    _compare("time_series", series, zero | held, series.keys() | held.keys())

    keys = ("nombre_empresa", "total_eventos", "total_clientes_afectados")
    held = {(place,): row for place, row in enumerate(counted["company_ranking"], start=1)}
    ranking = {
        (place,): tuple(one[key] for key in keys) for place, one in enumerate(payloads["company_ranking"], start=1)
    }
    _compare("company_ranking", ranking, held, ranking.keys() | held.keys())
    nameless = {("UNKNOWN",): tuple(unknown[key] for key in keys[1:])}
    _compare("company_ranking", nameless, {("UNKNOWN",): counted["unknown_company"][0]}, nameless)

    held = {row[:2]: row[2:] for row in counted["rates"]}
    affected = {
        (one["mes"], one["nombre_region"]): (one["afectados"], one["afectados_sin_fantasmas"])
        for one in payloads["rates"]
        if one["afectados"] is not None
    }
    _compare("rates", affected, dict.fromkeys(affected, (0, 0)) | held, affected.keys() | held.keys())

    held = {row[:1]: row[1] for row in counted["regions"]}
    customers = {(one["nombre_region"],): one["clientes_afectados"] for one in payloads["investment_roi"]}
    _compare("investment_roi", customers, dict.fromkeys(customers, 0) | held, customers)


def _compare_largest(items: Items, largest: Iterable[Any], years: Iterable[tuple[str]]) -> None:
    """The ten largest events of each year that has any and of all, by either criterion."""
    listed = [one for one in items if one["rank"] <= PLACES]
    held: dict[tuple[Any, ...], Any] = dict.fromkeys([*years, ("all",)], "events")
    periods = dict.fromkeys([*((one["period"],) for one in listed), ("all",)], "events")
    _compare("events_top", periods, held, periods.keys() | held.keys())
    told = {
        (one["period"], one["criterion"], one["rank"]): (one["hash_id"], one[CRITERIA[one["criterion"]]])
        for one in listed
    }
    found: dict[str, list[dict[str, Any]]] = {"all": []}
    for year, name, inicio, *sizes in largest:
        event = {"hash_id": name, "inicio": inicio, **dict(zip(CRITERIA.values(), sizes, strict=True))}
        found.setdefault(str(year), []).append(event)
        found["all"].append(event)
    held = {}
    for period, events in found.items():
        for criterion, column in CRITERIA.items():
            ranked = sorted(events, key=lambda one: (-one[column], one["inicio"], one["hash_id"]))
            for rank, one in enumerate(ranked[:PLACES], start=1):
                held[period, criterion, rank] = (one["hash_id"], one[column])
    _compare("events_top", told, held, told.keys() | held.keys())


def assert_live(counted: Counted, items: Items) -> None:
    """Raise TOTALS when live_30d and the views of the last 30 days differ: in an hour, the newest one, an open event.

    SQL always lists UNKNOWN. Where the payload leaves it out, nobody must be out there.
    """
    named = {one["nombre_region"] for one in items}
    text = cache(iso)  # the same hours for every region
    held: dict[tuple[Any, ...], Any]
    held = {
        (region, text(hour)): customers
        for region, hour, customers, _ in counted["live_hours"]
        if region in named or customers
    }
    told: dict[tuple[Any, ...], Any] = {
        (one["nombre_region"], text(begin + n * HOUR)): customers
        for one in items
        for begin in [parse_iso(one["desde"])]
        for n, customers in enumerate(one["serie"])
    }
    _compare("live_30d", told, held, told.keys() | held.keys())

    states = Counter((region, state) for region, _, _, state in counted["live_hours"])
    held = {
        row[:1]: _plain((*row[1:], *(states[row[0], state] for state in ("observed", "gap", "unasked"))))
        for row in counted["live_now"]
        if row[0] in named or row[0] != UNKNOWN
    }
    now = ("ultima_hora", "clientes", "hora_anterior", "cambio", "observadas", "sin_dato", "no_preguntadas")
    told = {(one["nombre_region"],): tuple(one[key] for key in now) for one in items}
    _compare("live_30d", told, held, told.keys() | held.keys())

    held = {row[:2]: _plain(row[2:]) for row in counted["live_open"]}
    event = ("nombre_comuna", "nombre_empresa", "inicio", "clientes_ahora", "clientes_afectados",
             "inicio_desconocido", "fantasma")  # fmt: skip
    told = {
        (one["nombre_region"], place): (one["abiertos"], *(each[key] for key in event))
        for one in items
        for place, each in enumerate(one["eventos_abiertos"], start=1)
    }
    _compare("live_30d", told, held, told.keys() | held.keys())


def _plain(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(iso(value) if isinstance(value, datetime) else value for value in values)


def _compare(payload: str, told: dict[Any, Any], held: dict[Any, Any], keys: Iterable[tuple[Any, ...]]) -> None:
    if told == held:
        return
    for key in sorted(keys):
        if told.get(key) != held.get(key):
            where = f"{payload}, {' / '.join(map(str, key))}"
            raise OutagesError(
                "TOTALS", f"{where}: the payload tells {told.get(key)}, the warehouse {held.get(key)}", payload=payload
            )
