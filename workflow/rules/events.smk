"""Stage 5: all observations in, events with their high-water marks out.

In   results/silver/*                                every month's observations, states and receipts; a receipt
                                                     stands for all files of its month
     results/load/*                                  the warehouse holds the months
Out  results/gold/golden_interrupciones.parquet      one row per event; the same facts in fact_interrupciones
"""


rule events:
    input:
        receipts=expand("results/silver/{month}.json", month=MONTHS),
        loaded=expand("results/load/{month}.json", month=MONTHS),
    output:
        golden="results/gold/golden_interrupciones.parquet",
    log:
        "results/logs/events/events.log",
    conda:
        "../../environment.yml"
    params:
        **config["events"],
        cluster=RUN.cluster,
        code=code_of("events", "workflow/migrations"),
    message:
        f"Events of {MONTHS[0]} to {MONTHS[-1]}"
    script:
        "../scripts/events.py"
