"""Events in DuckDB: how many, the largest, and customers per 1,000 by region and month with their coverage.

python examples/duckdb_golden.py [RESULTS]        RESULTS: results folder of a finished run, by default demo/results

The cells (# %%) run one by one in editors that know them. Columns and units: docs/data-dictionary.md.
"""

# %%
import json
import sys
from pathlib import Path

import duckdb

RESULTS = Path(sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "demo/results")
about = json.loads((RESULTS / "gold/_meta.json").read_text())[0]
months = [str(RESULTS / f"silver/{month['month']}.hours.parquet") for month in about["months"]]
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
db.execute(f"CREATE VIEW events AS FROM '{RESULTS}/gold/golden_interrupciones.parquet'")
db.execute(f"CREATE VIEW customers AS FROM '{RESULTS}/customers.parquet'")
db.execute(f"CREATE VIEW hours AS FROM read_parquet({months}) WHERE motivo <> 'not in pattern'")


def show(title: str, query: str) -> None:
    """Print the rows of a query under its column names; nothing known prints as a dash."""
    result = db.execute(query)
    rows = [[column[0] for column in result.description]]
    rows += [["-" if value is None else str(value) for value in row] for row in result.fetchall()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"\n{title}")
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


# %% What the figures stand on: an hour that was not observed is unknown, not calm.
if about["synthetic"]:
    print("SYNTHETIC: these answers come from the replica of the source, and no figure here is real.")
for found in about["breaks"]:
    print(f"Break in {found['mes']}: {found['reason']}. Do not compare what lies before with what lies after.")
show(
    "Hours by state",
    """
    SELECT strftime(fecha, '%Y-%m') AS mes, count(*) FILTER (estado = 'observed') AS observed,
        count(*) FILTER (estado = 'gap') AS gap, count(*) FILTER (estado = 'unasked') AS unasked
    FROM hours GROUP BY 1 ORDER BY 1
    """,
)

# %% Events per year, by shape: A counts from 1 customer, B from 100 in a commune, so they are not added up.
show(
    "Events per year",
    """
    SELECT year(fecha_dt) AS year, formato AS shape, count(*) AS events, sum(clientes_afectados) AS customers,
        sum(clientes_hora) AS customer_hours, count(*) FILTER (fantasma) AS ghosts
    FROM events GROUP BY ALL ORDER BY ALL
    """,
)

# %% The largest events. Where begin_unknown or end_unknown is true a gap hides how long it lasted.
show(
    "Largest events",
    """
    SELECT strftime(inicio, '%Y-%m-%dT%H') AS begin, nombre_region AS region, nombre_comuna AS commune,
        clientes_afectados AS customers, clientes_hora AS customer_hours, horas_sin_dato AS hours_without_data,
        inicio_desconocido AS begin_unknown, fin_desconocido AS end_unknown
    FROM events ORDER BY clientes_afectados DESC, inicio, hash_id LIMIT 10
    """,
)

# %% Customers by region and month, per 1,000 customers. Begin with the months and their coverage, and join events to
# them: a region without events has 0 in a month that was observed, and nothing known in one that was not. Events whose
# region is not known have no customers to be divided by.
show(
    "Customers by region and month",
    """
    WITH months AS (
        SELECT strftime(fecha, '%Y-%m') AS mes, count(*) FILTER (estado = 'observed') AS observed,
            count(*) AS asked
        FROM hours GROUP BY 1
    ), sums AS (
        SELECT strftime(fecha_dt, '%Y-%m') AS mes, nombre_region, sum(clientes_afectados) AS customers
        FROM events GROUP BY 1, 2
    )
    SELECT mes, nombre_region AS region, if(observed > 0, coalesce(s.customers, 0), NULL) AS affected,
        c.clientes AS customers, c.estado AS customers_state,
        round(if(observed > 0, 1000 * coalesce(s.customers, 0) / c.clientes, NULL), 3) AS per_1000,
        round(observed / asked, 4) AS coverage
    FROM months JOIN customers AS c USING (mes) LEFT JOIN sums AS s USING (mes, nombre_region)
    WHERE codigo_region <> 'CL' ORDER BY mes, region
    """,
)
