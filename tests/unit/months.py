"""Small months of silver for tests: observations and the states of hours, written as `dedupe` writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from outages.clock import labels, step_hours, utc
from outages.parts import parts_of
from outages.regional import by_region
from outages.silver import HOURS_SCHEMA

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "workflow/schemas/payloads"
REGIONS = {"03": "ATACAMA", "13": "METROPOLITANA", "CL": "CHILE"}
HERE = ("03101", "CGE")
#: Customers of one snapshot by (commune, company); a number is that of HERE, None a gap.
Snapshot = Mapping[tuple[str, str], int] | int | None
_SILVER = {
    "hora_utc": pl.Datetime("us", "UTC"), "codigo_comuna": pl.String, "nombre_empresa": pl.String,
    "fecha_inicio": pl.Date, "formato": pl.String, "nombre_region": pl.String, "nombre_comuna": pl.String,
    "clientes_afectados": pl.Int64, "recortado": pl.Boolean, "fantasma": pl.Boolean,
}  # fmt: skip


@dataclass
class Months:
    """Files and receipts of the months added so far, in that order."""

    folder: Path
    silver: list[Path] = field(default_factory=list)
    sums: list[Path] = field(default_factory=list)
    states: list[Path] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    parts: list[Path] = field(default_factory=list)

    def add(
        self, month: str, snapshots: Sequence[Snapshot], shapes: str = "A", hours: Sequence[int] | str = "all",
        rest: str = "not yet", start: date | None = None, ghost: bool = False,
        outside: Mapping[int, int] | None = None,
    ) -> Months:  # fmt: skip
        """A month whose first hours of the pattern hold these snapshots; the hours left are still to come.

        `rest`: "gap" or "not yet", what the hours left are. `outside`: customers by hour of the first day that the
        pattern does not ask for, observed all the same.
        """
        asked = [label for label in labels(month) if hours == "all" or label.hora in hours]
        shapes = shapes * len(asked) if len(shapes) == 1 else shapes
        told = dict(zip(asked, snapshots, strict=False))
        rows: list[tuple[Any, ...]] = []
        table: list[tuple[Any, ...]] = []
        for label in labels(month):
            shape = shapes[asked.index(label)] if label in told else "A"
            extra = (outside or {}).get(label.hora) if label.fecha.day == 1 else None
            value = extra if extra is not None else told.get(label)
            if label not in asked:
                state, reason = ("unasked" if extra is None else "observed"), "not in pattern"
            elif label not in told:
                state, reason = ("gap", "empty") if rest == "gap" else ("unasked", "not yet")
            else:
                state, reason = ("gap", "empty") if value is None else ("observed", "")
            seen = state == "observed"
            table.append((utc(label), label.fecha, label.hora, state, reason, shape if seen else None, None, None, 0))
            for (commune, company), customers in ({HERE: value} if isinstance(value, int) else value or {}).items():
                if seen and customers:
                    began = (start or label.fecha - timedelta(days=20 * ghost)) if shape == "A" else None
                    name = company if shape == "A" else "UNKNOWN"
                    region = REGIONS.get(commune[:2], "UNKNOWN")
                    rows.append((utc(label), commune, name, began, shape, region, commune, customers, False, ghost))
        found = Counter(row[5] for row in table if row[3] == "observed" and row[4] == "")
        self.receipts.append(
            {"month": month, "pattern": hours if isinstance(hours, str) else list(hours),
             "step_hours": step_hours(hours), "hours": {"observed": found.total()},
             "shapes": dict(found)}
        )  # fmt: skip
        self.silver.append(self.folder / f"{month}.parquet")
        self.states.append(self.folder / f"{month}.hours.parquet")
        observations = pl.DataFrame(rows, schema=_SILVER, orient="row")
        hourly = pl.DataFrame(table, schema=HOURS_SCHEMA, orient="row")
        self.sums.append(self.folder / f"{month}.regions.parquet")
        observations.write_parquet(self.silver[-1])
        hourly.write_parquet(self.states[-1])
        by_region(observations, hourly).write_parquet(self.sums[-1])
        self.parts.append(self.folder / f"{month}.parts.parquet")
        parts_of(observations, hourly, step_hours(hours)).write_parquet(self.parts[-1])
        return self

    def customers(
        self, number: int | None = 10_000, state: str = "own", of: Mapping[str, tuple[int | None, str]] | None = None
    ) -> pl.DataFrame:
        """customers.parquet of these months: every region alike, the country twice that; `of` gives other months."""
        rows = []
        for month in sorted(receipt["month"] for receipt in self.receipts):
            value, known = (of or {}).get(month, (number, state))
            for code, name in REGIONS.items():
                rows.append((month, code, name, 2 * value if value and code == "CL" else value, known))
        columns = {"mes": pl.String, "codigo_region": pl.String, "nombre_region": pl.String, "clientes": pl.Int64,
                   "estado": pl.String}  # fmt: skip
        return pl.DataFrame(rows, schema=columns, orient="row")
