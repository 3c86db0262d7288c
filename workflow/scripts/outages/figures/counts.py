"""Bars of counts: data quality, projects by region, companies."""

from __future__ import annotations

from ..shares import percent
from .base import Figure
from .frame import Frame, Words
from .layers import lines, named, no_data, percentage, unknown
from .style import BLUE, GREEN, Spec

#: Pixels from one row to the next.
STEP = 26

CATEGORIES = {
    "Affected = 0 (Imputed)": "Afectados = 0 (imputado)",
    "Unknown geography": "Geografía desconocida",
    "Unknown company": "Empresa desconocida",
    "Date replaced by server time": "Fecha sustituida por la del servidor",
    "Company not published by the source": "Empresa no publicada por la fuente",
    "Capped at regional customers": "Recortado a los clientes de la región",
    "Ghost rows": "Filas fantasma",
}


def bands(frame: Frame, figure: Figure, **more: object) -> Spec:
    """The axis of names beside bars: as wide as the space that the source line counts on."""
    left = figure.left(frame)
    return {
        "labelLimit": left - 12, "minExtent": left, "maxExtent": left, "labelPadding": 12,
        "labelFontSize": 11 if frame.narrow else 12, "ticks": False, "domain": False, "grid": False, **more,
    }  # fmt: skip


def _quality(frame: Frame) -> Spec:
    words: Words = CATEGORIES if frame.lang == "es" else {}
    step = 32 if frame.narrow else STEP
    plot, height = QUALITY.plot(frame), step * len(CATEGORIES)
    label = f"format(datum.count, ',') + ' (' + {percentage('datum.percentage', 2)} + ')'"
    tooltip = [
        {"field": "name", "title": frame("Regla", "Rule")},
        {"field": "label", "title": frame("Observaciones", "Observations")},
        {"field": "total", "title": frame("De un total de", "Of a total of"), "format": ","},
    ]
    share = frame("Parte de las observaciones (0 es lo ideal)", "Share of observations (0 is the ideal)")
    short = frame("Parte (0 es lo ideal)", "Share (0 is the ideal)")
    names = {"labelExpr": lines("datum.value", 21), "labelLineHeight": 12} if frame.narrow else {}
    x = {
        "field": "percentage",
        "type": "quantitative",
        "title": short if frame.narrow else share,
        "axis": {"format": "~%", "tickCount": 2 if frame.narrow else 5},
        # With nothing found, an axis from 0 to 0 would have no length.
        "scale": {"domain": {"unionWith": [0, 0.01]}},
    }
    y = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": bands(frame, QUALITY, **names)}
    there = {"x": {"field": "percentage", "type": "quantitative"}, "y": y, "tooltip": tooltip}
    point = {"type": "point", "shape": "diamond", "filled": True, "size": 90, "opacity": 1, "color": GREEN}
    return {
        "width": plot,
        "height": height,
        "data": {"name": "eda_quality_stats"},
        "transform": [
            {"calculate": named(words, "datum.category"), "as": "name"},
            {"calculate": label, "as": "label"},
        ],
        "layer": [
            {"mark": {"type": "bar", "color": BLUE, "height": {"band": 0.7}}, "encoding": there | {"x": x}},
            # A rule that touched nothing stands at the ideal.
            {"transform": [{"filter": "datum.count === 0"}], "mark": point, "encoding": there},
            {
                "mark": {"type": "text", "style": "label", "align": "left", "dx": 9},
                "encoding": there | {"text": {"field": "label"}},
            },
            no_data(frame, unknown("eda_quality_stats", "count"), plot / 2, height / 2),
        ],
    }


QUALITY = Figure(
    id="data-quality",
    payloads=("eda_quality_stats",),
    title={"es": "Calidad de los datos", "en": "Data quality"},
    subtitle={
        "es": "Observaciones que tocó cada regla, en número y porcentaje. 0 es lo ideal.",
        "en": "Observations that each rule touched, as count and percentage. 0 is the ideal.",
    },
    caption={
        "es": "Cuántas observaciones (hora, comuna, empresa) tocó cada regla de limpieza y qué parte son del total. "
        "El ideal es 0, que lleva un rombo verde. Lo que la fuente no publica se cuenta aparte: no es un error.",
        "en": "How many observations (hour, commune, company) each cleaning rule touched, and their share of all. "
        "The ideal is 0, marked by a green diamond. What the source does not publish is counted apart: it is no error.",
    },
    filters=frozenset(),
    draw=_quality,
    wide=(226, 110),
    narrow=(128, 104),
)


def _projects(frame: Frame) -> Spec:
    # From a blue that is still seen on white.
    scale = {"range": ["#c6dbef", "#6baed6"], "zero": True}
    return _ranking(
        frame,
        PROJECTS,
        value="count",
        name=named(frame.regions, "datum.nombre_region"),
        axis=frame("Proyectos", "Projects"),
        tooltip=[
            {"field": "name", "title": frame("Región", "Region")},
            {"field": "count", "title": frame("Proyectos", "Projects"), "format": ","},
        ],
        colour={"field": "count", "type": "quantitative", "legend": None, "scale": scale},
    )


PROJECTS = Figure(
    id="projects-by-region",
    payloads=("eda_projects_dist",),
    title={"es": "Proyectos de la red por región", "en": "Grid projects by region"},
    subtitle={
        "es": "Número de líneas, subestaciones y obras de almacenamiento de la tabla de proyectos",
        "en": "Number of lines, substations and storage works in the table of projects",
    },
    caption={
        "es": "Proyectos de la red eléctrica (líneas, subestaciones, almacenamiento) por región, de más a menos. Los "
        "que cruzan regiones se cuentan como interregionales.",
        "en": "Projects of the power grid (lines, substations, storage) by region, most first. Those that cross "
        "regions are counted as interregional.",
    },
    filters=frozenset({"region"}),
    draw=_projects,
    wide=(150, 50),
    narrow=(112, 40),
    sample="projects_sample",
    source={
        "es": "Fuente: tabla de proyectos (SEIA), junto a SEC, Interrupciones en Línea",
        "en": "Source: table of projects (SEIA), beside SEC, Interrupciones en Línea",
    },
    period={"es": "Todas las fechas; cortes de {}", "en": "All dates; outages of {}"},
)


def _without_company(frame: Frame) -> str:
    """How much is left out because the source does not publish the company."""
    left = frame.about.get("unknown_company", {}).get("total_clientes_afectados", 0)
    total = frame.about.get("totals", {}).get("clientes_afectados", 0)
    if not left or not total:
        return ""
    share, number, whole = f"{percent(left / total)} %", f"{left:,}", f"{total:,}"
    return frame(
        f"Sin empresa publicada, y por eso fuera: {number.replace(',', '.')} de {whole.replace(',', '.')} "
        f"({share.replace('.', ',')}).",
        f"Without a published company, and so left out: {number} of {whole} ({share}).",
    )


def _companies(frame: Frame) -> Spec:
    return _ranking(
        frame,
        COMPANIES,
        value="total_clientes_afectados",
        name="datum.nombre_empresa",
        axis=frame("Clientes afectados (suma de los máximos)", "Customers affected (sum of peaks)"),
        tooltip=[
            {"field": "name", "title": frame("Empresa", "Company")},
            {"field": "total_clientes_afectados", "title": frame("Clientes afectados", "Customers"), "format": ","},
            {"field": "total_eventos", "title": frame("Eventos", "Events"), "format": ","},
            {"field": "promedio_afectados", "title": frame("Clientes por evento", "Per event"), "format": ",.1f"},
        ],
        colour={"value": BLUE},
    )


COMPANIES = Figure(
    id="companies",
    payloads=("company_ranking",),
    title={"es": "Empresas con más clientes afectados", "en": "Companies with the most customers affected"},
    subtitle={
        "es": "Clientes afectados, suma del máximo de cada evento; a lo más 15 empresas",
        "en": "Customers affected, sum of the peak of each event; at most 15 companies",
    },
    caption={
        "es": "Las empresas distribuidoras con más clientes afectados: cada evento cuenta con su máximo. Los eventos "
        "cuya empresa la fuente no publica no son de ninguna y quedan fuera. Las empresas grandes tienen más clientes "
        "que pueden quedar sin suministro: el orden no mide su calidad.",
        "en": "The distribution companies with the most customers affected: each event counts with its peak. Events "
        "whose company the source does not publish belong to none and are left out. Large companies have more "
        "customers to lose supply: the order does not measure their quality.",
    },
    filters=frozenset(),
    draw=_companies,
    note=_without_company,
    wide=(130, 70),
    narrow=(110, 64),
)


def _ranking(frame: Frame, figure: Figure, value: str, name: str, axis: str, tooltip: list[Spec], colour: Spec) -> Spec:
    """Horizontal bars, most first, with their number at the end."""
    y = {
        "field": "name",
        "type": "nominal",
        "sort": {"op": "sum", "field": value, "order": "descending"},
        "title": None,
        "axis": bands(frame, figure, labelPadding=6),
    }
    x = {
        "field": value,
        "type": "quantitative",
        "title": axis,
        "axis": {"tickMinStep": 1, "tickCount": 2 if frame.narrow else 5, "format": ",d"},
        "scale": {"domain": {"unionWith": [0, 1]}},
    }
    there = {"x": {"field": value, "type": "quantitative"}, "y": y}
    return {
        "width": figure.plot(frame),
        "height": {"step": STEP},
        "data": {"name": figure.payloads[0]},
        "transform": [{"calculate": name, "as": "name"}, {"filter": f"isValid(datum.{value})"}],
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.75}},
                "encoding": there | {"x": x, "color": colour, "tooltip": tooltip},
            },
            {
                "mark": {"type": "text", "style": "label", "align": "left", "dx": 5},
                "encoding": there | {"text": {"field": value, "format": ","}},
            },
            no_data(frame, unknown(figure.payloads[0], value), figure.plot(frame) / 2, -12),
        ],
    }
