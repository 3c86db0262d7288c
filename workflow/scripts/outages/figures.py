"""Figures as Vega-Lite charts from payloads, drawn to SVG without a browser or a network."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import vl_convert

Items = list[dict[str, Any]]
WIDTH = 640
INK = "#08519c"


def svg(chart: alt.Chart | alt.LayerChart) -> str:
    """The chart as SVG text."""
    return vl_convert.vegalite_to_svg(json.dumps(chart.to_dict()))


def quality(items: Items) -> alt.LayerChart:
    """Observations that each rule touched, labelled `0 (0.00%)`; 0 is the ideal."""
    values = [{**item, "label": f"{item['count']} ({100 * item['percentage']:.2f}%)"} for item in items]
    base = alt.Chart(alt.Data(values=values), width=WIDTH - 220).encode(
        x=alt.X(
            "percentage:Q", title="Share of observations", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])
        ),
        y=alt.Y("category:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
    )
    return base.mark_bar(color=INK) + base.mark_text(align="left", dx=4).encode(text="label:N")


def projects(items: Items) -> alt.Chart:
    """Grid projects by region, most first."""
    return (
        alt.Chart(alt.Data(values=items), width=WIDTH - 220)
        .mark_bar()
        .encode(
            x=alt.X("count:Q", title="Projects", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("nombre_region:N", sort=None, title=None),
            color=alt.Color("count:Q", scale=alt.Scale(scheme="blues"), legend=None),
        )
    )


def monthly(items: Items) -> alt.Chart:
    """Customers affected by month, the sum of the events' high-water marks over all regions."""
    return (
        alt.Chart(alt.Data(values=items), width=WIDTH)
        .mark_bar(color=INK)
        .encode(
            x=alt.X("utcyearmonth(mes):O", title="Month of the first observed hour"),
            y=alt.Y("sum(afectados):Q", title="Customers (sum of event peaks)"),
        )
    )


def companies(items: Items) -> alt.Chart:
    """The companies with the most customers affected."""
    return (
        alt.Chart(alt.Data(values=items), width=WIDTH - 220)
        .mark_bar(color=INK)
        .encode(
            x=alt.X("total_clientes_afectados:Q", title="Customers (sum of event peaks)"),
            y=alt.Y("nombre_empresa:N", sort=None, title=None),
        )
    )


def hours(items: Items) -> alt.Chart:
    """Hours of each month by state: observed, gap (nothing usable) and unasked."""
    seen = {item["mes"]: item for item in items}.values()
    values = [
        {"mes": i["mes"], "state": state, "hours": i[state]} for i in seen for state in ("observed", "gap", "unasked")
    ]
    colours = alt.Scale(domain=["observed", "gap", "unasked"], range=[INK, "#d95f02", "#cccccc"])
    return (
        alt.Chart(alt.Data(values=values), width=WIDTH - 80)
        .mark_bar()
        .encode(
            x=alt.X("utcyearmonth(mes):O", title="Month"),
            y=alt.Y("hours:Q", title="Hours of the pattern"),
            color=alt.Color("state:N", scale=colours, title=None),
        )
    )
