"""One valid item of each of the larger payloads."""

from typing import Any

HOUR = "2025-06-11T10:00:00.000Z"
PEAK = {
    "nombre_region": "MAULE", "begin": HOUR, "peak_at": HOUR, "peak_customers": 4_000, "background": 10.0,
    "step_hours": 1,
}  # fmt: skip
EVENT = {
    "inicio": HOUR, "hash_id": "0" * 32, "fecha_dt": "2025-06-11", "fecha_inicio": None, "formato": "B",
    "codigo_comuna": "08102", "nombre_region": "BIOBIO", "nombre_comuna": "Coronel", "nombre_empresa": "UNKNOWN",
    "clientes_afectados": 9, "clientes_hora": 18, "fin": HOUR, "observaciones": 2, "horas_sin_dato": 0,
    "inicio_desconocido": False, "fin_desconocido": True, "fantasma": False, "recortado": False,
}  # fmt: skip
MORE: dict[str, list[dict[str, Any]]] = {
    "quality": [
        {
            "mes": "2025-06-01", "nombre_region": "CHILE", "observations": 9, "coverage": 1.0, "empty_share": 0.1,
            "implausible_share": 0.0, "unknown_share": 0.2, "ghost_share": None, "revision_rate": None,
            "quality_index": 96.9, "weights": {"coverage": 0.625},
        }
    ],
    "breaks": [
        {
            "mes": "2023-09-01", "kind": "level", "measure": "rows", "before": 600.0, "after": 200.0,
            "change_percent": -66.7, "reason": "the level of rows per snapshot falls by 67 %",
            "reason_es": "el nivel de filas por hora observada baja 67 %",
        }
    ],
    "events_top": [{"period": "all", "criterion": "customers", "rank": 1, "rank_without_ghosts": None, **EVENT}],
    "storms": [
        {
            **PEAK, "end": HOUR, "hours": 1, "peak_share": None, "threshold": 1_000.0, "communes": 2, "events": 2,
            "customer_hours": 4_000, "coverage": 1.0, "begin_unknown": False, "end_unknown": False,
        }
    ],
    "restoration": [
        {
            "rank": 1, **PEAK, "hours_50": None, "hours_50_at_most": 3, "hours_90": None, "hours_90_at_most": None,
            "hours_95": None, "hours_95_at_most": None, "ended": "data_end",
            "curve": [{"hours": 0, "customers": 4_000}, {"hours": 1, "customers": None}],
        }
    ],
}  # fmt: skip

MORE |= {
    "reliability": [
        {
            "period": "2024", "nombre_region": "CHILE", "months": 12, "customer_hours": 9, "interruptions_at_least": 3,
            "represented_hours": 8784, "coverage": 1.0, "pattern": "mixed", "step_hours": None, "customers": 7.5,
            "customers_state": "carried", "saidi_hours": 1.2, "saifi_at_least": 0.4, "caidi_hours_at_most": 3.0,
            "asai": 0.99, "saidi_hours_without_ghosts": 1.1, "t_med_hours": 0.5, "t_med_refused": None,
            "days_used": 365, "days_zero": 0, "days_left_out": 1, "breaks_since_base": ["2023-09"],
            "days_incomplete": ["2024-02-29"], "major_days": ["2024-08-02"], "days_undecided": 0,
            "saidi_hours_without_major": 1.0, "saifi_at_least_without_major": 0.3,
            "caidi_hours_at_most_without_major": 3.3,
        }
    ],
    "rates": [
        {
            "mes": "2024-08-01", "nombre_region": "UNKNOWN", "afectados": 1, "afectados_sin_fantasmas": 0,
            "customers": None, "customers_state": "none", "per_1000": None, "per_1000_without_ghosts": None,
        }
    ],
    "sensitivity": [
        {
            "open_customers": 100, "max_gap_hours": 6, "ghosts": "with", "configured": True, "events": 2,
            "customers": 3, "customer_hours": 4, "events_b": 1, "customers_b": 1, "customer_hours_b": 1,
        }
    ],
}  # fmt: skip

MORE |= {
    "live_30d": [
        {
            "nombre_region": "UNKNOWN", "ultima_hora": HOUR, "ultima_hora_local": "2025-06-11T06:00:00-04:00",
            "clientes": 0, "hora_anterior": None, "cambio": None, "observadas": 1, "sin_dato": 1,
            "no_preguntadas": 718, "desde": "2025-05-12T11:00:00.000Z", "serie": [*[None] * 719, 0], "abiertos": 1,
            "eventos_abiertos": [
                {
                    "nombre_comuna": "UNKNOWN", "nombre_empresa": "CGE", "inicio": HOUR, "clientes_ahora": 0,
                    "clientes_afectados": 9, "inicio_desconocido": True, "fantasma": False,
                }
            ],
        }
    ],
}  # fmt: skip
