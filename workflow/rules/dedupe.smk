"""Stage 3: answers of one month in, observations and the state of each hour out.

In   results/bronze/{month}.jsonl.zst       every answer, verbatim
     results/customers/{asked}.json         caps: the values that count for this month
Out  results/silver/{month}.parquet         one row per (hour, commune, company, start date)
     results/silver/{month}.regions.parquet one row per observed hour and region: sums of these
     results/silver/{month}.parts.parquet   one row per event of shape A: what the month tells of it
     results/silver/{month}.hours.parquet   one row per hour: observed, gap or unasked
     results/silver/{month}.json            receipt: answers, rows, imputations, coverage
"""


rule dedupe:
    input:
        bronze="results/bronze/{month}.jsonl.zst",
        asked=lambda wildcards: expand(
            "results/customers/{asked}.json",
            asked=PLAN.asked_for[wildcards.month],
        ),
    output:
        silver="results/silver/{month}.parquet",
        sums="results/silver/{month}.regions.parquet",
        parts="results/silver/{month}.parts.parquet",
        states="results/silver/{month}.hours.parquet",
        receipt="results/silver/{month}.json",
    log:
        "results/logs/dedupe/{month}.log",
    conda:
        "../../environment.yml"
    params:
        month="{month}",
        hours=lambda wildcards: PLAN.hours[wildcards.month],
        through=lambda wildcards: PLAN.through[wildcards.month],
        ghost_days=config["quality"]["ghost_days"],
        accept_implausible=lambda wildcards: PLAN.accepts(wildcards.month),
        official=config["customers"]["official"],
        stamp=PLAN.official_digest,
        code=code_of(
            "dedupe",
            "resources/communes.csv",
            "resources/regions.csv",
            "resources/aliases.csv",
            "resources/region_aliases.csv",
            "resources/companies.csv",
        ),
    message:
        "Deduplicating {wildcards.month}"
    script:
        "../scripts/dedupe.py"
