"""Stage 6: events, observations and receipts in, one JSON payload per id out.

In   results/gold/golden_interrupciones.parquet, results/silver/*, results/customers.parquet
     A month's receipt stands for all its silver files, which one job writes with it: of each input Snakemake takes a
     digest for each output, and there are 19. So it does for `events` and `window`.
Out  results/gold/{id}.json      one per id of workflow/schemas/payloads/, valid against its schema
     results/gold/_meta.json     versions, configuration, bronze hashes, coverage, sha256 of every payload
"""


rule aggregate:
    input:
        golden="results/gold/golden_interrupciones.parquet",
        receipts=expand("results/silver/{month}.json", month=MONTHS),
        customers="results/customers.parquet",
    output:
        payloads=expand("results/gold/{id}.json", id=PLAN.payloads),
        meta="results/gold/_meta.json",
    log:
        "results/logs/aggregate/aggregate.log",
    conda:
        "../../environment.yml"
    params:
        settings=PLAN.settings,
        stamp=PLAN.investments_digest,
        cluster=RUN.cluster,
        code=code_of("aggregate", "workflow/schemas/payloads", "resources/projects.csv"),
    message:
        "Aggregating payloads"
    script:
        "../scripts/aggregate.py"
