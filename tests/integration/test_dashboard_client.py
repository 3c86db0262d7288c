"""The public dashboard as client of a whole run that Snakemake published, and what such runs write: no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psycopg
import pytest
import yaml

from .postgrest_server import Supabase
from .publish_stage import unlike_their_meta
from .published import MONTHS, replica_run
from .workflow_runs import DONE, REPOSITORY, Work

PASSWORD = "a-pass%2Fword%40nobody-is-told"
REGIONS = [
    "ARICA Y PARINACOTA", "TARAPACA", "ANTOFAGASTA", "ATACAMA", "COQUIMBO", "VALPARAISO", "METROPOLITANA", "O'HIGGINS",
    "MAULE", "NUBLE", "BIOBIO", "LA ARAUCANIA", "LOS RIOS", "LOS LAGOS", "AYSEN", "MAGALLANES", "UNKNOWN",
]  # fmt: skip
CATEGORIES = [
    "Affected = 0 (Imputed)", "Unknown geography", "Unknown company", "Date replaced by server time",
    "Company not published by the source", "Capped at regional customers", "Ghost rows",
]  # fmt: skip
CONFIG = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())


def text(value: Any) -> bool:
    return type(value) is str and value != "" and value == value.strip()


def whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def number(value: Any) -> bool:
    return type(value) in (int, float) and value == value and abs(value) < 1e15


def region(value: Any) -> bool:
    return value in REGIONS


def month(value: Any) -> bool:
    return value in [f"{month}-01" for month in MONTHS]


def index(value: Any) -> bool:
    return value is None or (number(value) and 0 <= value <= 100)


def share(value: Any) -> bool:
    return number(value) and 0 <= value <= 1


#: What the reader takes of each item; further keys do it no harm.
FIELDS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "market_map": {
        "nombre_region": region, "nombre_comuna": text, "nombre_empresa": text, "total_afectados": whole,
        "frecuencia": whole, "instability_index": index,
    },
    "time_series": {"mes": month, "nombre_region": region, "afectados": whole},
    "investment_roi": {
        "nombre_region": region, "clientes_afectados": whole, "total_inversión_mmu": number,
        "efficiency_ratio": number, "maturity_note": text,
    },
    "company_ranking": {
        "nombre_empresa": text, "total_eventos": whole, "total_clientes_afectados": whole,
        "promedio_afectados": number,
    },
    "investment_validation": {
        "project": text, "year": whole, "type": text, "delta": lambda value: value is None or number(value),
        "context": text,
    },
    "eda_quality_stats": {"category": text, "count": whole, "percentage": share, "total": whole},
    "eda_projects_dist": {
        "nombre_region": lambda value: region(value) or value == "INTERREGIONAL", "count": whole,
    },
}  # fmt: skip
ORDER: dict[str, Callable[[dict[str, Any]], Any]] = {
    "market_map": lambda item: (item["nombre_region"], item["nombre_comuna"], item["nombre_empresa"]),
    "time_series": lambda item: (item["mes"], item["nombre_region"]),
    "investment_roi": lambda item: -item["efficiency_ratio"],
    "company_ranking": lambda item: -item["total_clientes_afectados"],
    "eda_quality_stats": lambda item: CATEGORIES.index(item["category"]),
    "eda_projects_dist": lambda item: (-item["count"], item["nombre_region"]),
}


@pytest.fixture(scope="module")
def told(project: tuple[Supabase, psycopg.Connection], place: Path) -> Iterator[dict[str, Any]]:
    """Runs with synthetic data: refused, published because told so, and refused for the key; all that was written."""
    supabase, owner = project
    other = supabase.key_for("service_role", "z" * 64)
    owner.execute("CREATE DATABASE warehouse")
    host = f"host={owner.info.host}"
    with replica_run(place) as work:
        work.environment = {
            "DATABASE_URL": f"postgresql://{owner.info.user}:{PASSWORD}@/warehouse?{host}",
            "SUPABASE_URL": supabase.url,
            "SUPABASE_KEY": supabase.service_key,
        }
        screens = [work.must_fail()]
        asked = list(supabase.requests)
        published = work.must(DONE, "--config", "allow_synthetic=True")
        receipt = json.loads((work.folder / DONE).read_text())
        owner.execute("UPDATE dashboard_stats SET data = '[]' WHERE id = 'breaks'")
        (work.folder / DONE).unlink()
        supabase.check_keys = False
        work.environment["SUPABASE_KEY"] = other
        rejected = work.must_fail(DONE, "--config", "allow_synthetic=True", "--show-failed-logs", "--verbose")
        left = (work.folder / DONE).exists()
        supabase.reset()
        work.environment["SUPABASE_KEY"] = supabase.service_key
        screens += [published, rejected, work.must(DONE, "--config", "allow_synthetic=True")]
        yield {
            "work": work, "screens": screens, "asked": asked, "receipt": receipt, "left": left,
            "secrets": {supabase.service_key, other, supabase.secret},
        }  # fmt: skip


@pytest.fixture(scope="module")
def answer(told: dict[str, Any], project: tuple[Supabase, psycopg.Connection]) -> httpx.Response:
    """What the dashboard gets: its request, after the preflight that a browser sends."""
    supabase = project[0]
    address = f"{supabase.url}/rest/v1/dashboard_stats?select=*"
    origin = {"Origin": "https://dashboard.example"}
    names = "accept-profile,apikey,authorization,x-client-info"
    asking = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": names}
    preflight = httpx.options(address, headers=origin | asking)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] in ("*", origin["Origin"])
    allowed = {name.strip().lower() for name in preflight.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(names.split(",")) <= allowed
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
    key = supabase.anon_key
    headers = {"apikey": key, "Authorization": f"Bearer {key}", "Accept-Profile": "public"} | origin
    got = httpx.get(address, headers=headers | {"Accept": "application/json", "X-Client-Info": "supabase-js-web/2"})
    assert got.headers["Access-Control-Allow-Origin"] in ("*", origin["Origin"])
    return got


def data(answer: httpx.Response) -> dict[str, Any]:
    return {row["id"]: row["data"] for row in answer.json()}


def test_the_answer_is_rows_of_bare_arrays(answer: httpx.Response, told: dict[str, Any]) -> None:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    rows = answer.json()
    assert {tuple(sorted(row)) for row in rows} == {("data", "id", "updated_at")}
    assert FIELDS.keys() <= {row["id"] for row in rows}
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(type(row["data"]) is list for row in rows)
    assert all(re.match(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", row["updated_at"]) for row in rows)
    assert not re.search(r"NaN|Infinity", answer.text)


@pytest.mark.parametrize("payload", FIELDS)
def test_every_field_has_its_type(payload: str, answer: httpx.Response) -> None:
    items = data(answer)[payload]
    assert items
    for place, item in enumerate(items):
        for name, right in FIELDS[payload].items():
            assert right(item[name]), f"{payload}[{place}].{name} is {item[name]!r}"


@pytest.mark.parametrize("payload", ORDER)
def test_items_are_in_their_order(payload: str, answer: httpx.Response) -> None:
    items = data(answer)[payload]
    assert items == sorted(items, key=ORDER[payload])
    keys = [json.dumps(item) for item in items]
    assert len(keys) == len(set(keys))


def test_what_the_contract_says_beyond_types(answer: httpx.Response, told: dict[str, Any]) -> None:
    got = data(answer)
    series = {(item["mes"], item["nombre_region"]) for item in got["time_series"]}
    assert len(series) == len(got["time_series"])
    assert {mes for mes, _ in series} == {f"{month}-01" for month in MONTHS}
    assert {(mes, name) for mes in {mes for mes, _ in series} for name in REGIONS if name != "UNKNOWN"} <= series
    customers = pl.read_parquet(told["work"].folder / "results/customers.parquet").filter(mes=MONTHS[-1])
    of_region = dict(customers.select("nombre_region", "clientes").iter_rows())
    for item in got["market_map"]:
        number = of_region.get(item["nombre_region"])
        expected = min(100, 100 * item["total_afectados"] / number) if number else None
        assert item["instability_index"] == (number and pytest.approx(expected))
    assert any(item["instability_index"] for item in got["market_map"])
    assert {item["nombre_region"] for item in got["market_map"]} >= {"O'HIGGINS", "NUBLE", "METROPOLITANA"}
    assert len(got["company_ranking"]) <= 15
    assert "UNKNOWN" not in {item["nombre_empresa"] for item in got["company_ranking"]}
    for item in got["company_ranking"]:
        assert item["promedio_afectados"] == pytest.approx(item["total_clientes_afectados"] / item["total_eventos"])
    for item in got["investment_roi"]:
        ratio = item["clientes_afectados"] / item["total_inversión_mmu"]
        assert item["efficiency_ratio"] == pytest.approx(ratio)
    assert [item["category"] for item in got["eda_quality_stats"]] == CATEGORIES
    for item in got["eda_quality_stats"]:
        assert item["percentage"] == pytest.approx(item["count"] / item["total"])
    works = [work["project"] for work in CONFIG["investments"]["validation"]]
    assert [item["project"] for item in got["investment_validation"]] == works


def test_a_reader_finds_the_digests_that_meta_tells(answer: httpx.Response, told: dict[str, Any]) -> None:
    got = data(answer)
    assert unlike_their_meta(got) == []
    assert got["_meta"][0]["payloads"].keys() == got.keys() - {"_meta"}
    sha256 = told["receipt"]["sha256"]
    assert got["_meta"][0]["payloads"].items() <= sha256.items()


def test_synthetic_data_need_the_setting_on_the_command_line(told: dict[str, Any]) -> None:
    refused, published, *_ = told["screens"]
    assert "SYNTHETIC" in refused
    assert [request for request in told["asked"] if "POST" in request] == []
    assert "sent to supabase" in published
    assert (told["receipt"]["target"], told["receipt"]["synthetic"]) == ("supabase", True)


def test_a_whole_run_writes_no_secret_anywhere(told: dict[str, Any]) -> None:
    work: Work = told["work"]
    assert "PUBLISH_KEY" in told["screens"][2]
    assert not told["left"]
    secrets = set(told["secrets"])
    secrets |= {secret.rpartition(".")[2] for secret in told["secrets"]}
    secrets |= {PASSWORD, "a-pass/word@nobody-is-told", "nobody-is-told"}
    files = [path for path in work.folder.rglob("*") if path.is_file()]
    folders = {path.relative_to(work.folder).parts[0] for path in files}
    assert {"results", ".snakemake", "answers"} <= folders
    assert any("logs/publish" in str(path) for path in files)
    written = {str(path): path.read_bytes() for path in files} | {
        f"screen {n}": screen.encode() for n, screen in enumerate(told["screens"])
    }
    assert [(place, s[:9]) for place, text in written.items() for s in secrets if s.encode() in text] == []
