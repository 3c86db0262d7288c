"""A citable release of a finished run: its files, gathered, described and checksummed; equal runs, equal bytes."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import columns, settings
from .clock import iso
from .crate import CHECKSUMS, METADATA, Facts, Part, write_crate
from .denominators import COUNTRY, sum_of_regions
from .deposit import SYNTHETIC, readme
from .errors import OutagesError
from .files import read_json, replacing, sha256, write_parquet
from .fingerprint import REPOSITORY, workflow_version
from .panel import hours, panel

if TYPE_CHECKING:
    import polars as pl

FOLDER = "release"
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)"
    r"(\.(0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*)?"
)
_MARK = "-synthetic"
#: Copied from the repository, and what each is.
_TEXTS = {
    "data-dictionary.md": ("docs/data-dictionary.md", "Every column and payload key, in words"),
    "methodology.md": ("docs/methodology.md", "Definitions and formulas"),
    "CITATION.cff": ("CITATION.cff", "How to cite the workflow"),
    "LICENSE": ("LICENSE", "Licence of the code, tables and documents"),
    "requirements.lock": ("requirements.lock", "Every library that the workflow runs with, pinned"),
    "Snakefile": ("Snakefile", "Table of contents of the workflow"),
}
#: Section of the data dictionary and what the file is, by name in the release without suffix.
_TABLES = {
    "golden_interrupciones": ("results/gold/golden_interrupciones.parquet", "Events with their high-water marks"),
    "hourly_panel": ("results/release/hourly_panel.parquet", "Customers without supply by observed hour and commune"),
    "hours": ("results/release/hours.parquet", "The state of every hour: observed, gap or unasked"),
    "customers": ("results/customers.parquet", "Customers served by month and region: the denominators"),
}


def release(results: Path, version: str, config: Mapping[str, Any]) -> Path:
    """Build `results`/release and the archive beside it, whole or not at all; the path of the archive.

    `config` is the merged configuration of the run. Raises RELEASE_VERSION, RELEASE_UNFINISHED, RELEASE_CONFIG,
    RELEASE_CODE, RELEASE_TOTALS or RELEASE_COLUMNS, and then changes nothing.
    """
    if not _VERSION.fullmatch(version):
        raise OutagesError("RELEASE_VERSION", f"'{version}' is no version: write one such as 1.2.0.", version=version)
    meta, receipts = _finished(results)
    told = settings.digest(settings.of_figures(config))
    if told != meta["config_sha256"]:
        message = "The run was made with another configuration: name its files by CONFIG=, as the run was given them."
        raise OutagesError("RELEASE_CONFIG", message, given=told, run=meta["config_sha256"])
    if meta["versions"]["workflow"] != workflow_version():
        made, ours = meta["versions"]["workflow"], workflow_version()
        message = f"The run is of version {made}, this checkout of {ours}: run again."
        raise OutagesError("RELEASE_CODE", message, run=made, checkout=ours)
    if meta["synthetic"] and not version.endswith(_MARK):
        version += _MARK
    folder, part = results / FOLDER, results / f".{FOLDER}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        facts = _gather(results, part, version, config, meta, receipts)
        archive = results / f"{facts.name}.zip"
        with replacing(archive) as zipped:
            _zip(part, facts.name, zipped)
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return archive


def _finished(results: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`_meta` and the months' receipts of a run whose files are those that its receipts tell."""
    import polars as pl

    gold = results / "gold"
    try:
        done = read_json(gold / "all.done")["sha256"]
        meta = read_json(gold / "_meta.json")[0]
        receipts = [read_json(results / "silver" / f"{month['month']}.json") for month in meta["months"]]
        expected = {f"gold/{name}.json": digest for name, digest in done.items()}
        agree = {name: digest for name, digest in done.items() if name != "_meta"} == meta["payloads"]
        for month, receipt in zip(meta["months"], receipts, strict=True):
            expected[f"silver/{month['month']}.parquet"] = month["silver_sha256"]
            expected[f"silver/{month['month']}.hours.parquet"] = receipt["hours_sha256"]
            agree = agree and receipt["bronze_sha256"] == month["bronze_sha256"]
        changed = [name for name, digest in expected.items() if sha256(results / name) != digest]
        golden = pl.read_parquet(gold / "golden_interrupciones.parquet")
        customers = pl.read_parquet(results / "customers.parquet")
    except FileNotFoundError as error:
        message = f"{error.filename} is missing: let a run end well first (make gold)."
        raise OutagesError("RELEASE_UNFINISHED", message, file=str(error.filename)) from error
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        message = f"A file of the run in {results} does not read ({error}): run again (make gold)."
        raise OutagesError("RELEASE_UNFINISHED", message) from error
    totals = {name: golden[name].sum() for name in ("clientes_afectados", "clientes_hora")} | {"eventos": golden.height}
    if totals != meta["totals"]:
        changed.append("gold/golden_interrupciones.parquet")
    country = sum_of_regions(customers.iter_rows(named=True))
    if not changed and (_denominators(customers) != _rated(results) or country != meta["customers"]):
        changed.append("customers.parquet")
    if changed or not agree:
        message = f"{', '.join(changed) or 'Receipts'} and what the run told of itself differ: run again (make gold)."
        raise OutagesError("RELEASE_UNFINISHED", message, files=changed)
    return meta, receipts


def _denominators(customers: pl.DataFrame) -> dict[tuple[str, str], tuple[int | None, str]]:
    """(customers, state) by month and region, without the country."""
    return {
        (f"{row['mes']}-01", row["nombre_region"]): (row["clientes"], row["estado"])
        for row in customers.iter_rows(named=True)
        if row["codigo_region"] != COUNTRY
    }


def _rated(results: Path) -> dict[tuple[str, str], tuple[int | None, str]]:
    """The same as the payload of rates tells it."""
    return {
        (item["mes"], item["nombre_region"]): (item["customers"], item["customers_state"])
        for item in read_json(results / "gold" / "rates.json")
        if item["nombre_region"] not in ("CHILE", "UNKNOWN")
    }


def _gather(
    results: Path,
    folder: Path,
    version: str,
    config: Mapping[str, Any],
    meta: dict[str, Any],
    receipts: list[dict[str, Any]],
) -> Facts:
    """Fill `folder`; what is told of it."""
    import yaml

    mark = _MARK if meta["synthetic"] else ""
    frames = _frames(results, receipts)
    known = frames["hours"]
    begin, newest = known["hora_utc"].min(), known.filter(known["estado"] == "observed")["hora_utc"].max()
    if not isinstance(begin, datetime) or not isinstance(newest, datetime):
        raise OutagesError("RELEASE_UNFINISHED", "No hour of the run was observed: there is nothing to release.")
    tables = _put_tables(results, folder, mark, frames)
    payloads = _put_payloads(results, folder, mark, [*meta["payloads"], "_meta"])
    texts = _put_texts(folder, mark, config, {part.path: part.columns for part in [*tables, *payloads] if part.columns})
    facts = Facts(
        name=f"chile-outages-data-{version}",
        version=version,
        begin=iso(begin),
        end=iso(newest + timedelta(hours=1)),
        rows={part.path: frame.height for part, frame in zip(tables, frames.values(), strict=True)},
        meta=meta,
        citation=yaml.safe_load((REPOSITORY / "CITATION.cff").read_text()),
        parts=[*tables, *texts, *payloads],
    )
    (folder / "README.md").write_text(readme(facts, (REPOSITORY / "README.md").read_text()))
    write_crate(folder, facts)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    (folder / CHECKSUMS).write_text("".join(f"{sha256(folder / name)}  {name}\n" for name in names))
    assert {*names, CHECKSUMS} == {METADATA, *(part.path for part in facts.parts)}
    return facts


def _put_tables(results: Path, folder: Path, mark: str, frames: Mapping[str, pl.DataFrame]) -> list[Part]:
    """The Parquet files: copied where the run made them, else written."""
    folder.mkdir(parents=True)
    dictionary, parts = (REPOSITORY / "docs" / "data-dictionary.md").read_text(), []
    for name, frame in frames.items():
        section, what = _TABLES[name]
        path, made = folder / f"{name}{mark}.parquet", results / section.removeprefix("results/")
        if made.parent.name == FOLDER:
            write_parquet(frame, path)
        else:
            shutil.copyfile(made, path)
        parts.append(Part(path.name, what, True, columns.of_parquet(path, dictionary, section)))
    return parts


def _put_payloads(results: Path, folder: Path, mark: str, names: list[str]) -> list[Part]:
    """The payloads and their schemas."""
    (folder / f"payloads{mark}").mkdir()
    (folder / "schemas").mkdir()
    payloads, schemas = [], []
    for name in sorted(names):
        path, schema = f"payloads{mark}/{name}.json", f"schemas/{name}.schema.json"
        shutil.copyfile(results / "gold" / f"{name}.json", folder / path)
        shutil.copyfile(REPOSITORY / "workflow" / "schemas" / "payloads" / f"{name}.schema.json", folder / schema)
        told = read_json(folder / schema)
        payloads.append(Part(path, told["title"], True, columns.of_payload(told), schema))
        schemas.append(Part(schema, f"JSON Schema of {name}"))
    return payloads + schemas


def _put_texts(
    folder: Path, mark: str, config: Mapping[str, Any], described: Mapping[str, Sequence[columns.Column]]
) -> list[Part]:
    """What explains the data and how they were made; README.md and the checksums are named, and written later."""
    import yaml

    (folder / "columns.csv").write_text(columns.as_csv(described))
    (folder / "config.yaml").write_text(yaml.safe_dump(_public(config), allow_unicode=True, sort_keys=True))
    for name, (source, _) in _TEXTS.items():
        shutil.copyfile(REPOSITORY / source, folder / name)
    parts = [
        Part("README.md", "This text"),
        Part("columns.csv", "Every column and payload key with type, unit, meaning and when it is null, for machines"),
        *(Part(name, what) for name, (_, what) in _TEXTS.items()),
        Part("config.yaml", "The configuration of the run"),
        Part(CHECKSUMS, "sha256 of every file but itself"),
    ]
    if mark:
        (folder / "SYNTHETIC.md").write_text(SYNTHETIC + "\n")
        parts.insert(0, Part("SYNTHETIC.md", "A warning: nothing here is real"))
    return parts


def _frames(results: Path, receipts: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    import polars as pl

    silver = [results / "silver" / f"{receipt['month']}.parquet" for receipt in receipts]
    known = hours([path.with_suffix(".hours.parquet") for path in silver], receipts)
    return {
        "golden_interrupciones": pl.read_parquet(results / "gold" / "golden_interrupciones.parquet"),
        "hourly_panel": panel(silver, known),
        "hours": known,
        "customers": pl.read_parquet(results / "customers.parquet"),
    }


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the contact, and without addresses that mean something on that machine only."""
    source = {key: value for key, value in config["source"].items() if key not in ("contact", "path")}
    if source["kind"] != "sec":
        del source["url"]
    return {**config, "source": source}


def _zip(folder: Path, name: str, archive: Path) -> None:
    """The folder as one file, stored without compression: how zlib compresses differs from machine to machine."""
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder)}", (1980, 1, 1, 0, 0, 0))
                entry.create_system, entry.external_attr = 3, 0o644 << 16
                with path.open("rb") as source, zipped.open(entry, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target)
