"""Stage 4: the month's silver rows into PostgreSQL, replaced in one transaction.

In   results/silver/{month}.*       observations, states, receipt
Out  results/load/{month}.json      receipt: rows loaded, digests of the files
"""


rule load:
    input:
        silver="results/silver/{month}.parquet",
        states="results/silver/{month}.hours.parquet",
        receipt="results/silver/{month}.json",
    output:
        loaded="results/load/{month}.json",
    log:
        "results/logs/load/{month}.log",
    conda:
        "../../environment.yml"
    params:
        month="{month}",
        cluster=RUN.cluster,
        code=code_of(
            "load",
            "workflow/migrations",
            "resources/communes.csv",
            "resources/companies.csv",
        ),
    message:
        "Loading {wildcards.month}"
    script:
        "../scripts/load.py"
