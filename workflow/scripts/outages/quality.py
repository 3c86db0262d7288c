"""How far the figures of a month can be trusted: shares by region, and one index with published weights.

An answer covers the whole country, so coverage, the shares of answers and revisions are equal for all regions of a
month. Shares 0-1, index 0-100. Definitions: docs/methodology.md.
# ASSUME the weights are a judgement, not an estimate: half for what was not seen, half for what was seen badly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from .once import read_once

Items = list[dict[str, Any]]

COUNTRY = "CHILE"
#: Weight of each part of the index; of parts that are not known the others take over the weight in proportion.
WEIGHTS = {
    "coverage": 0.5,
    "unknown_share": 0.15,
    "implausible_share": 0.1,
    "ghost_share": 0.1,
    "revision_rate": 0.1,
    "empty_share": 0.05,
}
_SUMS = ["observations", "customers", "unknown", "ghosts", "dated"]


def quality(
    sums: Sequence[Path], states: Sequence[Path], receipts: Sequence[Mapping[str, Any]], regions: Sequence[str]
) -> Items:
    """The payload `quality`: by month, the regions in order and then the country; files in the order of the receipts.

    `sums` are the months' sums by region (regional.py). What is told of observations is null in a month without an
    observed hour, and so is the index.
    """
    items = []
    held, seen = _of_observations(sums), _of_hours(states)
    for path, hours, receipt in sorted(zip(sums, states, receipts, strict=True), key=lambda one: one[2]["month"]):
        answered, revised, shapes = seen.get(str(hours), (0, 0, set()))
        common = _of_answers(receipt, answered, revised)
        for region in [*sorted(region for region in regions if region != "UNKNOWN"), COUNTRY]:
            item: dict[str, Any] = {"mes": f"{receipt['month']}-01", "nombre_region": region}
            item |= _shares(held.get((str(path), region), dict.fromkeys(_SUMS, 0)), shapes) | common
            parts = {name: item[name] for name in WEIGHTS if item[name] is not None}
            total = sum(WEIGHTS[name] for name in parts)
            item["quality_index"] = index(parts) if shapes else None
            if region == COUNTRY:
                item["weights"] = {name: round(WEIGHTS[name] / total, 6) for name in parts} if shapes else {}
            items.append({key: round(one, 6) if isinstance(one, float) else one for key, one in item.items()})
    return items


def index(parts: Mapping[str, float]) -> float:
    """0 (worst) to 100: the weighted mean of coverage and of 1 - share of what is wrong, over the known parts."""
    total = sum(WEIGHTS[name] for name in parts)
    good = sum(WEIGHTS[name] * (share if name == "coverage" else 1 - share) for name, share in parts.items())
    return 100 * good / total


def _of_hours(states: Sequence[Path]) -> dict[str, tuple[int, int, set[str]]]:
    """Of each file of states: hours observed, their revisions, and the shapes of those that the pattern asks for."""
    if not states:
        return {}
    asked = pl.col("motivo") != "not in pattern"
    hours = (
        read_once(states)
        .filter(pl.col("estado") == "observed")
        .group_by("file")
        .agg(pl.len(), pl.col("revisiones").sum(), pl.col("formato").filter(asked).unique())
        .collect()
    )
    return {file: (answered, revised, set(shapes)) for file, answered, revised, shapes in hours.iter_rows()}


def _of_answers(receipt: Mapping[str, Any], seen: int, revised: int) -> dict[str, Any]:
    """What holds for the country: coverage, shares of the answers received, and revisions of hours asked again.

    Attempts without an answer (failed, blocked) are no answers. An hour answered once tells nothing of revisions.
    """
    counts = receipt["answers"]
    observed, empty, implausible = (counts.get(name, 0) for name in ("observed", "empty", "implausible"))
    received = observed + empty + implausible
    # Where no row was set aside as implausible, a person has accepted those answers.
    usable = observed + (0 if receipt["rows"]["implausible"] else implausible)
    again = usable - seen
    return {
        "coverage": receipt["coverage"],
        "empty_share": empty / received if received else None,
        "implausible_share": implausible / received if received else None,
        "revision_rate": revised / again if again > 0 else None,
    }


def _of_observations(sums: Sequence[Path]) -> dict[tuple[str, str], dict[str, int]]:
    """Sums by file and region, and of the country, over the observed hours of the pattern."""
    if not sums:
        return {}
    by_region = (
        read_once(sums)
        .group_by("file", "nombre_region")
        .agg(
            observations=pl.col("observaciones").sum(),
            customers=pl.col("clientes").sum(),
            unknown=pl.col("clientes_desconocidos").sum(),
            ghosts=pl.col("fantasmas").sum(),
            dated=pl.col("con_fecha").sum(),
        )
        .collect()
    )
    country = by_region.group_by("file").agg(pl.lit(COUNTRY).alias("nombre_region"), pl.col(_SUMS).sum())
    rows = pl.concat([by_region, country], how="diagonal").to_dicts()
    return {(row.pop("file"), row.pop("nombre_region")): row for row in rows}


def _shares(sums: Mapping[str, int], shapes: set[str]) -> dict[str, Any]:
    """Of nothing reported in an observed month, nothing is unknown and nothing a ghost: 0, not null."""
    nothing = dict.fromkeys(("observations", "unknown_share", "ghost_share"))
    if not shapes:
        return nothing
    return {
        "observations": sums["observations"],
        "unknown_share": sums["unknown"] / sums["customers"] if sums["customers"] else 0.0,
        # Shape B has no start date: whether something is a ghost cannot be told.
        "ghost_share": (sums["ghosts"] / sums["dated"] if sums["dated"] else 0.0) if "A" in shapes else None,
    }
