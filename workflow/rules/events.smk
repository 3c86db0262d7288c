"""Stage 5: all observations in, events with their high-water marks out.

In   results/silver/*                                every month's observations, states and receipts
     results/load/*                                  the warehouse holds the months
Out  results/gold/golden_interrupciones.parquet      one row per event; the same facts in fact_interrupciones
"""


rule events:
    input:
        silver=expand("results/silver/{month}.parquet", month=MONTHS),
        parts=expand("results/silver/{month}.parts.parquet", month=MONTHS),
        states=expand("results/silver/{month}.hours.parquet", month=MONTHS),
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
