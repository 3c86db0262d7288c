"""Names of places and companies: the source's spellings in, fixed codes out.

Source: the tables of resources/ (resources/README.md tells where each comes from). A commune is known by the
pair (region, commune), because one name stands for several places (region Los Lagos, commune Los Lagos).
# ASSUME what no table holds is UNKNOWN: nothing is guessed from a likeness, nor from a commune without its region.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import OutagesError

UNKNOWN = "UNKNOWN"
UNKNOWN_REGION = "00"

APOSTROPHES = str.maketrans(dict.fromkeys("`´‘’‛ʼ′＇", "'"))
NOT_A_WORD = re.compile(r"[^0-9a-z']+")
LOOSE_APOSTROPHE = re.compile(r" ?'[' ]*")
REGION_PREFIX = re.compile(r"^region (?:del |de )?")

COLUMNS = {
    "regions.csv": ("codigo_region", "nombre_region", "nombre_oficial", "nombre_consulta", "iso"),
    "communes.csv": ("codigo_comuna", "nombre_comuna", "codigo_region", "provincia", "codigo_region_anterior"),
    "aliases.csv": ("codigo_comuna", "alias", "source", "note"),
    "region_aliases.csv": ("codigo_region", "alias", "source"),
    "companies.csv": ("id_empresa", "nombre_empresa", "nombre_legal", "variantes", "source"),
}

Row = dict[str, str]


def normalise(text: str) -> str:
    """Return the form under which two spellings of one name are equal.

    Backtick, acute and typographic quotes become an apostrophe; accents and tildes go (ñ is n, ü is u); case goes;
    every run of anything but letters, digits and apostrophes (hyphen, dot, semicolon, blanks) is one blank; blanks
    around an apostrophe and at the ends go. So "Llay-Llay" and " llay  llay" are equal, "Llaillay" is not.
    """
    letters = unicodedata.normalize("NFKD", text.translate(APOSTROPHES))
    plain = "".join(c for c in letters if not unicodedata.combining(c)).casefold()
    return LOOSE_APOSTROPHE.sub("'", NOT_A_WORD.sub(" ", plain)).strip(" '")


@dataclass(frozen=True)
class Region:
    """A region: two-digit code, dashboard name, official name, name that GetClientesRegional wants, ISO 3166-2."""

    codigo_region: str
    nombre_region: str
    nombre_oficial: str
    nombre_consulta: str
    iso: str


@dataclass(frozen=True)
class Commune:
    """A commune: five-digit code (CUT), official name, region, province, region until a move ("" without one)."""

    codigo_comuna: str
    nombre_comuna: str
    codigo_region: str
    provincia: str
    codigo_region_anterior: str


@dataclass(frozen=True)
class Names:
    """The tables of names, checked, with lookups that remember every raw spelling they resolved.

    ``regions`` and ``communes`` are keyed by code, ``companies`` maps the canonical name to its number.
    """

    regions: dict[str, Region]
    communes: dict[str, Commune]
    companies: dict[str, int]
    _region_keys: dict[str, str] = field(repr=False)
    _place_keys: dict[str, str] = field(repr=False)
    _company_keys: dict[str, str] = field(repr=False)
    _regions_seen: dict[str | None, str] = field(default_factory=dict, repr=False, compare=False)
    _places_seen: dict[tuple[str | None, str | None], str] = field(default_factory=dict, repr=False, compare=False)
    _companies_seen: dict[str | None, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, resources: Path) -> Names:
        """Read and check the five tables of names in ``resources``.

        Raises ``OutagesError`` NAMES_TABLE, with file and line, for a missing file or column, a malformed or
        repeated code, an alias of a code that does not exist, or a spelling that would stand for two things.
        """
        regions, region_keys = _load_regions(resources)
        communes, place_keys = _load_communes(resources, regions)
        companies, company_keys = _load_companies(resources)
        return cls(regions, communes, companies, region_keys, place_keys, company_keys)

    def region(self, text: str | None) -> str:
        """Return the two-digit code of a region in any known spelling, "00" when blank or unknown."""
        code = self._regions_seen.get(text)
        if code is None:
            code = self._regions_seen[text] = self._region_keys.get(_region_key(text or ""), UNKNOWN_REGION)
        return code

    def place(self, region: str | None, commune: str | None) -> str:
        """Return the five-digit code of a commune as the source names it.

        "{RR}000" when only the region resolves, "00000" when it does not, whatever the commune: a name is never
        looked up outside its region. Communes that changed region resolve under the former one too.
        """
        pair = (region, commune)
        code = self._places_seen.get(pair)
        if code is None:
            code_region = self.region(region)
            code = self._place_keys.get(code_region + normalise(commune or ""), f"{code_region}000")
            self._places_seen[pair] = code
        return code

    def company(self, text: str | None) -> str:
        """Return the canonical name of a company in any known spelling, "UNKNOWN" when blank or unknown."""
        name = self._companies_seen.get(text)
        if name is None:
            name = self._companies_seen[text] = self._company_keys.get(normalise(text or ""), UNKNOWN)
        return name

    def company_id(self, name: str) -> int:
        """Return the fixed number of a company by its canonical name; any other raises NAMES_CODE."""
        if name not in self.companies:
            raise OutagesError("NAMES_CODE", f"{name!r} is no canonical name of companies.csv.", name=name)
        return self.companies[name]

    def commune_name(self, code: str) -> str:
        """Return the official name of a commune, "UNKNOWN" for "{RR}000"; any other code raises NAMES_CODE."""
        if code in self.communes:
            return self.communes[code].nombre_comuna
        if len(code) == 5 and code.endswith("000") and code[:2] in self.regions:
            return UNKNOWN
        raise OutagesError("NAMES_CODE", f"{code!r} is no commune of communes.csv.", place=code)

    def region_name(self, code: str) -> str:
        """Return the dashboard name of a region by its own code or a commune's; any other raises NAMES_CODE."""
        if len(code) not in (2, 5) or code[:2] not in self.regions:
            raise OutagesError("NAMES_CODE", f"{code!r} is no region of regions.csv.", place=code)
        return self.regions[code[:2]].nombre_region

    def query_names(self) -> list[tuple[str, str]]:
        """Return (code, name that GetClientesRegional wants) of the regions, by code."""
        return [(code, r.nombre_consulta) for code, r in sorted(self.regions.items()) if r.nombre_consulta]


def _region_key(text: str) -> str:
    return REGION_PREFIX.sub("", normalise(text))


def _broken(path: Path, line: int, why: str) -> OutagesError:
    return OutagesError("NAMES_TABLE", f"{path.name}, line {line}: {why}.", file=str(path), row=line)


def _rows(resources: Path, name: str) -> Iterator[tuple[Path, int, Row]]:
    """Yield (file, line, row) of a table, with blanks around values removed."""
    path = resources / name
    if not path.is_file():
        raise _broken(path, 0, "the table is missing")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS[name]:
            raise _broken(path, 1, f"the columns must be {', '.join(COLUMNS[name])}")
        for row in reader:
            if None in row or None in row.values():
                raise _broken(path, reader.line_num, f"the row must have {len(COLUMNS[name])} fields")
            yield path, reader.line_num, {key: value.strip() for key, value in row.items()}


def _claim(keys: dict[str, str], key: str, code: str, text: str, path: Path, line: int, scope: str = "") -> None:
    """Let ``key`` stand for ``code`` within ``scope``, unless it is empty or stands for something else already."""
    if not key:
        raise _broken(path, line, f"the name {text!r} is empty")
    if keys.setdefault(scope + key, code) != code:
        raise _broken(path, line, f"{text!r} stands for {keys[scope + key]!r} and for {code!r}")


def _load_regions(resources: Path) -> tuple[dict[str, Region], dict[str, str]]:
    regions: dict[str, Region] = {}
    keys: dict[str, str] = {}
    for path, line, row in _rows(resources, "regions.csv"):
        code = row["codigo_region"]
        if not re.fullmatch(r"[0-9]{2}", code) or code in regions:
            raise _broken(path, line, f"codigo_region {code!r} is malformed or repeated")
        regions[code] = Region(**row)
        _claim(keys, _region_key(row["nombre_region"]), code, row["nombre_region"], path, line)
        for text in filter(None, (row["nombre_oficial"], row["nombre_consulta"])):
            _claim(keys, _region_key(text), code, text, path, line)
    if UNKNOWN_REGION not in regions:
        raise _broken(resources / "regions.csv", 0, "the row 00 (UNKNOWN) is missing")
    for path, line, row in _rows(resources, "region_aliases.csv"):
        if row["codigo_region"] not in regions:
            raise _broken(path, line, f"codigo_region {row['codigo_region']!r} is not in regions.csv")
        _claim(keys, _region_key(row["alias"]), row["codigo_region"], row["alias"], path, line)
    return regions, keys


def _load_communes(resources: Path, regions: dict[str, Region]) -> tuple[dict[str, Commune], dict[str, str]]:
    communes: dict[str, Commune] = {}
    keys: dict[str, str] = {}  # two digits of the region, then the normalised name

    def claim(commune: Commune, text: str, path: Path, line: int) -> None:
        for region in filter(None, (commune.codigo_region, commune.codigo_region_anterior)):
            _claim(keys, normalise(text), commune.codigo_comuna, text, path, line, scope=region)

    for path, line, row in _rows(resources, "communes.csv"):
        commune = Commune(**row)
        code = commune.codigo_comuna
        if not re.fullmatch(r"[0-9]{5}", code) or code.endswith("000") or code in communes:
            raise _broken(path, line, f"codigo_comuna {code!r} is malformed or repeated")
        if commune.codigo_region not in regions or code[:2] != commune.codigo_region:
            raise _broken(path, line, f"codigo_region {commune.codigo_region!r} is not the region of {code}")
        if commune.codigo_region_anterior not in ("", *regions):
            raise _broken(path, line, f"codigo_region_anterior {commune.codigo_region_anterior!r} does not exist")
        communes[code] = commune
        claim(commune, commune.nombre_comuna, path, line)
    for path, line, row in _rows(resources, "aliases.csv"):
        if row["codigo_comuna"] not in communes:
            raise _broken(path, line, f"codigo_comuna {row['codigo_comuna']!r} is not in communes.csv")
        claim(communes[row["codigo_comuna"]], row["alias"], path, line)
    return communes, keys


def _load_companies(resources: Path) -> tuple[dict[str, int], dict[str, str]]:
    companies: dict[str, int] = {}
    keys: dict[str, str] = {}
    for path, line, row in _rows(resources, "companies.csv"):
        name, number = row["nombre_empresa"], row["id_empresa"]
        if not re.fullmatch(r"0|[1-9][0-9]{0,3}", number) or int(number) in companies.values() or name in companies:
            raise _broken(path, line, f"id_empresa {number!r} or nombre_empresa {name!r} is malformed or repeated")
        companies[name] = int(number)
        _claim(keys, normalise(name), name, name, path, line)
        for text in filter(None, (row["nombre_legal"], *row["variantes"].split(";"))):
            _claim(keys, normalise(text), name, text, path, line)
    if companies.get(UNKNOWN) != 0:
        raise _broken(resources / "companies.csv", 0, "the row 0 (UNKNOWN) is missing")
    return companies, keys
