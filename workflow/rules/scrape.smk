"""Stage 1: the source's answers of one local month, verbatim.

In   the source, or recorded files      into the store of record, answers/{month}.jsonl.zst (a param)
Out  results/bronze/{month}.jsonl.zst   the same lines, sorted, byte-stable
"""


rule scrape:
    output:
        bronze="results/bronze/{month}.jsonl.zst",
    log:
        "results/logs/scrape/{month}.log",
    conda:
        "../../environment.yml"
    resources:
        sec_api=PLAN.asks,
    params:
        month="{month}",
        store=config["store"],
        source=PLAN.source,
        hours=lambda wildcards: PLAN.hours[wildcards.month],
        through=lambda wildcards: PLAN.through[wildcards.month],
        turn=lambda wildcards: PLAN.turn[wildcards.month],
        stamp=lambda wildcards: PLAN.listing[wildcards.month],
        accept_implausible=lambda wildcards: PLAN.accepts(wildcards.month),
        code=code_of("scrape"),
    message:
        "Scraping {wildcards.month}"
    script:
        "../scripts/scrape.py"
