"""Events for people: the largest ones, storms that join communes, and how supply came back after them.

A storm hour of a region: its customers out, summed over communes, exceed STORM_TIMES x their median over the
observed hours of the month and STORM_SHARE of the region's customers, so that calm never chains storms together.
Calm is at most half of that, so that the tail of a storm is no storm of its own. Storm hours with less than
CALM_HOURS of observed calm between them are one episode; it is a storm when it joins two communes: when the region's
events of at least `open_customers` that overlap it lie in two or more.
Units: customers, customer-hours, hours; times are UTC. Definitions: docs/methodology.md.
# ASSUME what is out at once in one region has one cause; ghosts are part of it, because a long storm makes them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from .clock import iso
from .events import timeline
from .once import read_once
from .regional import asked_hours

Items = list[dict[str, Any]]

LARGEST = 10
#: Customers out, as a multiple of the median of the month and as a share of the region's customers.
STORM_TIMES, STORM_SHARE = 5, 0.01
#: Takes the place of the share where the region's customers are not known (customers).
STORM_FLOOR = 1_000
#: Share of a month's hours that must be observed for its median to stand for calm.
COVERAGE = 0.5
#: Observed hours that end a storm, with customers out of at most that share of its threshold.
CALM_HOURS, CALM = 12, 0.5
#: A storm joins at least so many known communes.
COMMUNES = 2
#: Percent of the customers of the peak that are back.
BACK = (50, 90, 95)
#: A curve is followed for at most so many hours.
HORIZON = 720
_OF_STORM = ("nombre_region", "begin", "peak_at", "peak_customers", "background", "step_hours")
CRITERIA = {"customers": "clientes_afectados", "customer_hours": "clientes_hora"}
_YEAR, _LIVE = pl.col("fecha_dt").dt.year(), ~pl.col("fantasma")


class Series(NamedTuple):
    """`slots`: every hour that the patterns ask for (hora_utc, observed, step, k, stretch, first, last).

    `values`: customers out per region and observed hour (nombre_region, hora_utc, k, clientes, background, threshold,
    base). `background` is the median of the month that the threshold uses, or null; `base` are the customers of the
    region or null; k, stretch, first and last are those of `timeline`.
    """

    slots: pl.DataFrame
    values: pl.DataFrame


def events_top(golden: pl.DataFrame) -> Items:
    """The payload `events_top`: per year (local, of the first observed hour) and for "all", by both criteria.

    Ghosts are ranked as any event; `rank_without_ghosts` leaves them out, and the ten of either ranking are listed.
    """
    tenth = (
        pl.when(_LIVE.sum() >= LARGEST).then(pl.col(name).filter(_LIVE).top_k(LARGEST).min().alias(name))
        for name in CRITERIA.values()
    )
    least = golden.lazy().group_by(year=_YEAR).agg(*tenth).collect()
    ranked = pl.concat(
        [
            _ranked(golden, criterion, dict(least.select("year", column).iter_rows()))
            for criterion, column in CRITERIA.items()
        ]
    )
    # Years, then "all"; the criteria of a period in their order.
    return [_plain(item) for item in ranked.sort("period", maintain_order=True).to_dicts()]


def _ranked(golden: pl.DataFrame, criterion: str, least: Mapping[int, int | None]) -> pl.DataFrame:
    """What `events_top` lists by one criterion, by period and rank.

    `least` is the tenth largest value of each year among the events that are no ghosts, None where there are fewer:
    what lies below it is in neither ranking of its year, nor of all.
    """
    column = CRITERIA[criterion]
    # Most lie below the least of all years, which is told in one look.
    large = golden.filter(pl.col(column) >= min((value or 0 for value in least.values()), default=0))
    found = large.filter(pl.col(column) >= _YEAR.replace_strict(least, return_dtype=pl.Int64).fill_null(0))
    periods = pl.concat([found.with_columns(period=_YEAR.cast(pl.String)), found.with_columns(period=pl.lit("all"))])
    ordered = periods.sort(["period", column, "inicio", "hash_id"], descending=[False, True, False, False])
    return (
        ordered.with_columns(
            rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("period"),
            rank_without_ghosts=pl.when(_LIVE).then(_LIVE.cast(pl.Int64).cum_sum().over("period")),
        )
        .filter((pl.col("rank") <= LARGEST) | (pl.col("rank_without_ghosts") <= LARGEST))
        .select("period", *golden.columns, "rank", "rank_without_ghosts", criterion=pl.lit(criterion))
    )


def regional(
    sums: Sequence[Path],
    states: Sequence[Path],
    receipts: Sequence[Mapping[str, Any]],
    customers: pl.DataFrame,
    max_gap_hours: int,
) -> Series:
    """Customers out of each region at each observed hour; 0 only where an observed hour does not name the region.

    `sums` are the months' sums by region (regional.py). `customers` holds mes (YYYY-MM), codigo_region, nombre_region,
    clientes (null where unknown).
    """
    steps = [(path, receipt["step_hours"]) for path, receipt in zip(states, receipts, strict=True)]
    seen = timeline(steps, max_gap_hours)
    slots = (
        asked_hours(states, receipts)
        .select("hora_utc", "step")
        .join(seen.select("hora_utc", "k", "stretch", "first", "last"), on="hora_utc", how="left")
        .with_columns(observed=pl.col("k").is_not_null())
        .sort("hora_utc")
    )
    out = read_once(sums).select("nombre_region", "hora_utc", "clientes").collect()
    base = customers.filter(~pl.col("codigo_region").is_in(["CL", "00"]))
    trusted = [one["month"] for one in receipts if (one["coverage"] or 0) >= COVERAGE]
    usual = pl.when(pl.col("mes").is_in(trusted)).then(pl.col("clientes").median())
    values = (
        seen.select("hora_utc", "k", mes=pl.col("fecha").dt.strftime("%Y-%m"))
        .join(base.select("mes", "nombre_region", base="clientes"), on="mes")
        .join(out, on=["nombre_region", "hora_utc"], how="left")
        .with_columns(pl.col("clientes").fill_null(0))
        .with_columns(background=usual.over("mes", "nombre_region"))
        .with_columns(
            threshold=pl.max_horizontal(
                STORM_TIMES * pl.col("background"), (STORM_SHARE * pl.col("base")).fill_null(STORM_FLOOR)
            )
        )
        .drop("mes")
        .sort("nombre_region", "k")
    )
    return Series(slots, values)


def storms(series: Series, golden: pl.DataFrame, open_customers: int) -> Items:
    """The payload `storms`, by begin and region."""
    episodes = _episodes(series)
    spans = episodes.group_by("episode", "nombre_region").agg(
        begin=pl.col("hora_utc").min(), end=pl.col("hora_utc").max()
    )
    large = golden.lazy().filter(pl.col("clientes_afectados") >= open_customers)
    place = pl.when(~pl.col("codigo_comuna").str.ends_with("000")).then("codigo_comuna")
    # Streamed, a quarter of the time that `join_where` takes: no table is made of the events beside all episodes.
    overlaps = (
        large.select("nombre_region", "inicio", "fin", place=place)
        .join(spans.lazy(), on="nombre_region")
        .filter((pl.col("inicio") <= pl.col("end")) & (pl.col("fin") >= pl.col("begin")))
        .group_by("episode")
        .agg(pl.len(), pl.col("place").drop_nulls().n_unique())
        .collect(engine="streaming")
    )
    held = {episode: (events, communes) for episode, events, communes in overlaps.iter_rows()}
    asked = series.slots["hora_utc"].to_list()
    observed = series.slots.filter("observed")["hora_utc"].to_list()
    items = []
    for part in episodes.partition_by("episode", maintain_order=True):
        first, last = part.row(0, named=True), part.row(-1, named=True)
        peak = part.row(part["clientes"].arg_max() or 0, named=True)
        begin, end, region = first["hora_utc"], last["hora_utc"], first["nombre_region"]
        events, communes = held.get(first["episode"], (0, 0))
        if communes < COMMUNES:
            continue
        items.append(
            {
                "nombre_region": region,
                "begin": iso(begin),
                "end": iso(end),
                "hours": int((end - begin) / timedelta(hours=1)) + last["step"],
                "peak_customers": peak["clientes"],
                "peak_at": iso(peak["hora_utc"]),
                "peak_share": round(peak["clientes"] / peak["base"], 6) if peak["base"] else None,
                "background": peak["background"],
                "threshold": round(peak["threshold"], 1),
                "communes": communes,
                "events": events,
                "customer_hours": int((part["clientes"] * part["step"]).sum()),
                "coverage": round(_between(observed, begin, end) / _between(asked, begin, end), 6),
                "step_hours": peak["step"],
                "begin_unknown": first["k"] == first["first"],
                "end_unknown": last["left"] < CALM_HOURS,
            }
        )
    return sorted(items, key=lambda item: (item["begin"], item["nombre_region"]))


def _episodes(series: Series) -> pl.DataFrame:
    """The values of every episode, with its number; sorted by region and hour."""
    ends = series.slots.filter("observed").select("k", "step", "stretch", "first", "last")
    is_calm = pl.col("clientes") <= CALM * pl.col("threshold")
    values = series.values.join(ends, on="k").sort("nombre_region", "k")
    calm = pl.when(is_calm).then("step").otherwise(0).cum_sum()
    values = values.with_columns(calm=calm.over("nombre_region")).with_columns(
        left=pl.col("calm").last().over("nombre_region", "stretch") - pl.col("calm")
    )
    before = pl.col("nombre_region", "stretch", "calm").shift(1).name.prefix("before_")
    goes_on = (
        (pl.col("nombre_region") == pl.col("before_nombre_region"))
        & (pl.col("stretch") == pl.col("before_stretch"))
        & (pl.col("calm") - pl.col("before_calm") < CALM_HOURS)
    )
    spans = (
        values.filter(pl.col("clientes") > pl.col("threshold"))
        .with_columns(before)
        .with_columns(episode=(~goes_on.fill_null(False)).cum_sum())
        .group_by("episode", "nombre_region")
        .agg(k_begin=pl.col("k").min(), k_end=pl.col("k").max())
        .sort("k_begin")
    )
    inside = values.sort("k").join_asof(
        spans, left_on="k", right_on="k_begin", by="nombre_region", check_sortedness=False
    )
    return inside.filter(pl.col("k") <= pl.col("k_end")).sort("nombre_region", "k")


def _between(hours: list[datetime], begin: datetime, end: datetime) -> int:
    """How many of sorted hours lie from begin to end, both included."""
    return bisect_right(hours, end) - bisect_left(hours, begin)


def restoration(series: Series, found: Items) -> Items:
    """The payload `restoration`: curves of the ten storms with the most customers at their peak, largest first."""
    ranked = sorted(found, key=lambda storm: (-storm["peak_customers"], storm["begin"], storm["nombre_region"]))
    return [
        {"rank": rank, **{key: storm[key] for key in _OF_STORM}} | _curve(series, storm, found)
        for rank, storm in enumerate(ranked[:LARGEST], start=1)
    ]


def _curve(series: Series, storm: Mapping[str, Any], found: Items) -> dict[str, Any]:
    """Customers still out from the peak on, and the hours until shares of those above the background are back.

    Followed until 95 % are back or, what comes first: a gap that ends an event, the region's next storm, the end of
    the data, 30 days. `hours_*` is null, and only `hours_*_at_most` told, when the hour before is not observed.
    """
    region, peak = storm["nombre_region"], datetime.fromisoformat(storm["peak_at"])
    others = [one["begin"] for one in found if one["nombre_region"] == region and one["begin"] > storm["begin"]]
    following = datetime.fromisoformat(min(others)) if others else None
    of_region = series.values.filter(pl.col("nombre_region") == region).select("hora_utc", "clientes")
    rows = series.slots.filter(pl.col("hora_utc") >= peak).join(of_region, on="hora_utc", how="left").sort("hora_utc")
    told: dict[str, Any] = {f"hours_{share}{end}": None for share in BACK for end in ("", "_at_most")}
    curve: list[dict[str, int | None]] = []
    ended, stretch = "data_end", rows["stretch"][0]
    for at, run, out in rows.select("hora_utc", "stretch", "clientes").iter_rows():
        hours = int((at - peak) / timedelta(hours=1))
        if out is not None and run != stretch:
            ended = "gap"
        elif following and at >= following:
            ended = "next_storm"
        elif hours > HORIZON:
            ended = "horizon"
        else:
            _cross(told, curve, hours, out, storm["peak_customers"], storm["background"] or 0)
            curve.append({"hours": hours, "customers": out})
            if told[f"hours_{BACK[-1]}_at_most"] is None:
                continue
            ended = "restored"
        break
    while curve and curve[-1]["customers"] is None:
        curve.pop()
    return {**told, "ended": ended, "curve": curve}


def _cross(told: dict[str, Any], curve: Items, hours: int, out: int | None, peak: int, background: float) -> None:
    """Note the shares of (peak - background) that are back at this hour for the first time."""
    for share in BACK:
        left = (100 - share) * (peak - background)
        if out is not None and 100 * (out - background) <= left and told[f"hours_{share}_at_most"] is None:
            told[f"hours_{share}_at_most"] = hours
            told[f"hours_{share}"] = hours if curve[-1]["customers"] is not None else None


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with times as ISO texts in UTC and dates as YYYY-MM-DD."""
    return {key: _text(value) for key, value in row.items()}


def _text(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value
