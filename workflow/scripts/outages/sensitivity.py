"""What the choice of a definition does: totals of the whole period under several thresholds and gaps.

Units: events, customers (sum of high-water marks), customer-hours. The threshold and the gap define events of
shape B alone; ghosts exist in shape A alone, whose events are taken as they are. Definitions: docs/methodology.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl

from .errors import OutagesError
from .events import timeline

#: Customers in a commune that open an event of shape B.
THRESHOLDS = (50, 100, 500, 1000)
#: Hours without data, beyond the step of the pattern, that an event of shape B may span.
GAPS = (0, 2, 6)

Totals = tuple[int, int, int]


def sensitivity(
    golden: pl.DataFrame, silver: Sequence[Path], states: Sequence[Path], receipts: Sequence[Mapping[str, Any]],
    configured: Mapping[str, int],
) -> list[dict[str, Any]]:  # fmt: skip
    """The payload `sensitivity`: totals by threshold, gap, and with ghosts or without; in that order.

    `configured` holds open_customers, close_snapshots and max_gap_hours, the definition of `golden`. Raises TOTALS
    when the totals under that definition are not those of `golden`.
    """
    a, b = golden.filter(pl.col("formato") == "A"), golden.filter(pl.col("formato") == "B")
    with_ghosts, without = _of(a), _of(a.filter(~pl.col("fantasma")))
    chosen = (configured["open_customers"], configured["max_gap_hours"])
    totals = shape_b(silver, states, receipts, configured["close_snapshots"])
    if chosen in totals and totals[chosen] != _of(b):
        raise OutagesError("TOTALS", f"events of shape B: {totals[chosen]} counted anew, the Parquet holds {_of(b)}")
    return [
        {
            "open_customers": opening,
            "max_gap_hours": gap,
            "ghosts": "with" if ghosts else "without",
            "configured": ghosts and (opening, gap) == chosen,
            **{name: of_a[at] + of_b[at] for at, name in enumerate(("events", "customers", "customer_hours"))},
            **dict(zip(("events_b", "customers_b", "customer_hours_b"), of_b, strict=True)),
        }
        for (opening, gap), of_b in sorted(totals.items())
        for ghosts, of_a in ((True, with_ghosts), (False, without))
    ]


def _of(events: pl.DataFrame) -> Totals:
    return events.height, int(events["clientes_afectados"].sum()), int(events["clientes_hora"].sum())


def shape_b(
    silver: Sequence[Path], states: Sequence[Path], receipts: Sequence[Mapping[str, Any]], close_snapshots: int
) -> dict[tuple[int, int], Totals]:
    """Totals of the events of shape B by (threshold, gap): what `events` would find, counted without building them.

    Only values of at least the smallest threshold are held, each with the customer-hours of its commune up to it:
    an event's are the difference between its ends.
    """
    by_month = sorted(zip(silver, states, receipts, strict=True), key=lambda one: str(one[2]["month"]))
    of_b = [path for path, _, receipt in by_month if "B" in receipt["shapes"]]
    if not of_b:
        return dict.fromkeys(product(THRESHOLDS, GAPS), (0, 0, 0))
    hours = [(path, receipt["step_hours"]) for _, path, receipt in by_month]
    lines = {gap: timeline(hours, gap) for gap in GAPS}
    snapshots = lines[GAPS[0]].select("hora_utc", "k", "step")
    snapshots = snapshots.with_columns(lines[gap]["stretch"].alias(f"stretch_{gap}") for gap in GAPS)
    values = _values(of_b, snapshots)
    found = {}
    for opening in THRESHOLDS:
        above = values.filter(pl.col("v") >= opening)
        near = (pl.col("commune") == pl.col("commune").shift(1)) & (
            pl.col("k") - pl.col("k").shift(1) <= close_snapshots
        )
        for gap in GAPS:
            goes_on = near & (pl.col(f"stretch_{gap}") == pl.col(f"stretch_{gap}").shift(1))
            each = (
                above.with_columns(event=(~goes_on.fill_null(False)).cum_sum())
                .group_by("event")
                .agg(
                    peak=pl.col("v").max(),
                    customer_hours=pl.col("upto").last() - pl.col("upto").first() + pl.col("own").first(),
                )
            )
            found[opening, gap] = (each.height, int(each["peak"].sum()), int(each["customer_hours"].sum()))
    return found


def _values(silver: Sequence[Path], snapshots: pl.DataFrame) -> pl.DataFrame:
    """Values of shape B of at least the smallest threshold, by commune and snapshot, read one month at a time.

    Columns: commune, k, v (customers), own (its customer-hours), upto (the commune's customer-hours up to it), and
    the stretches of k.
    """
    upto = pl.DataFrame(schema={"commune": pl.Int32, "before": pl.Int64})
    parts = []
    for path in silver:
        month = (
            pl.scan_parquet(path)
            .filter(pl.col("formato") == "B")
            .select("hora_utc", commune=pl.col("codigo_comuna").cast(pl.Int32), v="clientes_afectados")
            .join(snapshots.lazy(), on="hora_utc")
            .with_columns(own=pl.col("v") * pl.col("step"))
            .drop("hora_utc", "step")
            .collect(engine="streaming")
            .sort("commune", "k")
            .join(upto, on="commune", how="left", maintain_order="left")
            .with_columns(upto=pl.col("own").cum_sum().over("commune") + pl.col("before").fill_null(0))
        )
        newest = month.group_by("commune").agg(before=pl.col("upto").last())
        upto = pl.concat([newest, upto.join(newest, on="commune", how="anti")])
        parts.append(month.filter(pl.col("v") >= min(THRESHOLDS)).drop("before"))
    return pl.concat(parts).sort("commune", "k")
