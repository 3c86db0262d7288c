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
    silver: Sequence[Path], states: Sequence[Path], receipts: Sequence[Mapping[str, Any]], regions: Sequence[str]
) -> Items:
    """The payload `quality`: by month, the regions in order and then the country; files in the order of the receipts.

    What is told of observations is null in a month without an observed hour, and so is the index.
    """
    items = []
    for path, hours, receipt in sorted(zip(silver, states, receipts, strict=True), key=lambda one: one[2]["month"]):
        seen = pl.read_parquet(hours).filter(pl.col("estado") == "observed")
        in_pattern = seen.filter(pl.col("motivo") != "not in pattern")
        common = _of_answers(receipt, seen)
        sums = _of_observations(path, in_pattern)
        shapes = set(in_pattern["formato"])
        for region in [*sorted(region for region in regions if region != "UNKNOWN"), COUNTRY]:
            item: dict[str, Any] = {"mes": f"{receipt['month']}-01", "nombre_region": region}
            item |= _shares(sums.get(region, dict.fromkeys(_SUMS, 0)), shapes) | common
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


def _of_answers(receipt: Mapping[str, Any], seen: pl.DataFrame) -> dict[str, Any]:
    """What holds for the country: coverage, shares of the answers received, and revisions of hours asked again.

    Attempts without an answer (failed, blocked) are no answers. An hour answered once tells nothing of revisions.
    """
    counts = receipt["answers"]
    observed, empty, implausible = (counts.get(name, 0) for name in ("observed", "empty", "implausible"))
    received = observed + empty + implausible
    # Where no row was set aside as implausible, a person has accepted those answers.
    usable = observed + (0 if receipt["rows"]["implausible"] else implausible)
    again = usable - seen.height
    return {
        "coverage": receipt["coverage"],
        "empty_share": empty / received if received else None,
        "implausible_share": implausible / received if received else None,
        "revision_rate": int(seen["revisiones"].sum()) / again if again > 0 else None,
    }


def _of_observations(path: Path, in_pattern: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Sums by region, and of the country, over the observed hours of the pattern."""
    customers, unknown = pl.col("clientes_afectados"), pl.col("codigo_comuna").str.ends_with("000")
    sums = (
        pl.scan_parquet(path)
        .join(in_pattern.lazy().select("hora_utc"), on="hora_utc", how="semi")
        .group_by("nombre_region")
        .agg(
            observations=pl.len().cast(pl.Int64),
            customers=customers.sum(),
            unknown=customers.filter(unknown).sum(),
            ghosts=pl.col("fantasma").sum().cast(pl.Int64),
            dated=(pl.col("formato") == "A").sum().cast(pl.Int64),
        )
        .collect(engine="streaming")
    )
    country = sums.select(pl.lit(COUNTRY).alias("nombre_region"), pl.col(_SUMS).sum())
    return {row.pop("nombre_region"): row for row in pl.concat([sums, country], how="diagonal").to_dicts()}


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
