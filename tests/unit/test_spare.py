"""What Snakemake's main process is spared: frames and notebooks that nobody uses, and a search for garbage."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"
LOOK = """
import sys
from outages.spare import FRAMES, spare
spare()
for name in FRAMES:
    try:
        __import__(name)
    except ModuleNotFoundError:
        print("no", name)
import nbformat
print("traitlets" in sys.modules)
print(nbformat.NO_CONVERT is not None, "traitlets" in sys.modules)
import nbformat.v4
print(nbformat.v4.nbformat)
"""


def test_frames_are_not_there_and_notebooks_are_when_used() -> None:
    looked = subprocess.run([sys.executable, "-c", LOOK], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert looked.stdout.split() == ["no", "pandas", "no", "numpy", "no", "polars", "False", "True", "True", "4"]


def test_what_is_there_already_stays() -> None:
    code = "import polars; from outages.spare import spare; spare(); import polars as again; print(again is polars)"
    looked = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert looked.stdout.strip() == "True"


def test_what_is_imported_is_no_garbage_to_look_for() -> None:
    look = "print(gc.get_freeze_count(), len(gc.get_objects()))"
    code = f"import gc; from outages.spare import spare; {look}; spare(); {look}"
    looked = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    frozen, found, frozen_then, left = map(int, looked.stdout.split())
    assert frozen == 0 and left < 100 < found <= frozen_then
