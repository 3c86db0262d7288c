"""Stage 6: the last 30 days into interrupciones_hot of the target; what leaves it is archived first.

In   results/gold/golden_interrupciones.parquet, results/silver/*; a receipt stands for all files of its month
Out  results/window.json             receipt: bounds of the window, rows put, archived and deleted, sizes
     results/cold/{month}.parquet    every version that left the table (a param: no rule may delete it)
"""


rule window:
    input:
        golden="results/gold/golden_interrupciones.parquet",
        receipts=expand("results/silver/{month}.json", month=MONTHS),
    output:
        moved="results/window.json",
    log:
        "results/logs/window/window.log",
    conda:
        "../../environment.yml"
    params:
        archive="results/cold",
        limits=config["publishing"],
        allow_synthetic=config["allow_synthetic"],
        cluster=RUN.cluster,
        stamp=PLAN.target,
        code=code_of("window", "workflow/migrations", "resources/regions.csv"),
    message:
        f"Moving the last 30 days{AWAY}"
    script:
        "../scripts/window.py"
