"""Stage 9, when `bucket` is set, and only when asked for (`snakemake bucket`): what was published into an S3 bucket.

In   results/gold/{id}.json, golden_interrupciones.parquet, results/dashboard/index.html
Out  the same files below the bucket's address: gold/..., dashboard/index.html

A job a file: Snakemake removes the outputs of a job before it starts, and its storage plugin a bucket left empty.
"""

UPLOADS = [
    *(f"gold/{id}.json" for id in [*PLAN.payloads, "_meta"]),
    "gold/golden_interrupciones.parquet",
    "dashboard/index.html",
]


localrules:
    bucket,
    upload,


rule bucket:
    input:
        # Looked at, not fetched.
        [storage.s3(f"{config['bucket']}/{file}", retrieve=False) for file in UPLOADS],


rule upload:
    input:
        file="results/{file}",
        done="results/gold/all.done",
    output:
        there=storage.s3(f"{config['bucket']}/{{file}}"),
    log:
        "results/logs/upload/{file}.log",
    wildcard_constraints:
        file="gold/.+|dashboard/.+",
    conda:
        "../../environment.yml"
    params:
        bucket=config["bucket"],
        allow_synthetic=config["allow_synthetic"],
        code=code_of("upload"),
    message:
        "Uploading {wildcards.file}"
    script:
        "../scripts/upload.py"
