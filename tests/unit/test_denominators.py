"""Customers per region and month: which value counts, where it comes from, and tables that are refused."""

from pathlib import Path

import msgspec
import pytest
from ask import ask, number_of_customers
from outages.denominators import COUNTRY, Asked, Value, nearest, read_asked, read_official, sum_of_regions, table
from outages.errors import OutagesError
from outages.fingerprint import REPOSITORY
from outages.names import Names

REGIONS = {"03": "ATACAMA", "13": "METROPOLITANA", COUNTRY: "CHILE"}
HEADER = "mes,codigo_region,clientes,fuente\n"


def asked(month: str, code: str, customers: int) -> Asked:
    return Asked(month, code, customers, "sec", f"{month}-05T12:00:00.000Z")


@pytest.mark.parametrize(
    ("month", "known", "expected"),
    [
        ("2025-06", [], None),
        ("2025-06", ["2025-06", "2025-07"], "2025-06"),
        ("2025-06", ["2020-01"], "2020-01"),
        ("2025-06", ["2025-04", "2025-07"], "2025-07"),
        ("2025-06", ["2025-07", "2025-05"], "2025-05"),
        ("2025-12", ["2025-01", "2026-01"], "2026-01"),
        ("2017-01", ["2026-09", "2024-12"], "2024-12"),
    ],
)
def test_the_nearest_known_month_counts_the_earlier_of_two(month: str, known: list[str], expected: str | None) -> None:
    assert nearest(month, known) == expected


def test_own_official_carried_and_none() -> None:
    values = [
        Value("2025-06", "03", 100, "SEC, 2025-06-05", False),
        Value("2025-06", "03", 111, "CNE", True),
        Value("2025-07", "03", 120, "SEC, 2025-07-05", False),
        Value("2025-06", COUNTRY, 900, "SEC, 2025-06-05", False),
    ]
    rows = table(["2025-06", "2025-07", "2025-12"], REGIONS, values)
    found = {(str(row["mes"]), str(row["codigo_region"])): row for row in rows}
    assert len(rows) == len(found) == 9
    told = {key: (row["clientes"], row["estado"], row["mes_valor"], row["fuente"]) for key, row in found.items()}
    assert told["2025-06", "03"] == (111, "official", "2025-06", "CNE")
    assert told["2025-07", "03"] == (120, "own", "2025-07", "SEC, 2025-07-05")
    assert told["2025-12", "03"] == (120, "carried", "2025-07", "SEC, 2025-07-05")
    assert told["2025-12", COUNTRY] == (900, "carried", "2025-06", "SEC, 2025-06-05")
    assert told["2025-06", "13"] == (None, "none", None, None)
    assert found["2025-06", "13"]["nombre_region"] == "METROPOLITANA"


def test_an_official_value_of_another_month_is_carried() -> None:
    row = table(["2025-07"], {"03": "ATACAMA"}, [Value("2025-06", "03", 111, "CNE", True)])[0]
    assert (row["estado"], row["mes_valor"], row["fuente"]) == ("carried", "2025-06", "CNE")


def test_lines_are_read_back_and_a_torn_one_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "customers.jsonl"
    assert read_asked(path) == []
    lines = [asked("2025-06", "03", 100), asked("2025-06", "13", 200)]
    content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    path.write_bytes(content)
    assert read_asked(path) == lines
    path.write_bytes(content[:-1])
    assert read_asked(path) == lines[:1]
    path.write_bytes(content[:20] + b"\n" + content[20:])
    with pytest.raises(OutagesError, match="is damaged") as caught:
        read_asked(path)
    assert caught.value.code == "CUSTOMERS_STORE"


def test_the_official_table(tmp_path: Path) -> None:
    path = tmp_path / "official.csv"
    path.write_text(HEADER + "2024-12,03,120000, CNE \n2024-12,CL,7628895,CNE\n", encoding="utf-8")
    assert read_official(path, REGIONS) == [
        Value("2024-12", "03", 120_000, "CNE", True),
        Value("2024-12", COUNTRY, 7_628_895, "CNE", True),
    ]


@pytest.mark.parametrize(
    "line",
    ["2024-13,03,1,CNE", "2024-12,99,1,CNE", "2024-12,3,1,CNE", "2024-12,03,0,CNE", "2024-12,03,-5,CNE",
     "2024-12,03,many,CNE", "2024-12,03,1.5,CNE", "2024-12,03,,CNE", "2024-12,03,1, ", "2024-12,03,1", "2024-12"],
)  # fmt: skip
def test_official_lines_that_are_refused_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "official.csv"
    path.write_text(f"{HEADER}2024-11,03,1,CNE\n{line}\n", encoding="utf-8")
    with pytest.raises(OutagesError, match="line 3") as caught:
        read_official(path, REGIONS)
    assert caught.value.code == "CUSTOMERS_TABLE"
    assert caught.value.facts["row"] == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: no column is named mes, codigo_region, clientes, fuente"),
        (b"mes,codigo_region,clientes\n2024-12,03,1\n", "line 1: no column is named fuente"),
        (HEADER.encode(), "line 1: the table has no line"),
        (HEADER.encode() + b"2024-12,03,1,\xd1\n", "cannot be read"),
        (HEADER.encode() + b"2024-12,03,1,CNE\n2024-11,03,1,CNE\n2024-12,03,2,CNE\n", "line 4: 2024-12 of 03 has"),
    ],
)
def test_official_tables_that_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "official.csv"
    path.write_bytes(content)
    with pytest.raises(OutagesError, match=said) as caught:
        read_official(path, REGIONS)
    assert (caught.value.code, caught.value.facts["file"]) == ("CUSTOMERS_TABLE", str(path))


def test_an_official_table_that_a_spreadsheet_marked_is_read(tmp_path: Path) -> None:
    path = tmp_path / "official.csv"
    path.write_text(HEADER + "2024-12,03,120000,CNE\n", encoding="utf-8-sig")
    assert read_official(path, REGIONS) == [Value("2024-12", "03", 120_000, "CNE", True)]
    with pytest.raises(OutagesError, match="no such file") as caught:
        read_official(tmp_path / "none.csv", REGIONS)
    assert caught.value.code == "CUSTOMERS_TABLE"


@pytest.mark.parametrize("content", [b'[{"CLIENTES": 8156814}]', b'[{"CLIENTES": "8156814", "REGION_ID": 13}]'])
def test_numbers_of_customers_come_as_numbers_or_text(content: bytes) -> None:
    assert number_of_customers(content, "GetClientesNacional", {}) == 8_156_814


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"{}", b"[1]", b'[{"CLIENTE": 1}]', b'[{"CLIENTES": null}]', b'[{"CLIENTES": 0}]',
     b'[{"CLIENTES": -4}]', b'[{"CLIENTES": true}]', b'[{"CLIENTES": 1.5}]', b'[{"CLIENTES": "many"}]',
     b'{"CLIENTES": 1}', '[{"CLIENTES": "٨١٥"}]'.encode(), b'[{"CLIENTES": "8 156"}]', b'[{"CLIENTES": "1_000"}]',
     b'[{"CLIENTES": "+5"}]', b'[{"CLIENTES": 5}, {"CLIENTES": 5}]', b'[{"CLIENTES": [1]}]', b'[{"CLIENTES": ""}]',
     b'["CLIENTES"]'],
)  # fmt: skip
def test_other_answers_about_customers_are_drift(content: bytes) -> None:
    with pytest.raises(OutagesError, match="GetClientesNacional") as caught:
        number_of_customers(content, "GetClientesNacional", {})
    assert caught.value.code == "CUSTOMERS_DRIFT"


def test_the_sum_of_the_regions_against_the_national_value() -> None:
    regions = {"03": "ATACAMA", "13": "METROPOLITANA", "CL": "CHILE"}
    values = [
        Value("2026-01", code, number, "SEC", False) for code, number in (("03", 400), ("13", 590), ("CL", 1000))
    ] + [Value("2026-03", code, number, "SEC", False) for code, number in (("03", 400), ("13", 580))]
    items = sum_of_regions(table(["2026-01", "2026-02", "2026-03"], regions, values))
    assert [(item["first"], item["last"], item["regions"], item["country"]) for item in items] == [
        ("2026-01", "2026-02", 990, 1000),
        ("2026-03", "2026-03", 980, 1000),
    ]
    assert items[0]["difference"] == pytest.approx(-0.01)
    assert [item["agrees"] for item in items] == [True, False]


def test_of_an_unknown_region_no_sum_is_told() -> None:
    regions = {"03": "ATACAMA", "13": "METROPOLITANA", "CL": "CHILE"}
    values = [Value("2026-01", "03", 400, "SEC", False), Value("2026-01", "CL", 1000, "SEC", False)]
    [item] = sum_of_regions(table(["2026-01"], regions, values))
    assert item == {
        "first": "2026-01",
        "last": "2026-01",
        "regions": None,
        "country": 1000,
        "difference": None,
        "agrees": None,
    }


def test_regions_that_do_not_add_up_to_the_country_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [code for code, _ in Names.load(REPOSITORY / "resources").query_names()]
    told = [asked("2026-11", code, 100) for code in codes] + [asked("2026-11", COUNTRY, 1000)]
    store = tmp_path / "answers"
    store.mkdir()
    (store / "customers.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in told))
    ask(tmp_path / "values.json", "2026-11", str(store), "sec", "2026-11-20T00:00:00.000Z", False, {})
    said = capsys.readouterr().err
    assert "the regions have 1,600 customers together, the country 1,000 (+60.0%)" in said
