"""From the answers of one month to observations and the state of each hour.

Definitions: docs/methodology.md. Rows of one answer with the same commune, company and start date are summed
(equal rows are separate outages); every source row is accounted for in the receipt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from typing import Any, NamedTuple, cast

import polars as pl
from msgspec.structs import replace

from .clock import HOUR, Label, labels, step_hours, utc
from .errors import OutagesError
from .ledger import by_hour, is_final, precedence
from .names import Names
from .rows import TOLD, Rows, Told
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

    winners: list[tuple[Label, str, Rows]] = field(default_factory=list)
    known: dict[Label, list[Answer]] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    read: int = 0
    superseded: int = 0
    implausible: int = 0
    revisions: dict[Label, int] = field(default_factory=dict)


class _Usable(NamedTuple):
    precedence: tuple[bool, tuple[str, int]]
    shape: str
    rows: Rows
    sha256: str


def read_answers(answers: Iterable[Answer], accept_implausible: bool) -> Reading:
    """Choose for each hour the answer that counts: shape A before B, within a shape the last asked, whole.

    Of each answer its rows are taken while it is at hand, and its body is let go: `known` has none.
    An answer that has no known shape raises `Drift` with its file and hour.
    """
    reading = Reading()
    known: list[Answer] = []
    usable: defaultdict[Label, list[_Usable]] = defaultdict(list)
    for answer in answers:
        known.append(replace(answer, body=""))
        if answer.outcome not in WITH_ROWS:
            continue
        label = answer.label
        try:
            shape, rows = parse(answer.body)
        except Drift as drift:
            where = f"{answer.origin or answer.source}, hour {label}"
            raise Drift(drift.code, f"{where}: {drift.message}", **{**drift.facts, "hour": str(label)}) from drift
        reading.read += len(rows)
        if answer.outcome == "implausible" and not accept_implausible:
            reading.implausible += len(rows)
        elif shape:
            told = reading.told.rows(shape, rows)
            usable[label].append(_Usable(precedence(shape, answer), shape, told, answer.sha256))
    reading.known = by_hour(known)
    for label, group in sorted(usable.items()):
        *others, winner = sorted(group, key=lambda one: one.precedence)
        reading.superseded += sum(len(one.rows.told) for one in others)
        reading.revisions[label] = len({one.sha256 for one in group}) - 1
        reading.winners.append((label, winner.shape, winner.rows))
    return reading


def observe(
    reading: Reading, names: Names, caps: dict[str, int | None], ghost_days: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """(observations, counts): names resolved, hard rules of imputation applied, rows summed, capped, ghosts flagged.

    `caps` gives the customers of each region (2-digit code) that month, or None where nothing is known. The
    counts are of source rows for imputations and of observations for `capped` and `ghosts`.
    """
    answers = pl.DataFrame(
        [(utc(label), label.fecha, label.hora, shape) for label, shape, _ in reading.winners],
        schema={name: kind for name, kind in HOURS_SCHEMA.items() if name in ("hora_utc", "fecha", "hora", "formato")},
        orient="row",
    )
    told = reading.told.table(names)
    rows = _numbers(reading)
    rows = rows.hstack(answers.select("fecha", "formato")[rows["at"]]).hstack(told.drop(TOLD)[rows["told"]])
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
    named = sums.drop("at").hstack(answers[sums["at"]]).hstack(_named(sums["codigo_comuna"], names, caps))
    observations = _capped(named, ghost_days)
    counts |= {"capped": int(observations["recortado"].sum()), "ghosts": int(observations["fantasma"].sum())}
    return observations, counts


def _numbers(reading: Reading) -> pl.DataFrame:
    """A line a row of the source: the number of its answer (`at`), of what it tells (`told`), and its customers."""
    counted = [rows for _, _, rows in reading.winners]
    at = chain.from_iterable(repeat(number, len(rows.told)) for number, rows in enumerate(counted))
    columns = {
        "at": list(at),
        "told": list(chain.from_iterable(rows.told for rows in counted)),
        "clientes": list(chain.from_iterable(rows.customers for rows in counted)),
    }
    return pl.DataFrame(columns, schema={"at": pl.Int32, "told": pl.Int32, "clientes": pl.Int64})


def _named(communes: pl.Series, names: Names, caps: dict[str, int | None]) -> pl.DataFrame:
    """Names and cap of each of some communes, which are an enumeration."""
    codes = cast("pl.Enum", communes.dtype).categories
    table = [(names.region_name(code), names.commune_name(code), caps.get(code[:2])) for code in codes]
    schema = {"nombre_region": pl.String, "nombre_comuna": pl.String, "cap": pl.Int64}
    return pl.DataFrame(table, schema=schema, orient="row")[communes.to_physical()]


def _unresolved(rows: pl.DataFrame, told: pl.DataFrame, flag: str, keys: list[str]) -> list[dict[str, Any]]:
    """Each spelling that did not resolve, with its rows."""
    found = told.select(keys)[rows.filter(pl.col(flag))["told"]]
    return found.group_by(keys).agg(filas=pl.len()).sort(keys).to_dicts()


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one answer, place, company and start date as one, in the order of KEY: answers are sorted by hour."""
    key = ["at", "codigo_comuna", "nombre_empresa", "fecha_inicio"]
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
        pl.col("codigo_comuna", "nombre_empresa").cast(pl.String),
        recortado=(reported > pl.col("cap")).fill_null(False),
        clientes_afectados=pl.min_horizontal(reported, "cap"),
        antiguedad_dias=age,
        fantasma=(age > ghost_days).fill_null(False),
    ).select(
        *KEY, "fecha", "hora", "nombre_region", "nombre_comuna", "clientes_afectados", "clientes_reportados", "filas",
        "antiguedad_dias", *FLAGS,
    )  # fmt: skip


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
