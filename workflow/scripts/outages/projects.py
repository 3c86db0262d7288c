"""Projects of the SEIA: an export of its search, CSV or Excel, in; grid works by region, with their investment, out.

Source: exports of <https://seia.sea.gob.cl/busqueda/buscarProyecto.php>, or resources/projects.csv in their layout.
Units: investment in millions of US dollars (MMUSD), customers without supply. Kinds: docs/methodology.md.
# ASSUME a work across regions (Interregional) belongs to none of them: its money and its customers cannot be divided
# up, so it has a line of its own in eda_projects_dist and none in investment_roi (`notes` tells its total).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from .names import UNKNOWN, UNKNOWN_REGION, Names, normalise
from .tables import Cell, Row, read_table

INTERREGIONAL = "INTERREGIONAL"
#: The system is younger; a year before it is a slip of the pen (0203) or an empty date of Excel (1900).
FIRST_YEAR = 1990
#: Kinds of work that are investment in the grid.
GRID = ("line", "substation", "storage")
KINDS = (*GRID, "generation", "other")
#: How the states begin in which a project ends without being built, normalised.
FAILED = ("rechazad", "desistid", "no admitid", "inadmi", "no calificad", "revocad", "caducad", "anulad",
          "abandonad", "renunci")  # fmt: skip

#: Headers of both generations of the export, normalised; the first that is there counts.
COLUMNS = {
    "nombre": ("nombre del proyecto", "nombre"),
    "region": ("region",),
    "comuna": ("comuna", "comunas"),
    "tipologia": ("tipo de proyecto", "tipologia"),
    "inversion": ("inversion mmu", "inversion mmus", "inversion mmusd"),
    "estado": ("estado del proyecto", "estado"),
    "fecha": ("fecha calificacion", "fecha de calificacion"),
    "sector": ("sector productivo", "sector"),
    "anho": ("ano calificacion",),
}
OPTIONAL = frozenset({"comuna", "anho"})

_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_COMMA = re.compile(r"\d+(?:,\d+)?")
_POINT = re.compile(r"\d+\.\d+")
#: What stands between several regions in one cell.
_AND = re.compile(r"[,;/|]| - | y ")
_DAY_FIRST = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(?: \d{1,2}:\d{2}(?::\d{2})?)?")
#: "b1", "b.1", "DS95/DS40-b1", "DS95/DS40/DS17-b2": rules of procedure, a letter of article 10, a number.
_CODE = re.compile(r"(?:DS\s?\d+(?:/DS\s?\d+)*\s?-\s?)?([a-zñ])\s?\.?\s?(\d*)(?![a-zñáéíóú0-9])", re.IGNORECASE)
_HYPHENS = re.compile(r"[\u2010-\u2015\u2212]")
_STORAGE = re.compile(r"\b(?:bess|almacenamiento|baterias?)\b")
_STORES_ENERGY = re.compile(r"\bbess\b|\balmacenamiento (?:de )?(?:energia|electric)|\bbaterias? .*\benergia\b")
_BATTERIES = re.compile(r"\bbess\b|\balmacenamiento (?:de )?(?:energia|electric)|\bbaterias?\b")
_PLANT = re.compile(r"\b(?:fotovoltaic|solar|eolic|hidroelectric|termoelectric|geotermic|termosolar|biomasa|biogas)")


@dataclass(frozen=True)
class Project:
    """One project: region by its dashboard name, kind of work, investment in MMUSD, state and qualification."""

    nombre: str
    region: str
    comuna: str
    categoria: str
    inversion_mmu: float | None
    estado: str
    fecha_calificacion: date | None
    anho: int | None
    sector: str
    tipologia: str


def read_projects(path: Path, names: Names) -> list[Project]:
    """The projects of an export, in its order.

    Raises `OutagesError` PROJECTS_FILE, with file, row, column and value, for a file that cannot be read, a missing
    column or a cell that makes no sense. An unknown region is no error: UNKNOWN.
    """
    return [_project(row, names) for row in read_table(path, COLUMNS, OPTIONAL)]


def _project(row: Row, names: Names) -> Project:
    if not row["nombre"].text:
        raise row["nombre"].wrong("the project has no name")
    name, kind = row["nombre"].text, row["tipologia"].text
    day = parse_day(row["fecha"])
    return Project(
        nombre=name,
        region=_region(row["region"].text, names),
        comuna=row["comuna"].text,
        categoria=category(name, kind),
        inversion_mmu=parse_investment(row["inversion"]),
        estado=row["estado"].text,
        fecha_calificacion=day,
        anho=_year(row["anho"], day),
        sector=row["sector"].text,
        tipologia=kind,
    )


def category(name: str, kind: str) -> str:
    """line, substation, storage, generation or other, by the typology's code and, for storage, by the name.

    # ASSUME storage filed as generation (c) is storage unless its name tells of a plant (solar, eólico, ...) too,
    # as a work of the grid (b) only what names batteries or energy ("patio de almacenamiento" is none), and under a
    # code of another trade (tanks, waste of batteries) only what says that it stores energy.
    """
    found = _CODE.match(_HYPHENS.sub("-", kind.strip()))
    letter, number = (found[1].lower(), found[2]) if found else ("", "")
    said = normalise(f"{name} {kind}")
    if letter in ("", "b"):
        stores = (_BATTERIES if letter else _STORAGE).search(said) is not None
    elif letter == "c":
        stores = _STORAGE.search(said) is not None and not _PLANT.search(said)
    else:
        stores = _STORES_ENERGY.search(said) is not None
    if stores:
        return "storage"
    by_code = {("b", ""): "line", ("b", "1"): "line", ("b", "2"): "substation"}
    return "generation" if letter == "c" else by_code.get((letter, number), "other")


def parse_investment(cell: Cell) -> float | None:
    """Millions of US dollars; None for a blank cell.

    A number cell counts as it is. In a text the comma is the decimal sign and "1.234" (groups of exactly three
    digits) means thousands, as the SEIA writes it; a single point followed by fewer or more digits is decimal
    ("31.7", "0.125"). resources/projects.csv has decimal points, and no amount with exactly three decimals.
    """
    text = cell.text.replace("\u00a0", "")
    if not text:
        return None
    if cell.number:
        amount = float(text)
    elif _THOUSANDS.fullmatch(text):
        amount = float(text.replace(".", "").replace(",", "."))
    elif _COMMA.fullmatch(text) or _POINT.fullmatch(text):
        amount = float(text.replace(",", "."))
    else:
        raise cell.wrong("no amount in millions of US dollars")
    if not math.isfinite(amount) or amount < 0:
        raise cell.wrong("an amount must be 0 or more")
    return amount


def parse_day(cell: Cell) -> date | None:
    """The day of "dd/mm/yyyy", of a real date of Excel or of ISO text; None for a blank cell."""
    if not cell.text:
        return None
    found, day = _DAY_FIRST.fullmatch(cell.text), None
    try:
        if found:
            day = date(int(found[3]), int(found[2]), int(found[1]))
        elif not cell.number:
            day = datetime.fromisoformat(cell.text).date()
    except ValueError:
        pass
    if day is None:
        raise cell.wrong("no date: dd/mm/yyyy is asked")
    if day.year < FIRST_YEAR:
        raise cell.wrong(f"no project was qualified before {FIRST_YEAR}")
    return day


def _year(cell: Cell, day: date | None) -> int | None:
    """Year of the qualification: of its day, else of the optional column."""
    if not cell.text:
        return day.year if day else None
    text = cell.text.removesuffix(".0") if cell.number else cell.text
    if not re.fullmatch(r"\d{4}", text) or int(text) < FIRST_YEAR:
        raise cell.wrong("no year")
    if day and day.year != int(text):
        raise cell.wrong(f"the year is not that of the qualification, {day.isoformat()}")
    return int(text)


def _region(text: str, names: Names) -> str:
    """Dashboard name; a cell that names several known regions is interregional."""
    named = {code for part in _AND.split(text) if (code := names.region(part)) != UNKNOWN_REGION}
    if normalise(text).startswith("interregional") or len(named) > 1:
        return INTERREGIONAL
    return names.region_name(names.region(text))


def grid_works(projects: Iterable[Project]) -> list[Project]:
    """Projects of the sector Energía that are lines, substations or storage, whoever owns them."""
    return [one for one in projects if one.categoria in GRID and normalise(one.sector) == "energia"]


def projects_dist(projects: Iterable[Project]) -> list[dict[str, Any]]:
    """The payload eda_projects_dist: grid works by region, INTERREGIONAL and UNKNOWN being lines of their own."""
    counts = Counter(one.region for one in grid_works(projects))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"nombre_region": region, "count": count} for region, count in ordered]


def investment_roi(projects: Iterable[Project], affected_by_region: Mapping[str, int]) -> list[dict[str, Any]]:
    """The payload investment_roi: customers affected per MMUSD of grid works (higher is worse), worst first.

    `affected_by_region` holds customers (sums of high-water marks) by region; a region that is not there had no
    event. Every grid work of known amount counts unless it has failed, approved or not: the note and
    `inversión_aprobada_mmu` tell what is approved. Left out are works that have failed, regions without a known
    amount above 0, and works of region INTERREGIONAL or UNKNOWN, whose customers cannot be told (see `notes`).
    """
    by_region: dict[str, list[Project]] = {}
    for one in (work for work in grid_works(projects) if not failed(work)):
        by_region.setdefault(one.region, []).append(one)
    items = []
    for region, works in by_region.items():
        total = _sum(works)
        if region in (INTERREGIONAL, UNKNOWN) or total <= 0:
            continue
        customers = affected_by_region.get(region, 0)
        items.append(
            {
                "nombre_region": region,
                "clientes_afectados": customers,
                "total_inversión_mmu": total,
                "efficiency_ratio": customers / total,
                "maturity_note": maturity(works),
                "proyectos": len(works),
                "proyectos_sin_monto": sum(one.inversion_mmu is None for one in works),
                "inversión_aprobada_mmu": _sum(one for one in works if _approved(one)),
            }
        )
    return sorted(items, key=lambda item: (-item["efficiency_ratio"], item["nombre_region"]))


def notes(projects: Sequence[Project], sample: bool = False) -> list[str]:
    """Sentences for the notes of `_meta`: projects by kind; grid works that investment_roi leaves out, with amounts.

    `sample` tells that the projects are some and not all.
    """
    kinds = Counter(one.categoria for one in projects)
    energy = sum(normalise(one.sector) == "energia" for one in projects)
    by_kind = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
    told = [f"Projects read: {by_kind}; {energy} of them of the sector Energía."]
    if sample:
        told.append("The projects are a sample, no complete list: no total may be drawn from them.")
    works = grid_works(projects)
    live = [one for one in works if not failed(one)]
    left_out = {
        "were refused, withdrawn or lapsed": [one for one in works if failed(one)],
        "cross regions": [one for one in live if one.region == INTERREGIONAL],
        "name no known region": [one for one in live if one.region == UNKNOWN],
    }
    for why, of_these in left_out.items():
        if of_these:
            blank = sum(one.inversion_mmu is None for one in of_these)
            told.append(
                f"Not in investment_roi: grid works that {why}: {len(of_these)}, of {_sum(of_these):.1f} MMUSD"
                f" ({blank} without a known amount)."
            )
    return told


def maturity(works: list[Project]) -> str:
    """How far the works are, by their own states and dates: "3 of 5 works approved, latest qualification 2024"."""
    approved = [one for one in works if _approved(one)]
    years = [one.anho for one in approved if one.anho is not None]
    note = f"{len(approved)} of {len(works)} works approved"
    if years:
        note += f", latest qualification {max(years)}"
    others = Counter(one.estado for one in works if one.estado and not _approved(one))
    parts = [f"{count} {state}" for state, count in sorted(others.items())]
    blank = sum(not one.estado for one in works)
    parts += [f"{blank} without a known state"] if blank else []
    return "; ".join([note, *parts])


def failed(one: Project) -> bool:
    """Whether the work has ended without being built: refused, withdrawn, not admitted, revoked, lapsed."""
    return normalise(one.estado).startswith(FAILED)


def _approved(one: Project) -> bool:
    return normalise(one.estado).startswith("aprobad")


def _sum(works: Iterable[Project]) -> float:
    return math.fsum(one.inversion_mmu for one in works if one.inversion_mmu is not None)
