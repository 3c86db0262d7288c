"""Silver into the warehouse: whole months by COPY, each in one transaction; event_loading.py brings the events.

A load leaves what one clean load of the last files would, whatever was there before; cut off at any instant it
leaves what was there. Measured with 1,000,000 rows on two cores: COPY of CSV by Polars 2.9 s, binary COPY row by
row 3.4 s, so CSV; all of `load_month` 5 s.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clock import parse_month
from .errors import OutagesError
from .files import sha256
from .reporting import log, say
from .warehouse import PARTITIONS, month_lock, transaction, withhold

if TYPE_CHECKING:
    import polars as pl
    from psycopg import Connection

#: Rows that are sent at once: PostgreSQL reads them while the next are written.
CHUNK_ROWS = 4_000
OBSERVATIONS = (
    *("mes", "hora_utc", "codigo_comuna", "id_empresa", "fecha_inicio", "formato", "fecha", "hora"),
    *("clientes_afectados", "clientes_reportados", "filas", "antiguedad_dias"),
    *("imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida", "recortado", "fantasma"),
)
COVERAGE = ("mes", "hora_utc", "fecha", "hora", "estado", "motivo", "formato", "filas", "clientes", "revisiones")


def load_month(conn: Connection, month: str, silver: Path, hours: Path) -> dict[str, Any]:
    """Replace the rows of one month ("YYYY-MM") in `observaciones` and `cobertura`; the receipt of the load."""
    import polars as pl

    mes = _mes(month)
    observations, silver_sha256 = read_file(silver)
    coverage, hours_sha256 = read_file(hours)
    with refusing(f"month {month}", silver), transaction(conn, month_lock(mes)):
        month_column = pl.lit(mes, pl.Int32).alias("mes")
        rows = with_keys(conn, observations, silver).with_columns(month_column)
        with _partition(conn, mes) as partition:
            copy_rows(conn, partition, OBSERVATIONS, rows, freeze=True)
        conn.execute("DELETE FROM cobertura WHERE mes = %s", [mes])
        copy_rows(conn, "cobertura", COVERAGE, coverage.with_columns(month_column))
        conn.execute(
            """
            INSERT INTO cargas VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (mes) DO UPDATE SET silver_sha256 = excluded.silver_sha256,
                hours_sha256 = excluded.hours_sha256, filas = excluded.filas, horas = excluded.horas
            """,
            [mes, silver_sha256, hours_sha256, rows.height, coverage.height],
        )
        sums = ("filas", "clientes_afectados", "clientes_reportados", "antiguedad_dias")
        compare(conn, partition, "true", sums, rows, silver)
        compare(conn, "cobertura", f"mes = {mes}", ("filas", "clientes", "revisiones"), coverage, hours)
    return {
        "month": month,
        "filas": rows.height,
        "horas": coverage.height,
        "silver_sha256": silver_sha256,
        "hours_sha256": hours_sha256,
        "clientes": int(rows["clientes_afectados"].sum()),
    }


def count_months(conn: Connection, figures: str = "count(*)") -> dict[int, tuple[int, ...]]:
    """Aggregates, rows first, over the observations that the database holds of each month (YYYYMM)."""
    # One by one: a quarter of the time that all of them take in groups.
    months = [
        f"SELECT {name[-6:]}, {figures} FROM {name}"
        for (name,) in conn.execute("SELECT relid::regclass::text FROM pg_partition_tree('observaciones') WHERE isleaf")
    ]
    found = conn.execute(" UNION ALL ".join(months).encode()).fetchall() if months else []
    return {mes: tuple(told) for mes, *told in found}


def stale_months(
    conn: Connection, receipts: Iterable[Mapping[str, Any]], held: Mapping[int, Sequence[int]] | None = None
) -> list[str]:
    """Months of the receipts that the database lacks, or holds from other files, in their order.

    With `held`, what `count_months` gives, also those that it has lost rows of since they were loaded.
    """
    hours: dict[int, int] = dict(conn.execute("SELECT mes, count(*) FROM cobertura GROUP BY mes").fetchall())
    noted = conn.execute("SELECT mes, silver_sha256, hours_sha256, filas, horas FROM cargas")
    loaded = {mes: told for mes, *told in noted}
    stale = []
    for receipt in receipts:
        mes = _mes(receipt["month"])
        silver, states, rows, labels = loaded.get(mes, (None, None, 0, 0))
        found = rows if held is None else held.get(mes, (0,))[0]
        digests = receipt["silver_sha256"], receipt["hours_sha256"]
        if (silver, states) != digests or (rows, labels) != (found, hours.get(mes, 0)):
            stale.append(receipt["month"])
    return sorted(stale)


def heal(
    conn: Connection,
    receipts: Sequence[Mapping[str, Any]],
    silver_dir: Path,
    held: Mapping[int, Sequence[int]] | None = None,
) -> list[str]:
    """Load again what `stale_months` tells of the database; the months loaded. Other months stay."""
    by_month = {receipt["month"]: receipt for receipt in receipts}
    stale = stale_months(conn, receipts, held)
    for month in stale:
        silver, hours = silver_dir / f"{month}.parquet", silver_dir / f"{month}.hours.parquet"
        for file, name in ((silver, "silver_sha256"), (hours, "hours_sha256")):
            if not file.exists() or sha256(file) != by_month[month][name]:
                message = f"{file} is missing or not the file of its receipt: run the workflow, which makes both again."
                raise OutagesError("SILVER_CHANGED", message, month=month, file=str(file))
        load_month(conn, month, silver, hours)
    return stale


def tell_healed(months: Sequence[str]) -> None:
    """Say which months `heal` has loaded again, if any."""
    if months:
        log().warning("months_loaded_again", code="WAREHOUSE_STALE", months=months)
        say(f"  the database lacked {', '.join(months)}: loaded again from silver")


def prune(conn: Connection, months: Iterable[str]) -> list[int]:
    """Take out the months (YYYYMM) that are not among `months` ("YYYY-MM"); those taken out.

    What the events no longer cover must not be left beside them: a view would tell no outages where none were built.
    """
    kept = {_mes(month) for month in months}
    gone = sorted(mes for (mes,) in conn.execute("SELECT mes FROM cargas").fetchall() if mes not in kept)
    for mes in gone:
        with transaction(conn, month_lock(mes)):
            conn.execute(f"TRUNCATE observaciones_{mes}")
            conn.execute("DELETE FROM cobertura WHERE mes = %s", [mes])
            conn.execute("DELETE FROM cargas WHERE mes = %s", [mes])
    return gone


def _mes(month: str) -> int:
    year, number = parse_month(month)
    return year * 100 + number


def read_file(path: Path) -> tuple[pl.DataFrame, str]:
    """A Parquet file and the sha256 of the very bytes that were read."""
    import polars as pl

    content = path.read_bytes()
    return pl.read_parquet(io.BytesIO(content)), hashlib.sha256(content).hexdigest()


@contextmanager
def _partition(conn: Connection, mes: int) -> Iterator[str]:
    """The month's partition, empty, to be filled in this transaction.

    A new one is made aside, gets its key when it is full (all rows at once, a third of the time), and is attached
    then, which lets readers and the loads of other months go on.
    """
    partition = f"observaciones_{mes}"
    if conn.execute("SELECT to_regclass(%s)", [partition]).fetchone() != (None,):
        conn.execute(f"TRUNCATE {partition}")
        yield partition
        return
    conn.execute(f"CREATE TABLE {partition} (LIKE observaciones INCLUDING ALL EXCLUDING INDEXES)")
    conn.execute(f"ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY")
    yield partition
    [(key,)] = conn.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = 'observaciones'::regclass AND contype = 'u'"
    ).fetchall()
    conn.execute(f"ALTER TABLE {partition} ADD {key}".encode())
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", PARTITIONS)
    conn.execute(f"ALTER TABLE observaciones ATTACH PARTITION {partition} FOR VALUES IN ({mes})")
    withhold(conn)


def with_keys(conn: Connection, frame: pl.DataFrame, source: Path) -> pl.DataFrame:
    """Company names as `id_empresa`; every company and commune must be one of the dimensions."""
    import polars as pl

    companies: dict[str, int] = dict(conn.execute("SELECT nombre_empresa, id_empresa FROM dim_empresa").fetchall())
    communes = [code for (code,) in conn.execute("SELECT codigo_comuna FROM dim_geografia")]
    for column, known in (("nombre_empresa", list(companies)), ("codigo_comuna", communes)):
        strange = frame.filter(~pl.col(column).is_in(known))[column].unique().sort()
        if strange.len():
            message = f"{source} holds {column} {strange[0]!r}, which the dimensions lack: see resources/."
            raise OutagesError("LOAD_UNRESOLVED", message, column=column, values=strange.to_list()[:20])
    ids = pl.col("nombre_empresa").replace_strict(companies, return_dtype=pl.Int16)
    return frame.with_columns(id_empresa=ids)


def copy_rows(conn: Connection, table: str, columns: Sequence[str], rows: pl.DataFrame, freeze: bool = False) -> None:
    """COPY a frame. `freeze` for a table emptied in this transaction: its rows need no later clean-up."""
    options = "FORMAT csv, FREEZE" if freeze else "FORMAT csv"
    with conn.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN ({options})") as copy:
        for text in _chunks(rows.select(columns)):
            copy.write(text)


def _chunks(rows: pl.DataFrame) -> Iterator[str]:
    for part in rows.iter_slices(CHUNK_ROWS):
        # A null is nothing, an empty text is "": both sides agree on that.
        yield part.write_csv(include_header=False)


def compare(conn: Connection, table: str, where: str, sums: Sequence[str], rows: pl.DataFrame, source: Path) -> None:
    """Read back the number of rows, and sum and non-null count of columns; another figure undoes the load."""
    figures = ", ".join(f"coalesce(sum({name}), 0)::bigint, count({name})" for name in sums)
    stored = conn.execute(f"SELECT count(*), {figures} FROM {table} WHERE {where}").fetchone()
    read: list[int] = [rows.height]
    for name in sums:
        read += [int(rows[name].sum()), rows[name].count()]
    if stored is None or list(stored) != read:
        message = f"{table} does not hold what {source} does: nothing was changed."
        raise OutagesError("LOAD_MISMATCH", message, read=read, stored=stored, columns=list(sums))


@contextmanager
def refusing(what: str, source: Path) -> Iterator[None]:
    """Turn a violated rule of the schema into an error that names the file."""
    from psycopg import DataError, IntegrityError

    try:
        yield
    except (IntegrityError, DataError) as error:
        message = (
            f"The database refuses {what} of {source}: {error.diag.message_primary or error}. Nothing was changed."
        )
        raise OutagesError(
            "LOAD_REFUSED",
            message,
            file=str(source),
            detail=error.diag.message_detail,
            where=error.diag.context,
            rule=error.diag.constraint_name,
        ) from error
