"""Figures for print: payloads in, SVG and PNG in Spanish and English out; also what the report shows.

In   results/gold/{id}.json                        the payloads that the figure reads, and _meta
Out  results/figures/{figure}.{es,en}.{svg,png}    drawn without a browser or a network, PNG at scale 2
"""

from workflow.scripts.outages.figures import BY_ID, numbered


wildcard_constraints:
    figure=r"[a-z-]+",


rule figures:
    input:
        payloads=lambda wildcards: expand(
            "results/gold/{id}.json", id=BY_ID[wildcards.figure].payloads
        ),
        meta="results/gold/_meta.json",
    output:
        pictures=[
            report(
                "results/figures/{figure}.es.svg",
                caption="../report/figure.es.rst",
                category="Español",
                labels=lambda wildcards: {"figura": numbered(wildcards.figure, "es")},
            ),
            report(
                "results/figures/{figure}.en.svg",
                caption="../report/figure.en.rst",
                category="English",
                labels=lambda wildcards: {"figure": numbered(wildcards.figure, "en")},
            ),
            "results/figures/{figure}.es.png",
            "results/figures/{figure}.en.png",
        ],
    log:
        "results/logs/figures/{figure}.log",
    conda:
        "../../environment.yml"
    params:
        figure=lambda wildcards: wildcards.figure,
        # For the report, not for the script.
        stamp=lambda wildcards: BY_ID[wildcards.figure].caption,
        code=code_of("figures"),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../scripts/figures.py"
