"""Stage 2: customers per region and month, the denominators of every rate.

In   the source, once per calendar month of running   into answers/customers.jsonl (a param)
Out  results/customers.parquet                        one row per month and region, with its state
"""


rule customers:
    output:
        customers="results/customers.parquet",
    log:
        "results/logs/customers/customers.log",
    conda:
        "../../environment.yml"
    resources:
        sec_api=PLAN.asks,
    params:
        months=MONTHS,
        store=config["store"],
        ask_month=PLAN.ask_month,
        kind=config["source"]["kind"],
        official=config["customers"]["official"],
        stamp=PLAN.official_digest,
        code=code_of("customers", "resources/regions.csv"),
    message:
        "Customers of the regions"
    script:
        "../scripts/customers.py"
