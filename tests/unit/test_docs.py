"""The documents say what the code does: codes, columns, settings, links, the environment, and no stray addresses."""

import ast
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import customers
import msgspec
import polars as pl
import pytest
import yaml
from outages.denominators import Value, table
from outages.events import GOLDEN_SCHEMA, events, timeline
from outages.names import Names
from outages.parts import parts_of
from outages.regional import REGIONS_SCHEMA, by_region
from outages.silver import FLAGS, HOURS_SCHEMA, KEY, Reading, hour_states, observe, read_answers, reconcile
from outages.store import Answer
from outages.targets import ADVICE
from outages.warehouse import TABLES

from tests.environment import environment
from tests.unit.answers import answer, row_a, row_b
from tests.unit.months import Months

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
DICTIONARY = (ROOT / "docs" / "data-dictionary.md").read_text()
ERRORS = (ROOT / "docs" / "error-codes.md").read_text()
SETTINGS = (ROOT / "docs" / "configuration.md").read_text()
#: How the dictionary writes the types of Polars.
TYPES = {
    pl.String: "text", pl.Date: "date", pl.Boolean: "bool", pl.Int8: "int8", pl.Int32: "int32", pl.Int64: "int64",
    pl.Datetime("us", "UTC"): "timestamp UTC",
}  # fmt: skip
#: The halves are joined when looked for, so that this file does not hold them.
STRAY = (("../", "shared"), ("pypi.org/", "simple"), ("registry.", "npmjs.org"), ("files.", "pythonhosted.org"))


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    return [ROOT / name for name in listed if name and not name.startswith(".ci/") and (ROOT / name).is_file()]


def first_cells(text: str) -> list[str]:
    """What stands in backticks in the first column of the tables, in order."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def section(title: str) -> str:
    """The text under a second-level heading of the dictionary."""
    found = re.search(rf"^## [^\n]*`{re.escape(title)}`[^\n]*\n(.*?)(?=^#|\Z)", DICTIONARY, re.MULTILINE | re.DOTALL)
    assert found, f"docs/data-dictionary.md has no section `{title}`"
    return found[1]


def told(title: str) -> dict[str, tuple[str, bool]]:
    """Column -> (type, whether it may be null) of the table under a heading of the dictionary."""
    found = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|.*\| ([^|]+) \|$", section(title), re.MULTILINE)
    return {name: (kind, null != "no") for name, kind, null in found}


def of_frame(frame: pl.DataFrame) -> dict[str, tuple[str, bool]]:
    """The same of a frame that has a null in every column that may hold one."""
    return {name: (TYPES[kind], frame[name].null_count() > 0) for name, kind in frame.schema.items()}


def keys(schema: Any) -> Iterator[str]:
    """Every property of a JSON schema, those of items and alternatives too."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from keys(part)


def calls() -> Iterator[ast.Call]:
    for path in sorted(SCRIPTS.rglob("*.py")):
        yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def error_classes() -> set[str]:
    """OutagesError and every class that comes of it, by name."""
    known = {"OutagesError"}
    classes = [
        node
        for path in SCRIPTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    while more := {c.name for c in classes if {ast.unparse(base) for base in c.bases} & known} - known:
        known |= more
    return known


def codes() -> set[str]:
    """Every code: first arguments of errors, `code=` of any call, and those that a target chooses by the answer."""
    found, errors = set(ADVICE), error_classes()
    for call in calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        values = [word.value for word in call.keywords if word.arg == "code"]
        values += call.args[:1] if name in errors else []
        found |= {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}
    return found


def settings(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        yield prefix + name
        yield from settings(part, f"{prefix}{name}.")
        yield from settings(part.get("items", {}), f"{prefix}{name}[].")


def test_every_error_code_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| `([A-Z][A-Z_]+)` \|", ERRORS, re.MULTILINE)
    assert len(explained) == len(set(explained)), "a code is explained twice"
    assert set(explained) == codes()


def test_every_setting_is_explained_and_no_other() -> None:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert first_cells(SETTINGS) == list(settings(schema))


#: What dedupe adds to its receipt once the files are there.
DIGESTS = tuple(f"{name}_sha256" for name in ("bronze", "silver", "regions", "parts", "hours"))


def test_every_column_of_silver_and_its_receipt_is_explained() -> None:
    observations, counts = observe(Reading(), Names.load(ROOT / "resources"), {}, 7)
    assert observations.columns[: len(KEY)] == KEY and observations.columns[-len(FLAGS) :] == FLAGS
    assert first_cells(section("results/silver/{month}.parquet")) == observations.columns
    states = hour_states("2025-01", Reading(), observations, "all", datetime(2025, 2, 1, tzinfo=UTC))
    receipt = reconcile("2025-01", Reading(), observations, states, counts, "all", "")
    assert set(first_cells(section("results/silver/{month}.json"))) == {*receipt, *DIGESTS}


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("results/bronze/{month}.jsonl.zst", [field.name for field in msgspec.structs.fields(Answer)]),
        ("results/silver/{month}.regions.parquet", list(REGIONS_SCHEMA)),
        ("results/silver/{month}.hours.parquet", list(HOURS_SCHEMA)),
        ("results/gold/golden_interrupciones.parquet", list(GOLDEN_SCHEMA)),
        ("results/customers.parquet", list(customers.SCHEMA)),
    ],
)
def test_every_column_of_a_file_is_explained(title: str, columns: list[str]) -> None:
    assert first_cells(section(title)) == columns


def test_types_and_nulls_of_files_are_told(tmp_path: Path) -> None:
    """Of files with both shapes, gaps, hours that were not asked and unknown customers."""
    reading = read_answers(
        [
            answer("2025-01-01", 0, row_a(), row_a("Ninguna", None, inicio=None)),
            answer("2025-01-01", 1, row_b()),
            answer("2025-01-01", 2, source="recorded"),
        ],
        False,
    )
    observations, counts = observe(reading, Names.load(ROOT / "resources"), {}, 7)
    assert told("results/silver/{month}.parquet") == of_frame(observations)
    states = hour_states("2025-01", reading, observations, "all", datetime(2025, 2, 1, tzinfo=UTC))
    assert set(states["estado"]) == {"observed", "gap", "unasked"}
    assert told("results/silver/{month}.hours.parquet") == of_frame(states)
    assert told("results/silver/{month}.parts.parquet") == of_frame(parts_of(observations, states, 1))
    assert told("results/silver/{month}.regions.parquet") == of_frame(by_region(observations, states))

    months = Months(tmp_path).add("2025-01", [500, 500, None, 500, 0, 0, 0], shapes="AABBBBB")
    golden = events(months.parts, months.silver, timeline([(months.states[0], 1)], 6), 100, 2)
    assert set(golden["formato"]) == {"A", "B"}
    assert told("results/gold/golden_interrupciones.parquet") == of_frame(golden)

    values = table(["2025-01"], {"03": "ATACAMA", "13": "METROPOLITANA"}, [Value("2025-01", "03", 1, "CNE", True)])
    assert told("results/customers.parquet") == of_frame(pl.DataFrame(values, schema=customers.SCHEMA))

    fields = {one.name: one.type for one in msgspec.structs.fields(Answer)}
    assert told("results/bronze/{month}.jsonl.zst") == {
        name: ("int" if "int" in str(kind) else "text", "None" in str(kind)) for name, kind in fields.items()
    }
    receipt = reconcile("2025-01", reading, observations, states, counts, "all", "")
    nothing = reconcile("2025-01", reading, observations, states.clear(), counts, "all", "")
    assert [name for name, value in nothing.items() if value is None] == ["coverage"]
    kinds = {str: "text", int: "int", float: "number", list: "list", dict: "object"}
    written = {name: (kinds[type(value)], name == "coverage") for name, value in receipt.items()}
    written |= {"pattern": ("text or list", False)}
    written |= dict.fromkeys(DIGESTS, ("text", False))
    assert told("results/silver/{month}.json") == written


def test_every_column_of_a_table_is_explained() -> None:
    sql = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/migrations").glob("*.sql")))
    tables = re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", sql, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in tables} | {"schema_migrations"} == set(TABLES)
    for name, body in tables:
        columns = re.findall(r"^    ([a-z]\w*) ", body, re.MULTILINE)
        assert first_cells(section(name)) == columns, name
    assert first_cells(section("schema_migrations")) == ["version", "name", "sha256"]


def test_every_column_of_a_view_is_explained() -> None:
    sql = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/migrations").glob("*.sql")))
    views = re.findall(r"^CREATE VIEW (\w+) (.*?);$", sql, re.MULTILINE | re.DOTALL)
    assert views
    for name, body in views:
        last = body[body.rindex("\nSELECT") :]  # the outermost one stands last and at the margin
        selected = re.findall(r"^    .*?(\w+),?$", last[: last.index("\nFROM")], re.MULTILINE)
        assert first_cells(section(name)) == selected, name


def test_every_payload_is_named() -> None:
    schemas = (ROOT / "workflow/schemas/payloads").glob("*.schema.json")
    payloads = DICTIONARY[DICTIONARY.index("# Payloads") : DICTIONARY.index("# Warehouse")]
    assert set(first_cells(payloads)) == {path.name.removesuffix(".schema.json") for path in schemas}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "workflow/schemas/payloads").glob("*.json")), ids=lambda path: path.name
)
def test_every_key_of_a_payload_is_named(path: Path) -> None:
    payload = path.name.removesuffix(".schema.json")
    [line] = re.findall(rf"^\| `{payload}` \|.*", DICTIONARY[DICTIONARY.index("# Payloads") :], re.MULTILINE)
    schema = msgspec.json.decode(path.read_bytes())
    assert not set(keys(schema)) - set(re.findall(r"`([^`]+)`", line))


def test_links_lead_somewhere() -> None:
    broken = []
    for path in files():
        if path.suffix == ".md":
            for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
                target = link.split("#")[0]
                if target and "://" not in target and not (path.parent / target).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {link}")
    assert not broken


def test_commands_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = [
        f"{path.relative_to(ROOT)}: make {name}"
        for path in files()
        if path.suffix == ".md"
        for name in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE)
        if name not in targets
    ]
    assert not unknown


def test_the_conda_view_is_that_of_the_lock() -> None:
    assert (ROOT / "environment.yml").read_text() == environment(ROOT / "requirements.lock")


def test_no_stray_addresses() -> None:
    stray = ["".join(halves) for halves in STRAY]
    found = [
        f"{path.relative_to(ROOT)}: {text}" for path in files() for text in stray if text.encode() in path.read_bytes()
    ]
    assert not found
