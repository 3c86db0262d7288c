"""The RO-Crate of a release: every file with its columns, licences, the workflow, and the run that made it.

RO-Crate 1.3 with the profiles Workflow RO-Crate and Workflow Run Crate. No clock and no random id goes into it: equal
files give equal bytes. https://w3id.org/ro/crate, https://w3id.org/ro/wfrun/workflow
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .columns import Column
from .files import sha256

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

METADATA = "ro-crate-metadata.json"
CHECKSUMS = "SHA256SUMS"
SOURCE = "https://apps.sec.cl/INTONLINEv1/"
LAW = "https://www.bcn.cl/leychile/navegar?idNorma=276363"
MIT = "https://spdx.org/licenses/MIT"
_PROFILES = ("process", "workflow")
_FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".cff": "application/yaml",
}


@dataclass(frozen=True)
class Part:
    """A file of the release: its path in the folder, what it is, and of a table the columns."""

    path: str
    description: str
    data: bool = False
    columns: Sequence[Column] = ()
    schema: str | None = None


@dataclass(frozen=True)
class Facts:
    """What is told of a release; `meta` is the object of `_meta`, `citation` that of CITATION.cff."""

    name: str
    version: str
    begin: str
    end: str
    rows: Mapping[str, int]
    meta: Mapping[str, Any]
    citation: Mapping[str, Any]
    parts: Sequence[Part] = field(default_factory=list)

    @property
    def synthetic(self) -> bool:
        """Whether the answers come from the replica."""
        return bool(self.meta["synthetic"])

    @property
    def title(self) -> str:
        """The name of the data set, with the mark of synthetic data."""
        months = [month["month"] for month in self.meta["months"]]
        mark = "SYNTHETIC, NOT REAL: " if self.synthetic else ""
        return f"{mark}Power outages of Chile by hour and commune, {months[0]} to {months[-1]}"

    @property
    def workflow_version(self) -> str:
        """The version of the workflow that made the data."""
        return str(self.meta["versions"]["workflow"])


def write_crate(folder: Path, facts: Facts) -> None:
    """Write ro-crate-metadata.json of the files that lie in `folder`; SHA256SUMS is named, and written after it."""
    from rocrate.rocrate import ROCrate

    crate = ROCrate()
    authors = [_author(crate, author) for author in facts.citation["authors"]]
    law = _add(crate, LAW, "CreativeWork", name="Ley 20.285: public information of Chile; SEC is to be cited")
    mit = _add(crate, MIT, "CreativeWork", name="MIT License", identifier="MIT")
    workflow = _workflow(crate, folder, facts, authors, mit)
    files = {"Snakefile": workflow}
    for part in sorted(facts.parts, key=lambda part: part.path):
        if part.path != workflow.id:
            files[part.path] = _file(crate, folder, part, law if part.data else mit)
    source = _add(crate, SOURCE, "CreativeWork", name="Interrupciones en Línea, Superintendencia de Electricidad y "
                  "Combustibles (SEC)", url=SOURCE, license=law)  # fmt: skip
    place = _add(crate, "https://www.wikidata.org/wiki/Q298", "Place", name="Chile")
    root = crate.root_dataset
    told = {
        "name": facts.title,
        "alternateName": facts.name,
        "description": _description(facts),
        "version": facts.version,
        "identifier": facts.name,
        "datePublished": facts.end,  # the end of the newest observed hour: no clock goes into a release
        "license": [law, mit],
        "author": authors,
        "creditText": "Source of the answers: Superintendencia de Electricidad y Combustibles (SEC), Chile",
        "isBasedOn": source,
        "spatialCoverage": place,
        "temporalCoverage": f"{facts.begin}/{facts.end}",
        "keywords": [*facts.citation["keywords"], *(["SYNTHETIC", "not real"] if facts.synthetic else [])],
        "mentions": [_run(crate, facts, workflow, files, authors)],
    }
    if facts.synthetic:
        told["creativeWorkStatus"] = "SYNTHETIC: made from a replica of the source; no figure is real"
    for key, value in told.items():
        root[key] = value
    for name in _PROFILES:
        profile = f"https://w3id.org/ro/wfrun/{name}/0.6"
        root.append_to(
            "conformsTo",
            _add(crate, profile, ["CreativeWork", "Profile"], name=f"{name.title()} Run Crate", version="0.6"),
        )
    crate.metadata.write(folder)


def _add(crate: ROCrate, identifier: str, kind: str | list[str], /, **properties: Any) -> Any:
    from rocrate.model import ContextEntity

    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _author(crate: ROCrate, author: Mapping[str, str]) -> Any:
    """An author of CITATION.cff: a body by `name`, a person by given and family names."""
    name = author.get("name") or f"{author['given-names']} {author['family-names']}"
    kind = "Organization" if "name" in author else "Person"
    return _add(crate, author.get("orcid") or f"#{'-'.join(name.lower().split())}", kind, name=name)


def _workflow(crate: ROCrate, folder: Path, facts: Facts, authors: list[Any], licence: Any) -> Any:
    """The Snakefile as the crate's main entity, with version, commit, repository and the libraries that count."""
    versions = facts.meta["versions"]
    libraries = [
        _add(crate, f"#{name}-{version}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in sorted(versions.items())
        if name != "workflow"
    ]
    path = folder / "Snakefile"
    properties = {
        "name": facts.citation["title"],
        "description": "Table of contents of the workflow; the rest of it is that of this version and commit.",
        "version": facts.workflow_version,
        "identifier": f"git commit {facts.meta['commit'] or 'not known'}",
        "license": licence,
        "creator": authors,
        "softwareRequirements": libraries,
        "encodingFormat": "text/plain",
        "contentSize": str(path.stat().st_size),
        "sha256": sha256(path),
    }
    if "repository-code" in facts.citation:
        properties["codeRepository"] = facts.citation["repository-code"]
    return crate.add_workflow(
        path, "Snakefile", properties=properties, main=True, lang="snakemake", lang_version=versions["snakemake"]
    )


def _file(crate: ROCrate, folder: Path, part: Part, licence: Any) -> Any:
    """A file with size, digest and columns; SHA256SUMS, which holds the digest of the crate, has neither."""
    path = folder / part.path
    properties: dict[str, Any] = {
        "name": part.path,
        "description": part.description,
        "encodingFormat": _FORMATS.get(path.suffix, "text/plain"),
        "license": licence,
    }
    if part.path != CHECKSUMS:
        properties |= {"contentSize": str(path.stat().st_size), "sha256": sha256(path)}
    if part.schema:
        properties["conformsTo"] = {"@id": part.schema}
    if part.columns:
        properties["variableMeasured"] = [_variable(crate, part.path, column) for column in part.columns]
    return crate.add_file(path, part.path, properties=properties)


def _variable(crate: ROCrate, file: str, column: Column) -> Any:
    null = "never null" if column.null == "no" else f"null: {column.null}"
    properties = {
        "name": column.name,
        "description": f"{column.description}; {null}" if column.description else null,
        "additionalType": column.type,
    }
    if column.unit:
        properties["unitText"] = column.unit
    return _add(crate, f"#{file}/{column.name}", "PropertyValue", **properties)


def _run(crate: ROCrate, facts: Facts, workflow: Any, files: Mapping[str, Any], authors: list[Any]) -> Any:
    """The run: the workflow made the data from sealed answers, which digests name, and from the configuration."""
    answers = [
        _add(
            crate,
            f"#bronze-{month['month']}",
            "CreativeWork",
            name=f"Answers of the source in {month['month']}, verbatim (bronze; not part of this release)",
            sha256=month["bronze_sha256"],
            temporalCoverage=month["month"],
        )
        for month in facts.meta["months"]
    ]
    return crate.add_action(
        workflow,
        "#run",
        object=[*answers, files["config.yaml"]],
        result=[files[part.path] for part in facts.parts if part.data],
        properties={
            "name": f"The run that made {facts.name}",
            "description": "When it ran is not told: equal answers, configuration and code give equal bytes.",
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
            "agent": authors,
        },
    )


def _description(facts: Facts) -> str:
    months = facts.meta["months"]
    observed, hours = (
        sum(month["observed"] for month in months),
        sum(month["observed"] + month["gap"] + month["unasked"] for month in months),
    )
    mark = (
        "SYNTHETIC DATA: every figure comes from a replica of the source and none is real. " if facts.synthetic else ""
    )
    return (
        f"{mark}Customers without electricity supply in Chile by hour and commune, the events made of them, and the "
        f"figures computed from these, rebuilt from the hourly answers of the regulator SEC. {observed:,} of {hours:,} "
        "hours were observed; an hour without an answer is a gap and never a zero."
    )
