"""Stage 8: payloads into dashboard_stats, of Supabase when the environment names one, else of the warehouse.

In   every file that the run builds: one that a failed run left behind makes this stage pending again
Out  results/gold/all.done      receipt: target, what was sent, what was unchanged, sha256 of each payload
"""


rule publish:
    input:
        PLAN.intermediates,
        payloads=expand("results/gold/{id}.json", id=PLAN.payloads),
        meta="results/gold/_meta.json",
        page="results/dashboard/index.html",
        receipts=expand("results/silver/{month}.json", month=MONTHS),
        golden="results/gold/golden_interrupciones.parquet",
        moved="results/window.json",
    output:
        done="results/gold/all.done",
    log:
        "results/logs/publish/publish.log",
    conda:
        "../../environment.yml"
    params:
        repairs=PLAN.repairs,
        allow_synthetic=config["allow_synthetic"],
        limits=config["publishing"],
        archive="results/cold",
        cluster=RUN.cluster,
        stamp=PLAN.target,
        code=code_of("publish", "workflow/migrations"),
    message:
        f"Publishing{AWAY}"
    script:
        "../scripts/publish.py"
