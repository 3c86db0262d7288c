"""Silver and gold into the warehouse: whole months and the whole of the events, by COPY, each in one transaction.

A load leaves what one clean load of the last files would, whatever was there before; cut off at any instant it
leaves what was there. Measured with 1,000,000 rows on two cores: COPY of CSV by Polars 2.9 s, binary COPY row by
row 3.4 s, so CSV; all of `load_month` 5 s, all of `replace_events` 7 s.
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
from .warehouse import EVENTS, PARTITIONS, month_lock, transaction, withhold

if TYPE_CHECKING:
    import polars as pl
    from psycopg import Connection

CHUNK_ROWS = 100_000
#: Share of the events from which on all of them are loaded anew, without keys and indexes in the way.
REPLACED_AT_ONCE = 0.2

OBSERVATIONS = (
    *("mes", "hora_utc", "codigo_comuna", "id_empresa", "fecha_inicio", "formato", "fecha", "hora"),
    *("clientes_afectados", "clientes_reportados", "filas", "antiguedad_dias"),
    *("imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida", "recortado", "fantasma"),
)
COVERAGE = ("mes", "hora_utc", "fecha", "hora", "estado", "motivo", "formato", "filas", "clientes", "revisiones")
EVENT_COLUMNS = (
    *("hash_id", "id_tiempo", "codigo_comuna", "id_empresa", "inicio", "fin", "fecha_inicio", "formato"),
    *("clientes_afectados", "clientes_hora", "observaciones", "horas_sin_dato"),
    *("inicio_desconocido", "fin_desconocido", "fantasma", "recortado"),
)


def load_month(conn: Connection, month: str, silver: Path, hours: Path) -> dict[str, Any]:
    """Replace the rows of one month ("YYYY-MM") in `observaciones` and `cobertura`; the receipt of the load."""
    import polars as pl

    mes = _mes(month)
    observations, silver_sha256 = _read(silver)
    coverage, hours_sha256 = _read(hours)
    with _refusing(f"month {month}", silver), transaction(conn, month_lock(mes)):
        month_column = pl.lit(mes, pl.Int32).alias("mes")
        rows = _with_keys(conn, observations, silver).with_columns(month_column)
        rows = rows.sort("hora_utc", "codigo_comuna", "id_empresa", "fecha_inicio", maintain_order=True)
        with _partition(conn, mes) as partition:
            _copy(conn, partition, OBSERVATIONS, rows, freeze=True)
        conn.execute("DELETE FROM cobertura WHERE mes = %s", [mes])
        _copy(conn, "cobertura", COVERAGE, coverage.with_columns(month_column))
        conn.execute(
            """
            INSERT INTO cargas VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (mes) DO UPDATE SET silver_sha256 = excluded.silver_sha256,
                hours_sha256 = excluded.hours_sha256, filas = excluded.filas, horas = excluded.horas
            """,
            [mes, silver_sha256, hours_sha256, rows.height, coverage.height],
        )
        sums = ("filas", "clientes_afectados", "clientes_reportados", "antiguedad_dias")
        _compare(conn, partition, "true", sums, rows, silver)
        _compare(conn, "cobertura", f"mes = {mes}", ("filas", "clientes", "revisiones"), coverage, hours)
    return {
        "month": month,
        "filas": rows.height,
        "horas": coverage.height,
        "silver_sha256": silver_sha256,
        "hours_sha256": hours_sha256,
        "clientes": int(rows["clientes_afectados"].sum()),
    }


def stale_months(conn: Connection, receipts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Months of the receipts that the database lacks, holds from other files or has lost rows of, in their order."""
    # One by one: a quarter of the time that all of them take in groups. Apart from what is noted: a planner without
    # statistics would count them all again for each line of that.
    partitions = [
        f"SELECT {name[-6:]}, count(*) FROM {name}"
        for (name,) in conn.execute("SELECT relid::regclass::text FROM pg_partition_tree('observaciones') WHERE isleaf")
    ]
    rows: dict[int, int] = dict(conn.execute(" UNION ALL ".join(partitions).encode()).fetchall() if partitions else ())
    hours: dict[int, int] = dict(conn.execute("SELECT mes, count(*) FROM cobertura GROUP BY mes").fetchall())
    noted = conn.execute("SELECT mes, silver_sha256, hours_sha256, filas, horas FROM cargas")
    loaded = {mes: told for mes, *told in noted}
    return sorted(
        receipt["month"]
        for receipt in receipts
        for mes in [_mes(receipt["month"])]
        if loaded.get(mes) != [receipt["silver_sha256"], receipt["hours_sha256"], rows.get(mes, 0), hours.get(mes, 0)]
    )


def heal(conn: Connection, receipts: Sequence[Mapping[str, Any]], silver_dir: Path) -> list[str]:
    """Load again what the database lacks or holds from other files; the months loaded. Other months stay."""
    by_month = {receipt["month"]: receipt for receipt in receipts}
    stale = stale_months(conn, receipts)
    for month in stale:
        silver, hours = silver_dir / f"{month}.parquet", silver_dir / f"{month}.hours.parquet"
        for file, name in ((silver, "silver_sha256"), (hours, "hours_sha256")):
            if not file.exists() or sha256(file) != by_month[month][name]:
                message = f"{file} is missing or not the file of its receipt: run the workflow, which makes both again."
                raise OutagesError("SILVER_CHANGED", message, month=month, file=str(file))
        load_month(conn, month, silver, hours)
    return stale


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


def replace_events(conn: Connection, golden: Path) -> int:
    """Make `fact_interrupciones` hold the events of golden_interrupciones.parquet; how many there are.

    Months (of the event's first observed hour) whose rows have not changed stay as they are.
    """
    import polars as pl

    events, digest = _read(golden)
    with _refusing("the events", golden), transaction(conn, EVENTS):
        day = pl.col("fecha_dt")
        events = _with_keys(conn, events, golden).with_columns(
            id_tiempo=day.dt.year() * 10_000 + day.dt.month().cast(pl.Int32) * 100 + day.dt.day()
        )
        events = events.select(EVENT_COLUMNS).with_columns(mes=pl.col("id_tiempo") // 100)
        _replace_months(conn, events)
        conn.execute(
            """
            INSERT INTO cargas_eventos (golden_sha256, filas) VALUES (%s, %s)
            ON CONFLICT (unica) DO UPDATE SET golden_sha256 = excluded.golden_sha256, filas = excluded.filas
            """,
            [digest, events.height],
        )
        sums = ("clientes_afectados", "clientes_hora", "observaciones", "horas_sin_dato")
        _compare(conn, "fact_interrupciones", "true", sums, events, golden)
    return events.height


def _replace_months(conn: Connection, events: pl.DataFrame) -> None:
    """Replace the events of the months that differ from what is loaded: row by row when they are few."""
    import polars as pl

    rows = pl.struct(EVENT_COLUMNS).hash()
    told = events.group_by("mes").agg(filas=pl.len(), one=rows.sum(), other=rows.hash(1).sum())
    # The digests are those of one version of Polars; another one loads everything again.
    new = {mes: f"{pl.__version__} {count} {one:x} {other:x}" for mes, count, one, other in told.iter_rows()}
    old: dict[int, str] = dict(conn.execute("SELECT mes, huella FROM cargas_eventos_mes").fetchall())
    changed = sorted(mes for mes in new.keys() | old.keys() if new.get(mes) != old.get(mes))
    fresh = events.filter(pl.col("mes").is_in(changed))
    held = conn.execute("SELECT coalesce(sum(filas), 0) FROM cargas_eventos_mes").fetchone()
    if fresh.height > REPLACED_AT_ONCE * events.height or held != (_rows_of(conn, "fact_interrupciones"),):
        rebuild = _drop_keys(conn, "fact_interrupciones")
        conn.execute("TRUNCATE fact_interrupciones, cargas_eventos_mes")
        _copy(conn, "fact_interrupciones", EVENT_COLUMNS, events, freeze=True)
        for statement in rebuild:
            conn.execute(statement)
        changed = sorted(new)
    else:
        for mes in changed:
            conn.execute(
                "DELETE FROM fact_interrupciones WHERE id_tiempo BETWEEN %s AND %s", [mes * 100, mes * 100 + 99]
            )
        conn.execute("DELETE FROM cargas_eventos_mes WHERE mes = ANY(%s)", [changed])
        _copy(conn, "fact_interrupciones", EVENT_COLUMNS, fresh)
    counts = {mes: count for mes, count, *_ in told.iter_rows()}
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO cargas_eventos_mes VALUES (%s, %s, %s)",
            [(mes, new[mes], counts[mes]) for mes in changed if mes in new],
        )


def _rows_of(conn: Connection, table: str) -> int:
    found = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return found[0] if found else 0


def heal_events(conn: Connection, golden: Path) -> bool:
    """Replace the events when the database holds none, those of another file or not all; whether it had to."""
    stale = stale_events(conn, golden)
    if stale:
        replace_events(conn, golden)
    return stale


def stale_events(conn: Connection, golden: Path) -> bool:
    """Whether the database holds other events than those of the file, or another number of them than it loaded."""
    held = conn.execute("SELECT golden_sha256, filas FROM cargas_eventos").fetchone()
    return held != (sha256(golden), _rows_of(conn, "fact_interrupciones"))


def _mes(month: str) -> int:
    year, number = parse_month(month)
    return year * 100 + number


def _read(path: Path) -> tuple[pl.DataFrame, str]:
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


def _with_keys(conn: Connection, frame: pl.DataFrame, source: Path) -> pl.DataFrame:
    """Company names as `id_empresa`; every company and commune must be one of the dimensions."""
    import polars as pl

    companies: dict[str, int] = dict(conn.execute("SELECT nombre_empresa, id_empresa FROM dim_empresa").fetchall())
    communes = [code for (code,) in conn.execute("SELECT codigo_comuna FROM dim_geografia")]
    for column, known in (("nombre_empresa", list(companies)), ("codigo_comuna", communes)):
        strange = frame[column].unique().drop_nulls()
        strange = strange.filter(~strange.is_in(known)).sort()
        if strange.len():
            message = f"{source} holds {column} {strange[0]!r}, which the dimensions lack: see resources/."
            raise OutagesError("LOAD_UNRESOLVED", message, column=column, values=strange.to_list()[:20])
    ids = pl.col("nombre_empresa").replace_strict(companies, return_dtype=pl.Int16)
    return frame.with_columns(id_empresa=ids)


def _drop_keys(conn: Connection, table: str) -> list[bytes]:
    """Drop keys and indexes of a table; what makes them again after COPY, all at once (a million rows: 2 s, not 12)."""
    statements = conn.execute(
        """
        SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
            format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint
        WHERE conrelid = %(table)s::regclass AND contype IN ('p', 'f')
        UNION ALL
        SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
        FROM pg_index
        WHERE indrelid = %(table)s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        """,
        {"table": table},
    ).fetchall()
    for drop, _ in statements:
        conn.execute(drop)
    return [make.encode() for _, make in statements]


def _copy(conn: Connection, table: str, columns: Sequence[str], rows: pl.DataFrame, freeze: bool = False) -> None:
    """COPY a frame. `freeze` for a table emptied in this transaction: its rows need no later clean-up."""
    options = "FORMAT csv, FREEZE" if freeze else "FORMAT csv"
    with conn.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN ({options})") as copy:
        for text in _chunks(rows.select(columns)):
            copy.write(text)


def _chunks(rows: pl.DataFrame) -> Iterator[str]:
    for part in rows.iter_slices(CHUNK_ROWS):
        # A null is nothing, an empty text is "": both sides agree on that.
        yield part.write_csv(include_header=False)


def _compare(conn: Connection, table: str, where: str, sums: Sequence[str], rows: pl.DataFrame, source: Path) -> None:
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
def _refusing(what: str, source: Path) -> Iterator[None]:
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
