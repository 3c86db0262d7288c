"""Stands before the real one on the path of what is measured: pandas is there for the baseline alone, the workflow's
environment lacks it, and Snakemake imports it wherever it finds it, which costs each run 0.3 s."""

raise ModuleNotFoundError("pandas is no part of the workflow's environment", name="pandas")
