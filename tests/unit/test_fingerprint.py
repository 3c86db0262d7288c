"""What re-runs a stage: its script, the modules that it reaches, and nothing else."""

import ast
from pathlib import Path

import pytest
from outages.fingerprint import PACKAGE, REPOSITORY, code_of, digest_of, imports, sources

SCRIPTS = sorted((REPOSITORY / "workflow" / "scripts").glob("*.py"))
STAGES = [path.stem for path in SCRIPTS if path.stem not in ("psql", "backup", "health", "release")]


def by_syntax_tree(module: Path) -> set[Path]:
    """The same imports, found in the module's syntax tree."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "outages"):
            inner = (node.module or "").removeprefix("outages").strip(".")
            for name in [inner] if inner else [alias.name for alias in node.names]:
                inner_name = name.split(".")[0]
                found |= {PACKAGE / f"{inner_name}.py", *(PACKAGE / inner_name).glob("*.py")}
    return {path for path in found if path.exists()}


@pytest.mark.parametrize("module", [*SCRIPTS, *sorted(PACKAGE.rglob("*.py"))], ids=lambda path: path.stem)
def test_every_import_of_the_package_is_seen(module: Path) -> None:
    assert set(imports(module)) == by_syntax_tree(module)


def test_imports_in_many_lines_and_inside_functions(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "from outages import (\n    clock,\n    names,\n)\ndef f():\n    from outages.store import Store\n"
    )
    assert {path.stem for path in imports(module)} == {"clock", "names", "store"}


def test_a_figure_reaches_the_modules_beside_its_folder() -> None:
    assert PACKAGE / "shares.py" in sources(REPOSITORY / "workflow" / "scripts" / "figures.py")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reaches_its_script_and_errors(stage: str) -> None:
    reached = {path.name for path in sources(REPOSITORY / "workflow" / "scripts" / f"{stage}.py")}
    assert {f"{stage}.py", "errors.py", "reporting.py"} <= reached


def test_the_digest_follows_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a")
    before = digest_of([tmp_path])
    (tmp_path / "table.csv").touch()
    assert digest_of([tmp_path]) == before
    (tmp_path / "table.csv").write_text("b")
    assert digest_of([tmp_path]) != before
    assert code_of("dedupe") != code_of("dedupe", "resources/communes.csv")
