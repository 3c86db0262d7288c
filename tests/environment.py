"""environment.yml is the conda view of requirements.lock: the same pins, through pip."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = """\
# Made from requirements.lock by `make lock`; a test keeps the two equal.
name: chile-outages
channels:
  - conda-forge
dependencies:
  - python>=3.11
  - make
  - pip
  - pip:
"""


def pins(lock: Path) -> list[str]:
    """The requirements of a lock, without comments."""
    lines = (line.strip() for line in lock.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def environment(lock: Path) -> str:
    """The text of environment.yml for a lock."""
    return HEAD + "".join(f'      - "{pin}"\n' for pin in pins(lock))


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment(ROOT / "requirements.lock"))
