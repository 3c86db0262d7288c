"""Hides pandas from what is measured: it is there for the baseline alone, the workflow's environment lacks it, and
Snakemake imports it wherever it finds it, which costs each run 0.3 s. Python imports this file by itself."""

import sys

sys.modules["pandas"] = None  # type: ignore[assignment]  # as if it were not installed
