"""Stage 7: payloads in, a page that opens from disk out.

In   results/gold/*.json                the payloads
Out  results/dashboard/index.html       self-contained, no network
"""


rule plot:
    input:
        payloads=expand("results/gold/{id}.json", id=PLAN.payloads),
        meta="results/gold/_meta.json",
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
