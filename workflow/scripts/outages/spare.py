"""Imports that Snakemake makes in every run, and that this workflow has no use for."""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

#: Asked for with each job, to see whether a parameter is a frame of theirs: none is. Polars alone takes 0.2 s.
FRAMES = ("pandas", "numpy", "polars")
#: Asked for with each script, needed for notebooks alone.
NOTEBOOKS = "nbformat"


def spare() -> None:
    """Spare the main process these imports: frames are as if not installed, notebooks wait for their first use.

    Jobs are processes of their own, and import what they need.
    """
    for name in FRAMES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what Python takes for a module that is not there
    spec = find_spec(NOTEBOOKS)
    if NOTEBOOKS not in sys.modules and spec and spec.loader:
        spec.loader = LazyLoader(spec.loader)
        module = module_from_spec(spec)
        sys.modules[NOTEBOOKS] = module
        spec.loader.exec_module(module)
