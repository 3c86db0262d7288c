"""The README of a release: what is in it, how to cite it, what it covers, and what it cannot tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .crate import LAW, SOURCE, Facts
from .shares import percent

SYNTHETIC = (
    "> **SYNTHETIC DATA. Every figure in this release comes from a replica of the source and none is real. "
    "Do not cite it, do not publish it as data of Chile.**"
)


def readme(facts: Facts, manual: str) -> str:
    """README.md of the release; the limits are those of `manual`, the README of the workflow.

    The files of `facts.parts` are listed in their order.
    """
    parts = [f"# {facts.title}", f"Version {facts.version}."]
    if facts.synthetic:
        parts.append(SYNTHETIC)
    parts += [
        "Customers without electricity supply in Chile by hour and commune, the events made of them, and figures "
        "computed from these, from the hourly answers of the regulator, the Superintendencia de Electricidad y "
        f"Combustibles (SEC). Hours from {facts.begin} to {facts.end}.",
        f"## How to cite\n\n{_cite(facts)}",
        f"## Files\n\n{_files(facts)}",
        "Check them all: `sha256sum -c SHA256SUMS`.",
        f"## Three states of an hour\n\n{_states(facts)}",
        f"## Coverage\n\n{_coverage(facts.meta['months'])}",
        f"## Breaks\n\n{_breaks(facts.meta['breaks'])}",
        f"## Limits\n\n{limits(manual)}",
        f"## Licence\n\n{_licence()}",
        f"## How it was made\n\n{_made(facts)}",
    ]
    return "\n\n".join(parts) + "\n"


def limits(manual: str) -> str:
    """The section "Known limits" of the workflow's README."""
    found = re.search(r"^## Known limits\n+(.*?)\n+(?=## )", manual, re.MULTILINE | re.DOTALL)
    assert found, "the README of the workflow has no section Known limits"
    return found[1]


def _authors(facts: Facts) -> str:
    names = [one.get("name") or f"{one['family-names']}, {one['given-names']}" for one in facts.citation["authors"]]
    return "; ".join(names)


def _cite(facts: Facts) -> str:
    authors, commit = _authors(facts), facts.meta["commit"]
    software = f"{facts.citation['title']}, version {facts.workflow_version}"
    return (
        "Cite all three; year and DOI are those of the deposit.\n\n"
        "* The source: Superintendencia de Electricidad y Combustibles (SEC), Chile. *Interrupciones en Línea*. "
        f"<{SOURCE}>\n"
        f"* The data: {authors} (year). *{facts.title}*, version {facts.version} [Data set]. DOI\n"
        f"* The workflow: {authors}. *{software}*{f', commit {commit}' if commit else ''} [Software]. See CITATION.cff."
    )


def _files(facts: Facts) -> str:
    told = {path: f"{rows:,}" for path, rows in facts.rows.items()}
    rows = [f"| `{part.path}` | {told.get(part.path, '')} | {part.description} |" for part in facts.parts]
    return "\n".join(["| file | rows | what |", "|---|---|---|", *rows])


def _states(facts: Facts) -> str:
    panel, hours = (next(part.path for part in facts.parts if part.path.startswith(name)) for name in PANEL)
    return (
        f"`{hours}` has every hour of the period with its state: `observed`, `gap` (asked, no usable answer) or "
        f"`unasked`. `{panel}` has a row for each commune that an observed hour names. A commune without a row had 0 "
        "customers out in an observed hour; in the other two states nothing is known, and 0 would be wrong. Begin with "
        "the observed hours and join the panel to them:\n\n"
        "```sql\n"
        "SELECT h.hora_utc, coalesce(sum(p.clientes_afectados), 0) AS customers\n"
        f"FROM '{hours}' AS h\n"
        f"LEFT JOIN '{panel}' AS p ON p.hora_utc = h.hora_utc AND p.nombre_region = 'VALPARAISO'\n"
        "WHERE h.estado = 'observed' GROUP BY ALL ORDER BY ALL;\n"
        "```\n\n"
        "A snapshot stands for `paso_horas` hours, so that customer-hours are customers × `paso_horas`. Events and "
        "payloads leave out hours whose `motivo` is `not in pattern`."
    )


PANEL = ("hourly_panel", "hours")


def _coverage(months: Sequence[dict[str, Any]]) -> str:
    rows = [
        f"| {month['month']} | {month['observed']:,} | {month['gap']:,} | {month['unasked']:,} "
        f"| {'' if month['coverage'] is None else percent(month['coverage'], 2) + '%'} "
        f"| {', '.join(f'{shape} {hours:,}' for shape, hours in sorted(month['shapes'].items()))} |"
        for month in months
    ]
    head = "| month | observed | gap | unasked | coverage | observed hours by shape |\n|---|---|---|---|---|---|"
    return f"Hours that the pattern asks for. Months are local (America/Santiago).\n\n{head}\n" + "\n".join(rows)


def _breaks(breaks: Sequence[dict[str, str]]) -> str:
    if not breaks:
        return "None is known. See the limits below."
    lines = [f"* {one['mes']}: {one['reason']}" for one in breaks]
    return "What lies before and after one of these months is not one series.\n\n" + "\n".join(lines)


def _licence() -> str:
    return (
        f"The answers are public information of SEC under [Ley 20.285]({LAW}); cite SEC as their source. Code, tables "
        "and documents of the workflow: MIT, see LICENSE. SEC has no part in this project."
    )


def _made(facts: Facts) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(facts.meta["versions"].items()))
    commit = facts.meta["commit"] or "not known"
    changed = " (+: and changes that the commit does not hold)" if commit.endswith("+") else ""
    return (
        f"Commit {commit}{changed}; {versions}. `config.yaml` is the run's whole configuration, "
        "without the contact and the addresses of the machine that it ran on; what the figures depend on is that of "
        f"`config_sha256` in `_meta` ({facts.meta['config_sha256']}). `requirements.lock` pins every library. "
        "`ro-crate-metadata.json` tells all of this to machines, and the digests of the answers. Built again from the "
        "same run, this release has the same bytes: no clock goes into it."
    )
