"""Every command of the documents is run in a clean copy of the checkout, or stands here with the reason why not.

Commands are the lines of fenced blocks without a language, or with `sh`; what follows ` #` is a comment. The real
source is never asked: `my.yaml`, which a reader writes, names a replica here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from replica.process import replica_process

from .workflow_runs import REPOSITORY, record

#: In this order, in one copy: what a command leaves, the next ones find.
RUN = (
    "make demo",
    "zstd -dc demo/results/bronze/2025-03.jsonl.zst | head -n 1",
    ".venv/bin/python demo/question.py",
    'echo "SELECT * FROM resumen_30_dias;" | make psql DIR=demo',
    'make report DIR=demo CONFIG="config/demo.yaml demo/round.yaml"',
    ".venv/bin/python examples/duckdb_golden.py demo/results",
    ".venv/bin/python examples/polars_storm.py demo/results 1",
    "make supabase-sql",
    ".venv/bin/snakemake -n",
    "make gold CONFIG=my.yaml",
    ".venv/bin/snakemake --cores 8 -R window --configfile my.yaml",
    "make live CONFIG=my.yaml",
    'make health CONFIG="my.yaml config/live.yaml"',
    "grep -h '\"code\"' results/logs/*/*.log",
    "cp --archive --update answers results/cold /backups/",
    "zstd -t answers/*.jsonl.zst",
    "make backup FILE=/backups/warehouse-2025-07-03.dump",
    "make restore FILE=/backups/warehouse-2025-07-03.dump DIR=elsewhere",
    "make gold CONFIG=my.yaml DIR=work",
    "snakemake results/gold/all.done --cores 8 --directory work --configfile my.yaml",
    "make release VERSION=1.0.0 DIR=work",
    "make gold CONFIG=recorded.yaml DIR=import",
    "make clean-demo",
)
SOURCE = "asks the real source"
TESTS = "starts tests or checks, which CI does"
MEASURES = "measures for minutes; tests/unit/test_benchmarks.py runs a tiny history"
SERVER = "needs a server of the reader's"
CLUSTER = "needs a cluster; tests/cluster runs it on a Slurm of its own"
BUCKET = "needs a bucket; tests/integration/test_remote.py has one of its own"
ROOT_ONLY = "changes the machine's services"
CONDA = "needs conda"
NOT_RUN = {
    "make gold": SOURCE,
    ".venv/bin/snakemake --cores 8": SOURCE,
    ".venv/bin/snakemake --cores 8 results/gold/all.done": SOURCE,
    "make test": TESTS,
    "make test-slow": TESTS,
    "make test-real REAL=DIR": TESTS,
    "make test-browser": TESTS,
    "make test-external": TESTS,
    "make test-cluster": TESTS,
    "make lint": TESTS,
    "make cite": TESTS,
    "make docs": TESTS,
    "make format": "changes the code",
    "make lock": "asks the package index",
    "export DATABASE_URL=postgresql://user:password@host/database": SERVER,
    "export SUPABASE_URL=https://PROJECT.supabase.co SUPABASE_KEY=...": SERVER,
    "export DATABASE_URL=postgresql://outages@db.example.org/outages": SERVER,
    ".venv/bin/python -m pip install -c requirements-cluster.lock snakemake-executor-plugin-slurm": CLUSTER,
    "make gold CONFIG=my.yaml PROFILE=workflow/profiles/slurm CORES=32": CLUSTER,
    ".venv/bin/snakemake all --profile workflow/profiles/slurm --configfile my.yaml "
    "--default-resources slurm_account=lab slurm_partition=short mem_mb=2000 runtime=30": CLUSTER,
    ".venv/bin/python -m pip install -c requirements-cluster.lock snakemake-storage-plugin-s3": BUCKET,
    "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...": BUCKET,
    "export AWS_ENDPOINT_URL=https://s3.example.org": BUCKET,
    "export SNAKEMAKE_STORAGE_S3_REGION=...": BUCKET,
    "make gold CONFIG=my.yaml TARGET=bucket": BUCKET,
    "sudo systemctl daemon-reload": ROOT_ONLY,
    "sudo systemctl enable --now chile-outages.timer": ROOT_ONLY,
    "10 * * * * cd /srv/chile-outages && make live CONFIG=my.yaml >> results/live.log 2>&1": "is a line of a crontab",
    "40 * * * * cd /srv/chile-outages && make health CONFIG=\"my.yaml config/live.yaml\" > results/health.txt 2>&1 "
    "|| cat results/health.txt": "is a line of a crontab",
    "conda env create -f environment.yml": CONDA,
    "conda activate chile-outages": CONDA,
    "snakemake results/gold/all.done --cores 8 --configfile my.yaml": f"{CONDA}; run above with a folder of its own",
    "PYTHONPATH=workflow/scripts:. .venv/bin/python -m benchmarks.history --months 12 --increments": MEASURES,
    "PYTHONPATH=workflow/scripts:. .venv/bin/python -m benchmarks.bench --code ../other-checkout --results other.json":
        f"{MEASURES}; needs another checkout",
    "PYTHONPATH=workflow/scripts:. .venv/bin/python -m benchmarks.profile DIRECTORY": MEASURES,
}  # fmt: skip
#: What a command may end with besides 0: grep finds no code in the logs of a run without a warning.
EXITS = {"grep -h '\"code\"' results/logs/*/*.log": (0, 1)}
#: The reader's environment may name real targets: commands run here reach none of them.
REAL_TARGETS = {"DATABASE_URL", "SUPABASE_URL", "SUPABASE_KEY", "ALERT_WEBHOOK", "OUTAGES_NOW"}


def listed() -> list[str]:
    """Every file of the checkout that git would take."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    return [name for name in told if name and (REPOSITORY / name).is_file()]


def blocks(text: str, *languages: str) -> list[str]:
    """The fenced blocks of a document in these languages."""
    found = re.findall(r"^```(\S*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def commands(text: str) -> Iterator[str]:
    """The commands of a document."""
    for block in blocks(text, "", "sh"):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            command = re.sub(r"(^|\s)#\s.*$", "", line)
            if command.strip():
                yield " ".join(command.split())


def documented() -> dict[str, str]:
    """Command -> the first document that tells it."""
    found: dict[str, str] = {}
    for name in listed():
        if name.endswith(".md"):
            for command in commands((REPOSITORY / name).read_text()):
                found.setdefault(command, name)
    return found


def test_every_command_is_run_or_has_a_reason() -> None:
    told = documented()
    known = {*RUN, *NOT_RUN}
    assert not [f"{name}: {command}" for command, name in told.items() if command not in known]
    assert not known - told.keys(), "commands that no document tells any more"
    assert len(known) == len(RUN) + len(NOT_RUN)


def test_commands_are_told_from_comments_and_other_blocks() -> None:
    text = "```\nmake a   # why\n\n# all\nmake b \\\n  C=1\n```\n```yaml\nc: d\n```\n```sh\necho '#e'\n```\n"
    assert list(commands(text)) == ["make a", "make b C=1", "echo '#e'"]


@pytest.fixture
def clean(place: Path) -> Path:
    """A copy of the checkout as it stands, whose environment is that of these tests and is not written to."""
    folder = place / "checkout"
    for name in listed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith("."):
            (folder / ".venv" / part.name).symlink_to(part)
    # Newer than the locks, so that nothing is installed.
    for stamp in (".ready", ".testing"):
        (folder / ".venv" / stamp).touch()
    return folder


def written(folder: Path, url: str) -> None:
    """The files that a reader of the documents has written before the commands."""
    [question] = blocks((folder / "docs/tutorial.md").read_text(), "python")
    (folder / "demo").mkdir()
    (folder / "demo/question.py").write_text(question)
    source = {"kind": "replica", "url": url, "contact": "a test", "rate": 0, "concurrency": 16}
    period = {"first": "2025-05", "last": "2025-05"}
    config = {"now": "2025-06-03T15:00:00Z", "months": period, "hours": [0, 12], "source": source}
    (folder / "my.yaml").write_text(json.dumps(config))
    record(folder / "import/recorded", date(2025, 3, 1), date(2025, 3, 2))
    config = {"months": {"first": "2025-03", "last": "2025-03"}, "source": {"kind": "recorded", "path": "recorded"}}
    (folder / "recorded.yaml").write_text(json.dumps(config))


def saidi(results: Path, region: str) -> float:
    """Hours per customer in 2025, as the payload tells them."""
    items = json.loads((results / "gold/reliability.json").read_text())
    [hours] = [one["saidi_hours"] for one in items if (one["period"], one["nombre_region"]) == ("2025", region)]
    return round(float(hours), 2)


@pytest.mark.slow
def test_the_commands_do_what_they_say(clean: Path, place: Path) -> None:
    backups = place / "backups"
    backups.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in REAL_TARGETS}
    environment["PATH"] = f"{clean}/.venv/bin:{environment['PATH']}"
    said: dict[str, str] = {}
    left_out: list[str] = []

    def do(command: str) -> str:
        if command.startswith("zstd ") and not shutil.which("zstd"):
            left_out.append(command)
            return ""
        done = subprocess.run(
            ["bash", "-c", command.replace("/backups/", f"{backups}/")],
            cwd=clean, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode in EXITS.get(command, (0,)), f"{command}\n{done.stdout}"
        return done.stdout

    with replica_process(place / "replica.log", world="demo", now="2025-06-03T15:00:00Z") as replica:
        written(clean, replica.url)
        for command in RUN[:-1]:
            said[command] = do(command)
        assert "was asked 0 times" in do("make demo")
        requests = len(replica.requests("GetPorFecha"))

    demo = said["make demo"]
    assert "4 months, 2025-03 to 2025-06" in demo
    for path in re.findall(r"^  \w+ +(demo/\S+)", demo, re.MULTILINE):
        assert list(clean.glob(path)), path
    shown = [block for block in blocks((clean / "docs/tutorial.md").read_text(), "text") if block.startswith("│")]
    assert len(shown) == 2
    assert all(table in said[".venv/bin/python demo/question.py"] for table in shown)
    assert saidi(clean / "demo/results", "LA ARAUCANIA") == 14.29  # told below the tables
    assert (clean / "demo/storm.csv").is_file()
    assert "horas_observadas" in said['echo "SELECT * FROM resumen_30_dias;" | make psql DIR=demo']
    assert (clean / "demo/results/report.html").stat().st_size > 1_000_000
    assert "CREATE" in said["make supabase-sql"]
    assert "Scraping" in said[".venv/bin/snakemake -n"]
    # May, twice a day, for this directory and for work/; and what `make live` adds of June.
    assert requests >= 2 * 62 + 5
    assert "stale" not in said['make health CONFIG="my.yaml config/live.yaml"']
    assert sorted(path.name for path in backups.glob("answers/*.zst")) == ["2025-05.jsonl.zst", "2025-06.jsonl.zst"]
    assert (clean / "elsewhere/results/postgres").is_dir()
    assert (clean / "work/results/release/ro-crate-metadata.json").is_file()
    assert (clean / "import/results/gold/all.done").is_file()
    assert RUN[-1] == "make clean-demo"
    do(RUN[-1])
    assert not (clean / "demo").exists()
    if left_out:
        pytest.skip(f"all else was run and is right, but zstd is not installed: {', '.join(left_out)}")
    assert json.loads(said[RUN[1]])["fecha"] == "2025-03-01"
