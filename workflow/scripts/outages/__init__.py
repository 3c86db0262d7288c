"""What the stages share: small modules by subject that take plain values and know nothing of Snakemake."""
