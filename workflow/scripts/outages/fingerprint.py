"""What a result was made with: a digest of a script, of the package modules it imports, and of the tables it reads.

Snakemake compares scripts by time stamps, which a git checkout changes for all; a digest among the params of a
rule changes exactly when the text does.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parents[2]


#: An import from the package, at whatever depth of indentation; a syntax tree would cost each run 0.1 s more.
_IMPORT = re.compile(
    rf"^[ \t]*from[ \t]+(\.{{1,2}}\w*|{PACKAGE.name}(?:\.\w+)*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE
)


@cache
def imports(module: Path) -> frozenset[Path]:
    """Files of the package that a module imports by itself, wherever in its text the import stands."""
    found: set[Path] = set()
    for origin, names in _IMPORT.findall(module.read_text()):
        inner = origin.removeprefix(PACKAGE.name).lstrip(".")
        for name in [inner] if inner else re.findall(r"\w+", names):
            path = PACKAGE / f"{name.split('.')[0]}.py"
            if path.exists():
                found.add(path)
            elif path.with_suffix("").is_dir():
                found.update(path.with_suffix("").glob("*.py"))
    return frozenset(found)


def sources(script: Path) -> list[Path]:
    """The script and every module of the package that it reaches through imports, sorted."""
    reached: set[Path] = set()
    waiting = [script]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imports(module)
    return sorted(reached)


def code_of(stage: str, *tables: str) -> str:
    """Digest (16 hex digits) of a stage's script, the modules it reaches, and files of the repository."""
    script = REPOSITORY / "workflow" / "scripts" / f"{stage}.py"
    return digest_of([*sources(script), *(REPOSITORY / table for table in tables)])


def digest_of(paths: list[Path]) -> str:
    """Digest (16 hex digits) of files' contents, in the order given; a folder counts with all its files."""
    total = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def workflow_version() -> str:
    """The workflow's version, which pyproject.toml alone states."""
    return str(tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"])
