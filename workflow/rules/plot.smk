"""Stage 7: payloads in, a page that opens from disk out.

In   results/gold/*.json                the payloads
     results/vega.js                    what draws the figures; made once, from a wheel, by the rule `vega`
Out  results/dashboard/index.html       self-contained, no network
"""

from importlib.metadata import version


rule vega:
    output:
        runtime="results/vega.js",
    log:
        "results/logs/vega/vega.log",
    conda:
        "../../environment.yml"
    params:
        stamp=version("vl-convert-python"),
        code=code_of("vega"),
    message:
        "Preparing what draws the page's figures"
    script:
        "../scripts/vega.py"


rule plot:
    input:
        payloads=expand("results/gold/{id}.json", id=PLAN.payloads),
        meta="results/gold/_meta.json",
        runtime="results/vega.js",
    output:
        page="results/dashboard/index.html",
    log:
        "results/logs/plot/plot.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of(
            "plot",
            "workflow/dashboard",
            "workflow/schemas/payloads",
            "workflow/scripts/outages/figures",
        ),
    message:
        "Drawing the page"
    script:
        "../scripts/plot.py"
