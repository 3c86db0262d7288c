"""Each recent hour against the source's own national series (endpoint `Get`, about 7 days).

The source revises past hours, so a small difference is a revision that the hour's second asking will bring; a
large one is an error that a person should look at. Either is recorded, none changes an answer.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec

from .clock import Label
from .errors import OutagesError
from .ledger import precedence
from .shapes import parse
from .store import Answer


class NationalHour(msgspec.Struct, forbid_unknown_fields=True):
    """One hour of the national series: local date and hour, customers without supply."""

    anho: int
    mes: int
    dia: int
    hora: int
    clientes_afectados: int


class Difference(msgspec.Struct):
    """One hour in which the series and the stored answer disagree (customers); verdict: revision or error."""

    asked_at: str
    fecha: str
    hora: int
    national: int
    ours: int
    verdict: str


def read_series(body: bytes) -> dict[Label, int]:
    """Customers by label; a label that the series holds twice (autumn) is left out. Raises RECONCILE_DRIFT."""
    try:
        hours = msgspec.json.decode(body, type=list[NationalHour])
        told = [(Label(date(one.anho, one.mes, one.dia), one.hora), one.clientes_afectados) for one in hours]
    except (msgspec.MsgspecError, ValueError) as error:
        raise OutagesError(
            "RECONCILE_DRIFT", f"Get: the national series has another form than known: {error}"
        ) from error
    twice = {label for label, count in Counter(label for label, _ in told).items() if count > 1}
    return {label: customers for label, customers in told if label not in twice}


def customers_of(group: list[Answer]) -> int | None:
    """Customers reported by the answer of an hour that counts; None when none was observed."""
    found = []
    for answer in group:
        if answer.outcome == "observed":
            shape, rows = parse(answer.body)
            found.append((precedence(shape, answer), sum(int(row.CLIENTES_AFECTADOS or 0) for row in rows)))
    return max(found)[1] if found else None


def differences(
    series: dict[Label, int], known: dict[Label, list[Answer]], tolerance: float, asked_at: str
) -> list[Difference]:
    """The hours in which the series and the answers disagree, in order.

    An error when they differ by more than `tolerance` (a share) of the larger of both, else a revision.
    """
    found = []
    for label, national in sorted(series.items()):
        ours = customers_of(known.get(label, []))
        if ours is None or ours == national:
            continue
        verdict = "error" if abs(ours - national) > tolerance * max(ours, national) else "revision"
        found.append(Difference(asked_at, label.fecha.isoformat(), label.hora, national, ours, verdict))
    return found


def keep(path: Path, found: list[Difference]) -> None:
    """Append the differences to the record of all rounds, a JSON line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as opened:
        opened.writelines(json.dumps(msgspec.to_builtins(one)) + "\n" for one in found)
