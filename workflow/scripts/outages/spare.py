"""What Snakemake's main process does in every run, and this workflow has no use for."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

#: Asked for with each job, to see whether a parameter is a frame of theirs: none is. Polars alone takes 0.2 s.
FRAMES = ("pandas", "numpy", "polars")
#: Asked for with each script, needed for notebooks alone.
NOTEBOOKS = "nbformat"


def spare() -> None:
    """Spare the main process some imports: frames are as if not installed, notebooks wait for their first use.

    Jobs are processes of their own, and import what they need. What is imported by now stays, so it is no garbage:
    to look through all of it again and again while the jobs are put in order took 0.2 s of 1.6 s.
    """
    for name in FRAMES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what Python takes for a module that is not there
    later = ModuleType(NOTEBOOKS)
    vars(later)["__getattr__"] = _of_notebooks
    sys.modules.setdefault(NOTEBOOKS, later)
    gc.freeze()


def _of_notebooks(name: str) -> Any:
    """An attribute of the module itself, which takes the place of what stood for it."""
    if vars(sys.modules[NOTEBOOKS]).get("__getattr__") is _of_notebooks:
        del sys.modules[NOTEBOOKS]
    return getattr(import_module(NOTEBOOKS), name)
