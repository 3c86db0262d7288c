"""Stage 2: customers per region and month, the denominators of every rate.

In   the source, once per calendar month of running   into answers/customers.jsonl (a param)
Out  results/customers/{asked}.json                   what was told in one calendar month: `dedupe` of a month
                                                      takes those that count for it, and no others
     results/customers.parquet                        one row per month and region, with its state
"""


rule ask:
    output:
        values="results/customers/{asked}.json",
    log:
        "results/logs/ask/{asked}.log",
    wildcard_constraints:
        asked=r"\d{4}-\d{2}",
    conda:
        "../../environment.yml"
    resources:
        sec_api=PLAN.asks,
    params:
        asked="{asked}",
        store=config["store"],
        kind=config["source"]["kind"],
        code=code_of("ask", "resources/regions.csv"),
    message:
        "Customers of the regions, asked in {wildcards.asked}"
    script:
        "../scripts/ask.py"


rule customers:
    input:
        asked=expand("results/customers/{asked}.json", asked=PLAN.asked),
    output:
        customers="results/customers.parquet",
    log:
        "results/logs/customers/customers.log",
    conda:
        "../../environment.yml"
    params:
        months=MONTHS,
        official=config["customers"]["official"],
        stamp=PLAN.official_digest,
        code=code_of("customers", "resources/regions.csv"),
    message:
        "Customers of the regions by month"
    script:
        "../scripts/customers.py"
