"""What a release is made of: citation, columns, panel; and what it refuses."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from outages import columns, deposit, release
from outages.errors import OutagesError
from outages.events import GOLDEN_SCHEMA
from outages.panel import hours, panel

from .months import Months

ROOT = Path(__file__).parents[2]
DICTIONARY = (ROOT / "docs/data-dictionary.md").read_text()


def test_the_citation_is_of_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    preferred = citation["preferred-citation"]
    assert citation["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for key in ("type", "title", "authors", "version", "license"):
        assert preferred[key] == citation[key]


def test_the_limits_are_those_of_the_manual() -> None:
    limits = deposit.limits((ROOT / "README.md").read_text()).splitlines()
    assert len(limits) > 5
    assert all(line.startswith("* ") for line in limits)
    assert not [line for line in limits if re.search(r"\]\((?!https?:)", line)]  # links of the repository lead nowhere


@pytest.mark.parametrize(
    "path", sorted((ROOT / "workflow/schemas/payloads").glob("*.json")), ids=lambda path: path.name
)
def test_every_key_of_a_payload_has_a_type_and_a_meaning(path: Path) -> None:
    schema = json.loads(path.read_text())
    found = columns.of_payload(schema)
    assert [column.name for column in found] == list(schema["items"]["properties"])
    assert all(column.type and column.description and column.null in ("no", "possible") for column in found)
    assert schema["title"]


def test_types_of_a_payload_s_keys() -> None:
    properties: dict[str, Any] = {
        "a": {"type": ["integer", "null"], "description": "`x` of [y](z)"},
        "b": {"enum": ["one", None], "description": "b"},
        "c": {"oneOf": [{"const": "all"}, {"type": "array"}], "description": "c"},
    }
    assert columns.of_payload({"items": {"properties": properties}}) == [
        columns.Column("a", "integer", "", "possible", "x of y"),
        columns.Column("b", "string", "", "possible", "b"),
        columns.Column("c", "array/string", "", "no", "c"),
    ]


def test_columns_of_a_file_that_the_dictionary_does_not_tell(tmp_path: Path) -> None:
    title = "results/gold/golden_interrupciones.parquet"
    path = tmp_path / "events.parquet"
    frame = pl.DataFrame(schema=GOLDEN_SCHEMA)
    frame.write_parquet(path)
    assert [column.name for column in columns.of_parquet(path, DICTIONARY, title)] == list(GOLDEN_SCHEMA)
    for other in (frame.drop("fin"), frame.cast({"clientes_hora": pl.Int32}), frame.select(reversed(frame.columns))):
        other.write_parquet(path)
        with pytest.raises(OutagesError, match="RELEASE_COLUMNS"):
            columns.of_parquet(path, DICTIONARY, title)
    with pytest.raises(OutagesError, match="RELEASE_COLUMNS"):
        columns.of_parquet(path, DICTIONARY, "results/nothing.parquet")


def test_the_panel_sums_companies_and_is_told_when_it_does_not_add_up(tmp_path: Path) -> None:
    two = {("03101", "CGE"): 500, ("03101", "EMELAT"): 40, ("03102", "CGE"): 7}
    months = Months(tmp_path).add("2025-01", [two, None, 0, 300, 20], shapes="AAABB")
    for path in months.silver:
        pl.read_parquet(path).with_columns(clientes_reportados="clientes_afectados").write_parquet(path)
    known = hours(months.states, [{"month": "2025-01", "step_hours": 1}])
    country = pl.Series("clientes", [547, None, 0, 300, 20], pl.Int64).extend_constant(None, known.height - 5)
    known = known.with_columns(country)
    assert (known.height, known["paso_horas"].unique().to_list()) == (31 * 24, [1])
    found = panel(months.silver, known).filter(pl.col("clientes_afectados") > 0)
    assert found.select("codigo_comuna", "formato", "clientes_afectados", "clientes_fantasma").rows() == [
        ("03101", "A", 540, 0), ("03102", "A", 7, 0), ("03101", "B", 300, None), ("03101", "B", 20, None),
    ]  # fmt: skip
    with pytest.raises(OutagesError, match="RELEASE_TOTALS"):
        panel(months.silver, known.with_columns(pl.col("clientes") + 1))
    unknown = pl.when(pl.col("hora_utc") != known["hora_utc"][0]).then("clientes").alias("clientes")
    with pytest.raises(OutagesError, match=r"RELEASE_TOTALS: .* in 1 hours"):
        panel(months.silver, known.with_columns(unknown))


def test_versions(tmp_path: Path) -> None:
    for good in ("0.1.0", "1.2.0", "10.20.30-rc.1", "1.2.0-synthetic"):
        with pytest.raises(OutagesError, match="RELEASE_UNFINISHED"):  # the version is right, there is no run
            release.release(tmp_path, good, {})
    for bad in ("1", "1.2", "01.2.3", "1.2.3 ", "1.2.3-", "1.2.3-01", "latest"):
        with pytest.raises(OutagesError, match="RELEASE_VERSION"):
            release.release(tmp_path, bad, {})


def test_a_run_of_another_version_of_the_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config: dict[str, Any] = dict.fromkeys(
        ("months", "hours", "accept_implausible", "customers", "events", "investments")
    )
    config["quality"] = {"ghost_days": 7}
    meta = {"config_sha256": release.settings.digest(release.settings.of_figures(config)), "synthetic": False}
    monkeypatch.setattr(release, "_finished", lambda results: ({**meta, "versions": {"workflow": "0.0.1"}}, []))
    with pytest.raises(OutagesError, match=r"RELEASE_CODE: .* 0\.0\.1"):
        release.release(tmp_path, "1.0.0", config)
