"""SEIA exports: both generations of headers, CSV and Excel, amounts, dates and kinds; grid works by region."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from outages.errors import OutagesError
from outages.names import Names
from outages.payloads import validate
from outages.projects import (
    INTERREGIONAL,
    Project,
    category,
    investment_roi,
    maturity,
    notes,
    projects_dist,
    read_projects,
)

ROOT = Path(__file__).parents[2]
NAMES = Names.load(ROOT / "resources")
SCHEMAS = ROOT / "workflow/schemas/payloads"
NEW = [
    "Nombre del Proyecto", "Tipo de Presentación", " Región ", "Comuna", "Provincia", "Tipo de Proyecto",
    "Razón de Ingreso", "Titular", "Inversión (MMU$) ", "Fecha Presentación", "Estado del Proyecto",
    "Fecha Calificación", "Sector Productivo", "Latitud", "Longitud",
]  # fmt: skip
OLD = [
    "Nombre", "Tipo", "Región", "Comuna", "Provincia", "Tipología", "Razón", "Titular", "Inversión (MMU$)",
    "Fecha presentación", "Estado", "Fecha calificación", "Sector productivo", "Latitud", "Longitud",
]  # fmt: skip
Value = str | int | float | date | None
Rows = Sequence[Sequence[Value]]


def row(
    name: str = "Línea X",
    region: str = "Región del Maule",
    kind: str = "b1",
    amount: Value = "10",
    state: str = "Aprobado",
    day: Value = "05/03/2023",
    sector: str = "Energía",
) -> list[Value]:
    return [name, "DIA", region, "Talca", "Talca", kind, "", "T", amount, "01/01/2022", state, day, sector, "", ""]


def write_csv(path: Path, rows: Rows, mark: str = ",", encoding: str = "utf-8") -> Path:
    lines = [mark.join(f'"{"" if cell is None else cell}"' for cell in cells) for cells in rows]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


def write_xlsx(path: Path, rows: Rows) -> Path:
    """A minimal workbook: texts, numbers and real dates, no library needed."""

    def cell(at: str, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, date):
            return f'<c r="{at}" s="1"><v>{(value - date(1899, 12, 30)).days}</v></c>'
        if isinstance(value, int | float):
            return f'<c r="{at}"><v>{value}</v></c>'
        return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    body = "".join(
        f'<row r="{i}">{"".join(cell(f"{chr(65 + j)}{i}", value) for j, value in enumerate(cells))}</row>'
        for i, cells in enumerate(rows, 1)
    )
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{rel}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets><sheet name="s" sheetId="1" '
        'r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{rel}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{rel}/styles" Target="styles.xml"/>'
        "</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/>'
        "</cellXfs></styleSheet>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return path


def work(region: str = "MAULE", amount: float | None = 10.0, **other: Any) -> Project:
    fields = {
        "nombre": "x", "comuna": "", "categoria": "line", "estado": "Aprobado", "fecha_calificacion": None,
        "anho": 2020, "sector": "Energía", "tipologia": "b1",
    }  # fmt: skip
    return Project(region=region, inversion_mmu=amount, **{**fields, **other})


@pytest.mark.parametrize("headers", [NEW, OLD])
@pytest.mark.parametrize(("mark", "encoding"), [(",", "utf-8"), (",", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-8")])
def test_csv(tmp_path: Path, headers: list[str], mark: str, encoding: str) -> None:
    rows: Rows = [
        headers,
        row(region="Región de Ñuble", amount="1.234,56"),
        [""] * 15,
        row(name="Ampliación; dos, tres", day=""),
    ]
    first, second = read_projects(write_csv(tmp_path / "p.csv", rows, mark, encoding), NAMES)
    assert first == Project(
        "Línea X", "NUBLE", "Talca", "line", 1234.56, "Aprobado", date(2023, 3, 5), 2023, "Energía", "b1"
    )
    assert second.nombre == "Ampliación; dos, tres"
    assert (second.fecha_calificacion, second.anho) == (None, None)


def test_excel(tmp_path: Path) -> None:
    """A title above the header; number and text amounts in one column; real dates and written ones."""
    rows: Rows = [
        [None], ["Listado de proyectos"], NEW,
        row(name="número", amount=1.234, day=date(2023, 3, 5)), row(name="texto", amount="1.234"), [None] * 15,
        row(name="entero", amount=1000, day=None), row(name="vacío", amount=None),
    ]  # fmt: skip
    found = read_projects(write_xlsx(tmp_path / "p.xlsx", rows), NAMES)
    assert [(one.nombre, one.inversion_mmu, one.anho) for one in found] == [
        ("número", 1.234, 2023),
        ("texto", 1234.0, 2023),
        ("entero", 1000.0, None),
        ("vacío", None, 2023),
    ]
    with pytest.raises(OutagesError, match=r"row 2, column 'Inversión \(MMU\$\)', value 'mucho'"):
        read_projects(write_xlsx(tmp_path / "q.xlsx", [NEW, row(amount="mucho")]), NAMES)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234,56", 1234.56),
        ("1.234.567", 1234567.0),
        ("1.234", 1234.0),
        ("12,5", 12.5),
        ("1,234", 1.234),
        ("31.7", 31.7),
        ("70.50", 70.5),
        ("0.125", 0.125),
        ("1234.567", 1234.567),
        ("1.2345", 1.2345),
        (" 324 ", 324.0),
        ("0", 0.0),
        ("", None),
    ],
)
def test_amounts(tmp_path: Path, text: str, amount: float | None) -> None:
    assert read_projects(write_csv(tmp_path / "p.csv", [NEW, row(amount=text)]), NAMES)[0].inversion_mmu == amount


@pytest.mark.parametrize(
    ("bad", "column", "value"),
    [
        ({"amount": "1,234.56"}, "Inversión (MMU$)", "1,234.56"),
        ({"amount": "-5"}, "Inversión (MMU$)", "-5"),
        ({"amount": "nan"}, "Inversión (MMU$)", "nan"),
        ({"amount": "1.23.4"}, "Inversión (MMU$)", "1.23.4"),
        ({"day": "31/02/2023"}, "Fecha Calificación", "31/02/2023"),
        ({"day": "2023"}, "Fecha Calificación", "2023"),
        ({"day": "05/03/0203"}, "Fecha Calificación", "05/03/0203"),
        ({"day": "31/12/1989"}, "Fecha Calificación", "31/12/1989"),
        ({"name": ""}, "Nombre del Proyecto", ""),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, bad: dict[str, str], column: str, value: str) -> None:
    path = write_csv(tmp_path / "p.csv", [NEW, row(), row(**bad)])
    with pytest.raises(OutagesError) as caught:
        read_projects(path, NAMES)
    assert caught.value.code == "PROJECTS_FILE"
    assert caught.value.facts == {"file": str(path), "row": 3, "column": column, "value": value}


def test_bad_files(tmp_path: Path) -> None:
    no_region = [[cell for at, cell in enumerate(cells) if at != 2] for cells in (NEW, row())]
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "text.xlsx").write_text("no workbook")
    paths = [
        write_csv(tmp_path / "a.csv", no_region),
        *(tmp_path / name for name in ("empty.csv", "text.xlsx", "no", "no.xlsx")),
    ]
    for path in paths:
        with pytest.raises(OutagesError) as caught:
            read_projects(path, NAMES)
        assert caught.value.code == "PROJECTS_FILE"
        assert str(path) in caught.value.message
        assert path != paths[0] or "no column is named region" in caught.value.message


@pytest.mark.parametrize(
    ("content", "number", "said"),
    [
        ('a,"unclosed\r\nb,c\r\n', 3, "unexpected end of data"),
        ('"a" b,"c"\r\n', 3, "expected after"),
        ("a,b\0c\r\n", 3, "NUL"),
        ("Línea corta,DIA,Región del Maule\r\n", 3, "3 cells, the header has 15"),
        (
            "Línea,DIA,Maule,Talca,Talca,b1,,T,1,5,01/01/2022,Aprobado,05/03/2023,Energía,-35,-71",
            3,
            "16 cells, the header has 15",
        ),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, content: str, number: int, said: str) -> None:
    path = write_csv(tmp_path / "p.csv", [NEW, row()])
    path.write_bytes(path.read_bytes() + b"\r\n" + content.encode())
    with pytest.raises(OutagesError, match=said) as caught:
        read_projects(path, NAMES)
    assert (caught.value.code, caught.value.facts["file"], caught.value.facts["row"]) == (
        "PROJECTS_FILE",
        str(path),
        number,
    )


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [[*NEW, "ESTADO DEL PROYECTO"], [*row(), "Rechazado"]])
    with pytest.raises(OutagesError, match="row 1: two columns are named estado del proyecto"):
        read_projects(path, NAMES)


def test_year_column(tmp_path: Path) -> None:
    def read(day: str, year: str) -> Project:
        return read_projects(write_csv(tmp_path / "p.csv", [[*NEW, "Año Calificación"], [*row(day=day), year]]), NAMES)[
            0
        ]

    assert read("", "2015").anho == 2015
    assert read("05/03/2023", "").anho == 2023
    for day, year in (("05/03/2023", "2015"), ("", "15"), ("", "1900")):
        with pytest.raises(OutagesError, match="Año Calificación"):
            read(day, year)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("Región del Libertador General Bernardo O`Higgins", "O'HIGGINS"),
        ("Región de Aysén del General Carlos Ibáñez del Campo", "AYSEN"),
        ("METROPOLITANA DE SANTIAGO", "METROPOLITANA"),
        ("Biobío", "BIOBIO"),
        ("Interregional", "INTERREGIONAL"),
        ("Interregional (Atacama, Coquimbo)", "INTERREGIONAL"),
        ("Región de Atacama, Región de Coquimbo", "INTERREGIONAL"),
        ("Maule; Ñuble", "INTERREGIONAL"),
        ("Maule y Biobío", "INTERREGIONAL"),
        ("Región de Arica y Parinacota", "ARICA Y PARINACOTA"),
        ("Región de Magallanes y de la Antártica Chilena", "MAGALLANES"),
        ("Atlántida", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_regions(tmp_path: Path, text: str, region: str) -> None:
    assert read_projects(write_csv(tmp_path / "p.csv", [NEW, row(region=text)]), NAMES)[0].region == region


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        *(
            (kind, "Obra", "line")
            for kind in ("b1", "b.1", "DS95/DS40-b1", "DS95/DS40/DS17-b", "DS17-b1", "B1", "b.1. Líneas")
        ),
        *((kind, "Obra", "substation") for kind in ("b2", "b.2", "DS95/DS40/DS17-b2")),
        *((kind, "Parque", "generation") for kind in ("c", "c1", "DS95/DS40/DS17-c")),
        ("b1", "Línea y Central BESS Lena", "storage"),
        ("BESS", "Obra", "storage"),
        ("", "Sistema de Almacenamiento GAIA", "storage"),
        ("c", "Sistema de Baterías del Sur", "storage"),
        ("c", "Parque Fotovoltaico Sol con BESS", "generation"),
        ("ñ1", "Almacenamiento de ácido sulfúrico", "other"),
        ("o8", "Reciclaje de baterías", "other"),
        ("ñ1", "Almacenamiento de energía en baterías", "storage"),
        ("b3", "Obra", "other"),
        ("Bodegas", "Obra", "other"),
        ("DS95/DS40/DS17–b1", "Obra", "line"),
        ("DS95/DS40\u2011b2", "Obra", "substation"),
        ("b2", "Ampliación S/E con patio de almacenamiento", "substation"),
        ("b2", "Sistema de Almacenamiento de Energía y S/E", "storage"),
        ("b2", "Baterías en S/E", "storage"),
        ("", "Línea sin tipología", "other"),
    ],
)
def test_categories(kind: str, name: str, expected: str) -> None:
    assert category(name, kind) == expected


def test_distribution() -> None:
    works = [
        *[work("MAULE")] * 2, work("BIOBIO", categoria="storage"), work("ATACAMA", categoria="substation"),
        *[work("INTERREGIONAL")] * 3, work("UNKNOWN"), work("COQUIMBO", categoria="generation"),
        work("COQUIMBO", categoria="other"), work("COQUIMBO", sector="Minería"),
    ]  # fmt: skip
    found = projects_dist(works)
    assert [(one["nombre_region"], one["count"]) for one in found] == [
        ("INTERREGIONAL", 3), ("MAULE", 2), ("ATACAMA", 1), ("BIOBIO", 1), ("UNKNOWN", 1),
    ]  # fmt: skip
    validate("eda_projects_dist", found, SCHEMAS)


def test_roi_by_hand() -> None:
    works = [
        work("MAULE", 10.0), work("MAULE", 30.0, estado="En Calificación"), work("MAULE", None, estado=""),
        work("BIOBIO", 4.0), work("NUBLE", 40.0), work("COQUIMBO", None), work("TARAPACA", 0.0),
        work("ATACAMA", 5.0, categoria="generation"), work("INTERREGIONAL", 1000.0), work("UNKNOWN", 7.0),
        work("MAULE", 60.0, estado="Rechazado"), work("INTERREGIONAL", None, estado="No Admitido a Tramitación"),
        work("LOS LAGOS", 8.0, estado="Desistido"), work("AYSEN", 2.0, categoria="other", sector="Minería"),
    ]  # fmt: skip
    found = investment_roi(works, {"MAULE": 2000, "BIOBIO": 1000, "ATACAMA": 9, "UNKNOWN": 3})
    assert [(one["nombre_region"], one["efficiency_ratio"]) for one in found] == [
        ("BIOBIO", 250.0),  # 1000 / 4
        ("MAULE", 50.0),  # 2000 / (10 + 30)
        ("NUBLE", 0.0),  # no event
    ]
    assert found[1] == {
        "nombre_region": "MAULE",
        "clientes_afectados": 2000,
        "total_inversión_mmu": 40.0,
        "efficiency_ratio": 50.0,
        "maturity_note": "1 of 3 works approved, latest qualification 2020; 1 En Calificación; 1 without a known state",
        "proyectos": 3,
        "proyectos_sin_monto": 1,
        "inversión_aprobada_mmu": 10.0,
    }
    validate("investment_roi", found, SCHEMAS)
    assert notes(works) == [
        "Projects read: 12 line, 0 substation, 0 storage, 1 generation, 1 other; 13 of them of the sector Energía.",
        "Not in investment_roi: grid works that were refused, withdrawn or lapsed: 3, of 68.0 MMUSD"
        " (1 without a known amount).",
        "Not in investment_roi: grid works that cross regions: 1, of 1000.0 MMUSD (0 without a known amount).",
        "Not in investment_roi: grid works that name no known region: 1, of 7.0 MMUSD (0 without a known amount).",
    ]
    assert notes(works, sample=True)[1].startswith("The projects are a sample, no complete list")


def test_equal_ratios_go_by_region() -> None:
    found = investment_roi([work("NUBLE"), work("MAULE"), work("ATACAMA")], {})
    assert [one["nombre_region"] for one in found] == ["ATACAMA", "MAULE", "NUBLE"]
    assert maturity([work(anho=None), work(estado="Desistido")]) == "1 of 2 works approved; 1 Desistido"


@pytest.mark.parametrize(
    ("state", "counts"),
    [("Aprobado", True), ("En Calificación", True), ("En construcción (2019)", True), ("", True), ("Rechazado", False),
     ("RECHAZADA", False), ("Desistido", False), ("No Admitido a Tramitación", False), ("No calificado", False),
     ("Revocado", False), ("Caducado", False), ("Inadmisible", False), ("Anulada", False), ("Abandonado", False)],
)  # fmt: skip
def test_works_that_failed_are_no_investment(state: str, counts: bool) -> None:
    assert bool(investment_roi([work(estado=state)], {})) == counts
    assert len(projects_dist([work(estado=state)])) == 1


def test_the_project_table() -> None:
    works = read_projects(ROOT / "resources/projects.csv", NAMES)
    assert all(one.categoria in ("line", "substation", "storage") and one.region != "UNKNOWN" for one in works)
    assert sum(one["count"] for one in projects_dist(works)) == len(works) == 23
    assert {one.inversion_mmu for one in works if one.region == "O'HIGGINS"} == {31.7}
    atacama = next(one for one in investment_roi(works, {}) if one["nombre_region"] == "ATACAMA")
    assert atacama["total_inversión_mmu"] == 1534.0  # 526 + 263 + 145 + 600; the 120 of Freirina were not admitted
    assert sum(one.estado == "En construcción (2019)" for one in works) == 5
    assert sum(one.region == INTERREGIONAL for one in works) == 4


def test_no_amount_of_the_project_table_can_be_read_as_thousands() -> None:
    """A decimal point before exactly three digits would mean thousands."""
    with (ROOT / "resources/projects.csv").open(encoding="utf-8", newline="") as opened:
        amounts = [one["Inversión (MMU$)"] for one in csv.DictReader(opened)]
    assert amounts and not [amount for amount in amounts if re.search(r"\.\d{3}$", amount)]
