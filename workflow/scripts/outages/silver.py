"""From the answers of one month to observations and the state of each hour.

Definitions: docs/methodology.md. Rows of one answer with the same commune, company and start date are summed
(equal rows are separate outages); every source row is accounted for in the receipt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from .clock import HOUR, Label, labels, step_hours, utc
from .errors import OutagesError
from .ledger import by_hour, is_final, precedence
from .names import UNKNOWN, Names
from .rows import Told, source_rows
from .shapes import Drift, parse
from .store import WITH_ROWS, Answer

KEY = ["hora_utc", "codigo_comuna", "nombre_empresa", "fecha_inicio", "formato"]
FLAGS = ["imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida", "recortado", "fantasma"]
HOURS_SCHEMA: dict[str, Any] = {
    "hora_utc": pl.Datetime("us", "UTC"), "fecha": pl.Date, "hora": pl.Int8, "estado": pl.String, "motivo": pl.String,
    "formato": pl.String, "filas": pl.Int64, "clientes": pl.Int64, "revisiones": pl.Int32,
}  # fmt: skip


@dataclass
class Reading:
    """The answers of a month, parsed: what counts for each hour, and the rows that do not count."""

    winners: list[tuple[Label, str, list[Any]]] = field(default_factory=list)
    known: dict[Label, list[Answer]] = field(default_factory=dict)
    read: int = 0
    superseded: int = 0
    implausible: int = 0
    revisions: dict[Label, int] = field(default_factory=dict)


def read_answers(answers: Sequence[Answer], accept_implausible: bool) -> Reading:
    """Choose for each hour the answer that counts: shape A before B, within a shape the last asked, whole.

    An answer that has no known shape raises `Drift` with its file and hour.
    """
    reading = Reading(known=by_hour(answers))
    for label, group in sorted(reading.known.items()):
        usable: list[tuple[tuple[bool, tuple[str, int]], str, list[Any], str]] = []
        for answer in group:
            if answer.outcome not in WITH_ROWS:
                continue
            try:
                shape, rows = parse(answer.body)
            except Drift as drift:
                where = f"{answer.origin or answer.source}, hour {label}"
                raise Drift(drift.code, f"{where}: {drift.message}", **{**drift.facts, "hour": str(label)}) from drift
            reading.read += len(rows)
            if answer.outcome == "implausible" and not accept_implausible:
                reading.implausible += len(rows)
            elif shape:
                usable.append((precedence(shape, answer), shape, rows, answer.sha256))
        if usable:
            usable.sort(key=lambda candidate: candidate[0])
            reading.superseded += sum(len(rows) for _, _, rows, _ in usable[:-1])
            reading.revisions[label] = len({sha for *_, sha in usable}) - 1
            reading.winners.append((label, usable[-1][1], usable[-1][2]))
    return reading


def observe(
    reading: Reading, names: Names, caps: dict[str, int | None], ghost_days: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """(observations, counts): names resolved, hard rules of imputation applied, rows summed, capped, ghosts flagged.

    `caps` gives the customers of each region (2-digit code) that month, or None where nothing is known. The
    counts are of source rows for imputations and of observations for `capped` and `ghosts`.
    """
    rows, told = source_rows([(shape, rows) for _, shape, rows in reading.winners])
    answers = pl.DataFrame(
        [(utc(label), label.fecha, label.hora, shape) for label, shape, _ in reading.winners],
        schema={name: kind for name, kind in HOURS_SCHEMA.items() if name in ("hora_utc", "fecha", "hora", "formato")},
        orient="row",
    )
    pairs = sorted({_pair(one, names) for one in told})
    known = _resolved(told, names, pairs)
    rows = rows.hstack(answers.select("fecha", "formato")[rows["at"]]).hstack(known[rows["told"]])
    is_a = pl.col("formato") == "A"
    no_start = is_a & (pl.col("fecha_inicio").is_null() | (pl.col("fecha_inicio") > pl.col("fecha")))
    rows = rows.with_columns(
        imputado=pl.col("clientes").is_null(),
        empresa_desconocida=is_a & pl.col("empresa_desconocida"),
        fecha_sustituida=no_start,
    ).with_columns(
        clientes=pl.col("clientes").fill_null(0),
        fecha_inicio=pl.when("fecha_sustituida").then("fecha").otherwise("fecha_inicio"),
    )
    counts = {
        "imputado": int(rows["imputado"].sum()),
        "geo_desconocida": int(rows["geo_desconocida"].sum()),
        "empresa_desconocida": int(rows["empresa_desconocida"].sum()),
        "empresa_no_publicada": int((rows["formato"] == "B").sum()),
        "fecha_sustituida": int(rows["fecha_sustituida"].sum()),
        "fecha_discordante": int(rows["discordante"].sum()),
        "unresolved_places": _unresolved(rows, told, "geo_desconocida", ["region", "comuna"]),
        "unresolved_companies": _unresolved(rows, told, "empresa_desconocida", ["empresa"]),
        "reported": int(rows["clientes"].sum()),
    }
    sums = _summed(rows)
    named = sums.hstack(answers[sums["at"]]).hstack(_named(pairs, names, caps)[sums["pair"]])
    observations = _capped(named, ghost_days)
    counts |= {"capped": int(observations["recortado"].sum()), "ghosts": int(observations["fantasma"].sum())}
    return observations, counts


def _pair(told: Told, names: Names) -> tuple[str, str]:
    return names.place(told.region, told.comuna), names.company(told.empresa)


def _resolved(told: Sequence[Told], names: Names, pairs: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """What follows from each of the source's texts, a line each; `pair` is its place in `pairs`."""
    number = {pair: at for at, pair in enumerate(pairs)}
    days = {text: parse_start(text) for text in {one.inicio for one in told}}
    table = []
    for one in told:
        pair, day = _pair(one, names), days[one.inicio]
        stated = (one.dia, one.mes, one.anho)
        discordant = day is not None and None not in stated and stated != (day.day, day.month, day.year)
        table.append((number[pair], day, pair[0].endswith("000"), pair[1] == UNKNOWN, discordant))
    schema = {
        "pair": pl.Int32, "fecha_inicio": pl.Date, "geo_desconocida": pl.Boolean, "empresa_desconocida": pl.Boolean,
        "discordante": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame(table, schema=schema, orient="row")


def _named(pairs: Sequence[tuple[str, str]], names: Names, caps: dict[str, int | None]) -> pl.DataFrame:
    """Code, company, names and cap of each pair."""
    table = [
        (code, company, names.region_name(code), names.commune_name(code), caps.get(code[:2]))
        for code, company in pairs
    ]
    texts = ("codigo_comuna", "nombre_empresa", "nombre_region", "nombre_comuna")
    return pl.DataFrame(table, schema={**dict.fromkeys(texts, pl.String), "cap": pl.Int64}, orient="row")


def _unresolved(rows: pl.DataFrame, told: Sequence[Told], flag: str, keys: list[str]) -> list[dict[str, Any]]:
    """Each spelling that did not resolve, with its rows."""
    found: Counter[tuple[str | None, ...]] = Counter()
    for at, count in rows.filter(pl.col(flag))["told"].value_counts().iter_rows():
        found[tuple(getattr(told[at], key) for key in keys)] += count
    spellings = sorted(found, key=lambda one: [(text is not None, text or "") for text in one])
    return [dict(zip(keys, one, strict=True)) | {"filas": found[one]} for one in spellings]


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one answer, place, company and start date as one, in the order of KEY: answers and pairs are sorted."""
    key = ["at", "pair", "fecha_inicio"]
    sums = rows.group_by(key).agg(
        pl.col("imputado", "geo_desconocida", "empresa_desconocida", "fecha_sustituida").any(),
        clientes_reportados=pl.col("clientes").sum(),
        filas=pl.len().cast(pl.Int64),
    )
    return sums.sort(key)


def _capped(sums: pl.DataFrame, ghost_days: int) -> pl.DataFrame:
    reported = pl.col("clientes_reportados")
    age = (pl.col("fecha") - pl.col("fecha_inicio")).dt.total_days().cast(pl.Int32)
    return sums.with_columns(
        recortado=(reported > pl.col("cap")).fill_null(False),
        clientes_afectados=pl.min_horizontal(reported, "cap"),
        antiguedad_dias=age,
        fantasma=(age > ghost_days).fill_null(False),
    ).select(
        *KEY, "fecha", "hora", "nombre_region", "nombre_comuna", "clientes_afectados", "clientes_reportados", "filas",
        "antiguedad_dias", *FLAGS,
    )  # fmt: skip


def parse_start(text: str | None) -> date | None:
    """The day of "29/1/2025" (day/month/year, not padded); None when there is none to read."""
    parts = (text or "").strip().split("/")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    try:
        return date(int(parts[2]), int(parts[1]), int(parts[0]))
    except (ValueError, OverflowError):
        return None


def hour_states(
    month: str, reading: Reading, observations: pl.DataFrame, hours: Sequence[int] | str, through: datetime
) -> pl.DataFrame:
    """One row per existing label of the month: observed, gap or unasked, with the reason where it is not observed."""
    sums = {
        at: (rows, customers)
        for at, rows, customers in observations.group_by("hora_utc")
        .agg(pl.col("filas").sum(), pl.col("clientes_afectados").sum())
        .iter_rows()
    }
    shapes = {label: shape for label, shape, _ in reading.winners}
    table = []
    for label in labels(month):
        known, begin = reading.known.get(label, []), utc(label)
        asked_for = hours == "all" or label.hora in hours
        row: dict[str, Any] = {"hora_utc": begin, "fecha": label.fecha, "hora": label.hora, "formato": None}
        row |= {"filas": None, "clientes": None, "revisiones": reading.revisions.get(label, 0)}
        if label in shapes:
            filas, clientes = sums[begin]
            motive = "" if asked_for else "not in pattern"
            row |= {"estado": "observed", "motivo": motive, "formato": shapes[label]}
            row |= {"filas": filas, "clientes": clientes}
        elif not asked_for:
            row |= {"estado": "unasked", "motivo": "not in pattern"}
        elif known and is_final(label, known):
            row |= {"estado": "gap", "motivo": Counter(answer.outcome for answer in known).most_common(1)[0][0]}
        elif known:
            row |= {"estado": "unasked", "motivo": "to be asked again"}
        else:
            row |= {"estado": "unasked", "motivo": "not yet" if begin + HOUR > through else "not asked"}
        table.append(row)
    return pl.DataFrame(table, schema=HOURS_SCHEMA)


def reconcile(
    month: str, reading: Reading, observations: pl.DataFrame, states: pl.DataFrame, counts: dict[str, Any],
    hours: Sequence[int] | str, through: str,
) -> dict[str, Any]:  # fmt: skip
    """The month's receipt. Raises CONSERVATION when a source row or a reported customer is unaccounted for."""
    summed = int(observations["filas"].sum())
    rows = {
        "read": reading.read,
        "summed": summed,
        "superseded": reading.superseded,
        "implausible": reading.implausible,
    }
    if rows["read"] != summed + rows["superseded"] + rows["implausible"]:
        raise OutagesError("CONSERVATION", f"{month}: source rows do not add up: {rows}", month=month, **rows)
    reported = int(observations["clientes_reportados"].sum())
    if reported != counts["reported"]:
        raise OutagesError(
            "CONSERVATION",
            f"{month}: {counts['reported']} customers were reported, {reported} are in silver",
            month=month,
        )
    answers = [answer for group in reading.known.values() for answer in group]
    in_pattern = states.filter(pl.col("motivo") != "not in pattern")
    observed = in_pattern.filter(pl.col("estado") == "observed")
    return {
        "month": month,
        "pattern": hours if isinstance(hours, str) else list(hours),
        "step_hours": step_hours(hours),
        "through": through,
        "sources": sorted({answer.source for answer in answers}),
        "answers": dict(sorted(Counter(answer.outcome for answer in answers).items())),
        "rows": rows,
        "observations": observations.height,
        "counts": counts,
        "hours": {state: int((in_pattern["estado"] == state).sum()) for state in ("observed", "gap", "unasked")},
        "coverage": observed.height / in_pattern.height if in_pattern.height else None,
        "shapes": dict(sorted(Counter(observed["formato"]).items())),
        "revisions": int(states["revisiones"].sum()),
    }
