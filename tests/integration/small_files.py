"""Small files of silver and gold, as the stages before the warehouse write them."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import polars as pl
from outages import clock

SILVER: dict[str, Any] = {
    "hora_utc": pl.Datetime("us", "UTC"), "codigo_comuna": pl.String, "nombre_empresa": pl.String,
    "fecha_inicio": pl.Date, "formato": pl.String, "fecha": pl.Date, "hora": pl.Int8, "nombre_region": pl.String,
    "nombre_comuna": pl.String, "clientes_afectados": pl.Int64, "clientes_reportados": pl.Int64, "filas": pl.Int64,
    "antiguedad_dias": pl.Int32, "imputado": pl.Boolean, "geo_desconocida": pl.Boolean,
    "empresa_desconocida": pl.Boolean, "fecha_sustituida": pl.Boolean, "recortado": pl.Boolean,
    "fantasma": pl.Boolean,
}  # fmt: skip
HOURS: dict[str, Any] = {
    "hora_utc": pl.Datetime("us", "UTC"), "fecha": pl.Date, "hora": pl.Int8, "estado": pl.String, "motivo": pl.String,
    "formato": pl.String, "filas": pl.Int64, "clientes": pl.Int64, "revisiones": pl.Int32,
}  # fmt: skip
FLAGS = ("imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida", "recortado", "fantasma")


def write_month(folder: Path, month: str, shift: int = 0, company: str = "CGE", **changes: Any) -> tuple[Path, Path]:
    """A small month of silver: five days observed by hours, a gap, an hour of shape B; `shift` makes another one."""
    rows, hours = [], []
    for n, label in enumerate(clock.labels(month)[:120]):
        hour = {"hora_utc": clock.utc(label), "fecha": label.fecha, "hora": label.hora}
        if n % 50 == 49:
            hours.append(hour | {"estado": "gap", "motivo": "empty", "revisiones": 0})
            continue
        shape = "B" if n == 7 else "A"
        flags = dict.fromkeys(FLAGS, False)
        for code in ("13101", "05602", "13000", "00000"):
            started = None if shape == "B" else label.fecha - timedelta(days=n % 3)
            customers = 100 + shift + n
            rows.append(
                hour | flags | {
                    "codigo_comuna": code, "nombre_empresa": "UNKNOWN" if shape == "B" else company,
                    "fecha_inicio": started, "formato": shape, "nombre_region": "x", "nombre_comuna": "y",
                    "clientes_afectados": customers, "clientes_reportados": customers + 1, "filas": 2,
                    "antiguedad_dias": None if started is None else n % 3,
                } | changes
            )  # fmt: skip
        observed = {"estado": "observed", "motivo": "", "formato": shape, "filas": 8, "clientes": 4 * (100 + shift + n)}
        hours.append(hour | observed | {"revisiones": n % 2})
    folder.mkdir(exist_ok=True)
    silver, states = folder / f"{month}.parquet", folder / f"{month}.hours.parquet"
    pl.DataFrame(rows, schema=SILVER).write_parquet(silver)
    pl.DataFrame(hours, schema=HOURS).write_parquet(states)
    return silver, states


def write_golden(path: Path, starts: list[datetime], code: str = "13101") -> Path:
    """Golden events of 1,000 customers and 2,000 customer-hours each; the last one is of shape B."""
    events = []
    for n, start in enumerate(starts):
        shape = "B" if n == len(starts) - 1 else "A"
        day = clock.local(start).date()
        events.append({
            "inicio": start, "hash_id": md5(f"{start}|{n}".encode()).hexdigest(), "fecha_dt": day,
            "fecha_inicio": None if shape == "B" else day, "formato": shape, "codigo_comuna": code,
            "nombre_region": "METROPOLITANA", "nombre_comuna": "Santiago",
            "nombre_empresa": "UNKNOWN" if shape == "B" else "ENEL", "clientes_afectados": 1000, "clientes_hora": 2000,
            "fin": start + timedelta(hours=1), "observaciones": 2, "horas_sin_dato": 0, "inicio_desconocido": False,
            "fin_desconocido": False, "fantasma": False, "recortado": False,
        })  # fmt: skip
    kinds: dict[str, Any] = {
        "inicio": pl.Datetime("us", "UTC"),
        "fin": pl.Datetime("us", "UTC"),
        "fecha_inicio": pl.Date,
    }
    pl.DataFrame(events, schema_overrides=kinds).write_parquet(path)
    return path
