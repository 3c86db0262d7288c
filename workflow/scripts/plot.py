"""Stage 7: payloads in; a page that opens from disk out, self-contained, with every figure drawn as SVG.

Units: customers and hours as the payloads give them. A page made from the replica's answers says so loudly.
"""

import html
from pathlib import Path
from string import Template
from typing import Any

from outages import figures
from outages.files import read_json, replacing
from outages.reporting import run

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Power outages in Chile</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
.synthetic { background: #b30000; color: #fff; padding: .8rem 1rem; font-weight: 700; }
figure { margin: 2rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { color: #444; }
footer { border-top: 1px solid #ccc; margin-top: 3rem; color: #444; font-size: .9rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Power outages in Chile</h1>
$banner
<p>$summary</p>
$figures
<footer>
<p>Source: Superintendencia de Electricidad y Combustibles (SEC), Interrupciones en L&iacute;nea$made_up. Hours without
an answer are gaps, never zeros. Commit $commit, configuration $config.</p>
</footer>
</body>
</html>
""")
BANNER = '<p class="synthetic" role="alert">Synthetic data: made up by the replica of the source, not real outages.</p>'


def plot(payloads: list[Path], meta: Path, page: Path) -> None:
    """Write the page from the payloads and `_meta`."""
    data = {path.stem: read_json(path) for path in payloads}
    about = read_json(meta)[0]
    drawn = [
        _figure(
            "Data quality",
            figures.quality(data["eda_quality_stats"]),
            "Observations that each rule touched. 0 is the ideal; what the source does not publish is counted apart.",
        ),
        _figure("Projects by region", figures.projects(data["eda_projects_dist"]), "Lines, substations and storage."),
        _figure(
            "Affected customers by month",
            figures.monthly(data["time_series"]),
            "Each event counts with its high-water mark, in the month of its first observed hour.",
        ),
        _figure(
            "Companies",
            figures.companies(data["company_ranking"]),
            f"At most 15. Events whose company is not known: {about['unknown_company']['total_eventos']:,}.",
        ),
        _figure("Hours observed", figures.hours(data["coverage"]), "Observed hours, gaps, and hours not asked."),
    ]
    text = PAGE.substitute(
        banner=BANNER if about["synthetic"] else "",
        made_up=" (imitated by a replica)" if about["synthetic"] else "",
        summary=_summary(about),
        figures="\n".join(drawn),
        commit=html.escape(str(about["commit"])[:12]),
        config=about["config_sha256"][:12],
    )
    with replacing(page) as part:
        part.write_text(text, encoding="utf-8")


def _summary(about: dict[str, Any]) -> str:
    months, totals = about["months"], about["totals"]
    observed = sum(month["observed"] for month in months)
    asked = sum(month[state] for month in months for state in ("observed", "gap", "unasked"))
    return (
        f"{months[0]['month']} to {months[-1]['month']}: {totals['eventos']:,} events, "
        f"{totals['clientes_hora']:,} customer-hours without supply, from {observed:,} observed hours of {asked:,} "
        f"({100 * observed / asked:.1f} %)."
    )


def _figure(title: str, chart: Any, caption: str) -> str:
    drawn = figures.svg(chart)
    return f"<figure><h2>{html.escape(title)}</h2>{drawn}<figcaption>{html.escape(caption)}</figcaption></figure>"


if "snakemake" in globals():
    run(plot, snakemake)
