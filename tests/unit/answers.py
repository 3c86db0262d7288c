"""Small hand-made answers for tests: rows of both shapes, bodies, and lines of the store."""

from __future__ import annotations

import json
from typing import Any

from outages.store import Answer, digest


def row_a(comuna: str = "Copiapo", clientes: Any = 1, inicio: str | None = "29/1/2025", **more: Any) -> dict[str, Any]:
    """A row of shape A; `inicio` sets the day in all four fields where it can be read."""
    parts: list[int | None] = [None, None, None]
    if inicio and inicio.count("/") == 2 and inicio.replace("/", "").isdigit():
        parts = [int(part) for part in inicio.split("/")]
    row = {
        "NOMBRE_REGION": "Atacama", "NOMBRE_COMUNA": comuna, "NOMBRE_EMPRESA": "CGE", "CLIENTES_AFECTADOS": clientes,
        "ACTUALIZADO_HACE": "0 Dias 0 Horas 6 Minutos ", "FECHA_INT_STR": inicio,
        "DIA_INT": parts[0], "MES_INT": parts[1], "ANHO_INT": parts[2], "HORA": 0, "DIA": 0, "MES": 0, "ANHO": 0,
    }  # fmt: skip
    return row | more


def row_b(comuna: str = "Copiapo", clientes: Any = 1, region: str = "Atacama") -> dict[str, Any]:
    """A row of shape B."""
    return {"NOMBRE_REGION": region, "NOMBRE_COMUNA": comuna, "CLIENTES_AFECTADOS": clientes}


def body(*rows: dict[str, Any]) -> str:
    """The text of an answer."""
    return json.dumps(list(rows), ensure_ascii=False)


def answer(fecha: str, hora: int, *rows: dict[str, Any], outcome: str = "", **more: Any) -> Answer:
    """A line of the store."""
    text = body(*rows)
    outcome = outcome or ("observed" if rows else "empty")
    told = {"source": "sec", "body": text, "sha256": digest(text.encode()), "outcome": outcome}
    return Answer(fecha=fecha, hora=hora, **(told | more))
