"""Spellings to codes: the project's own tables, the traps of the source, and tables that must not load."""

from __future__ import annotations

import csv
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from outages.errors import OutagesError
from outages.names import COLUMNS, Names, normalise

RESOURCES = Path(__file__).parents[2] / "resources"
NAMES = Names.load(RESOURCES)
SPELLINGS = os.environ.get("SPELLINGS")


def unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def rows(name: str) -> list[dict[str, str]]:
    with (RESOURCES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ñuñoa", "nunoa"),
        ("  SAN   Pedro ", "san pedro"),
        ("O`Higgins", "o'higgins"),
        ("O´Higgins", "o'higgins"),
        ("O’ Higgins", "o'higgins"),
        ("Llay-Llay", "llay llay"),
        ("Sierra;rda", "sierra rda"),
        ("Cabo de Hornos (ex-Navarino)", "cabo de hornos ex navarino"),
        ("Ollagu\u0308e", "ollague"),
        ("E.E. COLINA", "e e colina"),
        ("", ""),
        (" -' ", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected
    assert normalise(expected) == expected


def test_counts() -> None:
    communes = NAMES.communes.values()
    assert len(communes) == 346
    assert len(NAMES.regions) == 17  # sixteen and UNKNOWN
    assert {c.codigo_region for c in communes} == set(NAMES.regions) - {"00"}
    assert len({(c.codigo_comuna[:3], c.provincia) for c in communes}) == 56
    assert len({c.provincia for c in communes}) == 56
    assert list(NAMES.communes) == sorted(NAMES.communes)


@pytest.mark.parametrize("form", [str, str.upper, unaccented, lambda text: f" {text.lower()} "])
def test_official_names_always_resolve(form: Callable[[str], str]) -> None:
    for commune in NAMES.communes.values():
        region = NAMES.regions[commune.codigo_region]
        for spelling in (region.nombre_region, region.nombre_oficial, region.nombre_consulta):
            assert NAMES.region(form(spelling)) == commune.codigo_region, spelling
            assert NAMES.place(form(spelling), form(commune.nombre_comuna)) == commune.codigo_comuna
        assert NAMES.commune_name(commune.codigo_comuna) == commune.nombre_comuna


@pytest.mark.parametrize(
    ("region", "commune", "code"),
    [
        ("Antofagasta", "Sierra;rda", "02103"),
        ("Coquimbo", "Punitagui", "04304"),
        ("Coquimbo", "Paihuano", "04105"),
        ("Coquimbo", "Paiguano", "04105"),
        ("Magallanes", "Cabo de Hornos (ex-Navarino)", "12201"),
        ("Valparaiso", "La Calera", "05502"),
        ("Valparaiso", "Calera", "05502"),
        ("Metropolitana", "Calera de Tango", "13403"),
        ("O`Higgins", "Marchigüe", "06204"),
        ("O`Higgins", "Marchihue", "06204"),
        ("Ñuble", "Trehuaco", "16207"),
        ("Ñuble", "Treguaco", "16207"),
        ("Metropolitana", "Til Til", "13303"),
        ("Metropolitana", "TIL-TIL", "13303"),
        ("Metropolitana", "Tiltil", "13303"),
        ("Valparaiso", "Llay-Llay", "05703"),
        ("Valparaiso", "Llay Llay", "05703"),
        ("Valparaiso", "Llaillay", "05703"),
        ("Aysén", "Coihaique", "11101"),
        ("Aisén", "Aisén", "11201"),
        ("Aysén", "O`Higgins", "11302"),
        ("Biobio", "Arauco ", "08202"),
        ("Bío-Bío", "Alto Bío-Bío", "08314"),
        ("Los Lagos", "Los Lagos", "10000"),
        ("Los Rios", "Los Lagos", "14104"),
        ("Biobio", "San Pedro", "08000"),
        ("Biobio", "San Pedro de la Paz", "08108"),
        ("Metropolitana", "San Pedro", "13505"),
        ("Maule", "Hualañé", "07302"),
        ("Ñuble", "Ñiquén", "16303"),
    ],
)
def test_traps(region: str, commune: str, code: str) -> None:
    assert NAMES.place(region, commune) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("O`Higgins", "06"),
        ("O´HIGGINS", "06"),
        ("OHIGGINS", "06"),
        ("Región del Libertador Gral. Bernardo O’Higgins", "06"),
        ("Región Aysén del General Carlos Ibáñez del Campo", "11"),
        ("Región Aisén del Gral.Carlos Ibáñez del Campo", "11"),
        ("Region de Aysen del General Carlos Ibanez del Campo", "11"),
        ("Región del Bío-Bío", "08"),
        ("Region Metropolitana", "13"),
        ("Región de la Araucanía", "09"),
        ("Araucania", "09"),
        ("Nuble", "16"),
        ("Interregional", "00"),
        ("UNKNOWN", "00"),
        ("Región de", "00"),
        (" ", "00"),
        (None, "00"),
    ],
)
def test_regions(text: str | None, code: str) -> None:
    assert NAMES.region(text) == code


@pytest.mark.parametrize(
    ("region", "commune", "code"),
    [
        (None, None, "00000"),
        ("", " ", "00000"),
        (None, "Ñuñoa", "00000"),  # unique in the country, and still not guessed
        ("Narnia", "Valdivia", "00000"),
        ("Los Lagos", "Valdivia", "10000"),  # another region's commune
        ("Metropolitana", "", "13000"),
        ("Metropolitana", None, "13000"),
        ("Metropolitana", "UNKNOWN", "13000"),
    ],
)
def test_what_does_not_resolve(region: str | None, commune: str | None, code: str) -> None:
    assert NAMES.place(region, commune) == code
    assert NAMES.place(region, commune) == code  # as remembered
    assert NAMES.commune_name(code) == "UNKNOWN"


def test_nuble_resolves_under_its_former_region() -> None:
    nuble = [c for c in NAMES.communes.values() if c.codigo_region == "16"]
    assert len(nuble) == 21
    for commune in nuble:
        assert NAMES.place("Biobio", commune.nombre_comuna) == commune.codigo_comuna
        assert NAMES.place("Ñuble", commune.nombre_comuna) == commune.codigo_comuna
    assert NAMES.place("Bío Bío", "Trehuaco") == "16207"  # an alias moves with its commune
    assert NAMES.place("Ñuble", "Arauco") == "16000"  # not the other way round
    assert [c.codigo_comuna for c in NAMES.communes.values() if c.codigo_region_anterior] == [
        c.codigo_comuna for c in nuble
    ]


def test_names_of_codes() -> None:
    assert NAMES.commune_name("05109") == "Viña del Mar"
    assert NAMES.region_name("05109") == "VALPARAISO"
    assert NAMES.region_name("06") == "O'HIGGINS"
    assert (NAMES.commune_name("13000"), NAMES.region_name("13000")) == ("UNKNOWN", "METROPOLITANA")
    assert (NAMES.commune_name("00000"), NAMES.region_name("00000")) == ("UNKNOWN", "UNKNOWN")
    for call, code in [
        (NAMES.commune_name, "13999"),
        (NAMES.commune_name, "17000"),
        (NAMES.commune_name, "13"),
        (NAMES.region_name, "17"),
        (NAMES.region_name, "1"),
    ]:
        with pytest.raises(OutagesError, match="NAMES_CODE"):
            call(code)


def test_query_names() -> None:
    pairs = NAMES.query_names()
    assert [code for code, _ in pairs] == [f"{n:02d}" for n in range(1, 17)]
    assert dict(pairs)["13"] == "Region Metropolitana de Santiago"
    assert dict(pairs)["06"] == "Region del Libertador General Bernardo O'Higgins"
    for code, name in pairs:
        assert name.isascii()
        assert NAMES.region(name) == code


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CGE", "CGE"),
        ("cge ", "CGE"),
        ("CGE DISTRIBUCIÓN", "CGE"),
        ("Compañía General de Electricidad S.A.", "CGE"),
        ("CHILECTRA", "ENEL"),
        ("Enel Distribución", "ENEL"),
        ("LUZ OSORNO", "LUZOSORNO"),
        ("EDELAYSÉN", "EDELAYSEN"),
        ("E.E. COLINA", "EEC"),
        ("TIL TIL", "TIL-TIL"),
        ("emelat", "EMELAT"),
        ("", "UNKNOWN"),
        (None, "UNKNOWN"),
        ("UNKNOWN", "UNKNOWN"),
        ("Compañía de Nadie", "UNKNOWN"),
    ],
)
def test_companies(text: str | None, name: str) -> None:
    assert NAMES.company(text) == name


def test_company_numbers() -> None:
    assert NAMES.company_id("UNKNOWN") == 0
    assert NAMES.company_id("CGE") == 1  # numbers never change: a row of the warehouse stands on them
    assert NAMES.company_id("LUZPARRAL") == 15
    assert len(set(NAMES.companies.values())) == len(NAMES.companies)
    for row in rows("companies.csv"):
        for text in filter(None, (row["nombre_legal"], *row["variantes"].split(";"))):
            assert NAMES.company(text) == row["nombre_empresa"]
    with pytest.raises(OutagesError, match="NAMES_CODE"):
        NAMES.company_id("Chilectra")


def test_every_alias_is_needed(tmp_path: Path) -> None:
    for name in ("aliases.csv", "region_aliases.csv"):
        copy = shutil.copytree(RESOURCES, tmp_path / name, dirs_exist_ok=True)
        (copy / name).write_text(",".join(COLUMNS[name]) + "\n", encoding="utf-8")
        bare = Names.load(copy)
        seen = set()
        for row in rows(name):
            if name == "aliases.csv":
                code = row["codigo_comuna"]
                region = NAMES.regions[code[:2]].nombre_region
                assert NAMES.place(region, row["alias"]) == code
                assert bare.place(region, row["alias"]) == f"{code[:2]}000", row
            else:
                code = row["codigo_region"]
                assert NAMES.region(row["alias"]) == code
                assert bare.region(row["alias"]) == "00", row
            key = (code, normalise(row["alias"]))
            assert key not in seen, row
            seen.add(key)


def test_every_row_has_a_source() -> None:
    for name in ("aliases.csv", "region_aliases.csv", "companies.csv"):
        assert all(row["source"] for row in rows(name))
    readme = (RESOURCES / "README.md").read_text(encoding="utf-8")
    assert all(path.name in readme for path in RESOURCES.glob("*.csv"))


@pytest.mark.parametrize(
    ("table", "line", "fact"),
    [
        ("communes.csv", "13101,Otra,13,Santiago,", "13101"),
        ("communes.csv", "13999,Macul,13,Santiago,", "Macul"),
        ("communes.csv", "13999,Otra,12,Santiago,", "is not the region"),
        ("communes.csv", "99101,Otra,99,Santiago,", "is not the region"),
        ("communes.csv", "13999,Otra,13,Santiago,99", "codigo_region_anterior"),
        ("communes.csv", "08999,Bulnes,08,Biobío,", "16102"),  # the region that Bulnes had before
        ("communes.csv", "13999,--,13,Santiago,", "is empty"),
        ("communes.csv", "1399,Otra,13,Santiago,", "malformed"),
        ("communes.csv", "13999,Otra,13", "must have 5 fields"),
        ("aliases.csv", "13999,Otra,test,", "not in communes.csv"),
        ("aliases.csv", "13101,Macul,test,", "stands for"),
        ("aliases.csv", "13101,,test,", "is empty"),
        ("regions.csv", "13,OTRA,,,", "repeated"),
        ("regions.csv", "17,MAULE,,,", "stands for"),
        ("region_aliases.csv", "17,Otra,test", "not in regions.csv"),
        ("region_aliases.csv", "13,Maule,test", "stands for"),
        ("companies.csv", "1,OTRA,,,test", "repeated"),
        ("companies.csv", "x,OTRA,,,test", "malformed"),
        ("companies.csv", "999,CGE,,,test", "repeated"),
        ("companies.csv", "999,OTRA,,SAESA,test", "stands for"),
    ],
)
def test_a_bad_row_does_not_load(tmp_path: Path, table: str, line: str, fact: str) -> None:
    copy = shutil.copytree(RESOURCES, tmp_path / "resources")
    with (copy / table).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    number = len((copy / table).read_text(encoding="utf-8").splitlines())
    with pytest.raises(OutagesError) as raised:
        Names.load(copy)
    assert raised.value.code == "NAMES_TABLE"
    assert fact in raised.value.message
    assert (Path(str(raised.value.facts["file"])).name, raised.value.facts["row"]) == (table, number)


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_a_missing_table_or_column_does_not_load(tmp_path: Path, table: str) -> None:
    copy = shutil.copytree(RESOURCES, tmp_path / "resources")
    text = (copy / table).read_text(encoding="utf-8")
    (copy / table).write_text("x" + text, encoding="utf-8")
    with pytest.raises(OutagesError, match=f"NAMES_TABLE: {table}, line 1: the columns"):
        Names.load(copy)
    (copy / table).unlink()
    with pytest.raises(OutagesError, match="is missing"):
        Names.load(copy)


@pytest.mark.parametrize(("table", "row"), [("regions.csv", "00,UNKNOWN"), ("companies.csv", "0,UNKNOWN")])
def test_unknown_must_be_in_the_tables(tmp_path: Path, table: str, row: str) -> None:
    copy = shutil.copytree(RESOURCES, tmp_path / "resources")
    kept = [x for x in (copy / table).read_text(encoding="utf-8").splitlines() if not x.startswith(row)]
    (copy / table).write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(OutagesError, match="UNKNOWN"):
        Names.load(copy)


@pytest.mark.skipif(not SPELLINGS, reason="SPELLINGS=FILE names no list of spellings (raw_region, raw_comuna, cut)")
def test_every_spelling_of_a_list() -> None:
    with Path(str(SPELLINGS)).open(encoding="utf-8", newline="") as file:
        spellings = list(csv.DictReader(file))
    assert spellings
    wrong = [
        (row["raw_region"], row["raw_comuna"], row["cut"], code)
        for row in spellings
        if (code := NAMES.place(row["raw_region"], row["raw_comuna"])) != (row["cut"] or "00000")
    ]
    assert wrong == []
