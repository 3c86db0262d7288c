"""Recorded files that are no answers: each stops its month, the others are built, and nothing bad gets in."""

import json
import os
import select
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from outages.postgres import database

from .workflow_runs import Work, checkout, record

DAY = "12T12.json"


def spoil(path: Path, kind: str) -> None:
    """Put something that is no answer in the place of one."""
    rows = json.loads(path.read_bytes())
    if kind == "added field":
        rows[2]["NUEVO"] = 1
    elif kind == "missing field":
        del rows[2]["NOMBRE_COMUNA"]
    elif kind == "out of bounds":
        rows[2]["CLIENTES_AFECTADOS"] = -5
    texts = {"html": "<html><body>Mantenimiento</body></html>", "empty file": "", "truncated": json.dumps(rows)[:-30]}
    path.write_text(texts.get(kind, json.dumps(rows)))


#: Month -> what is done to one of its files, and the parts of the message that must tell it.
MONTHS = {
    "2025-01": ("added field", "DRIFT_FIELDS", ": row 2 ", "adds ['NUEVO']"),
    "2025-02": ("missing field", "DRIFT_FIELDS", ": row 2 ", "lacks ['NOMBRE_COMUNA']"),
    "2025-03": ("out of bounds", "DRIFT_VALUE", ": row 2, field CLIENTES_AFECTADOS: -5"),
    "2025-04": ("html", "DRIFT_HTML", ": the answer is a page of HTML"),
    "2025-05": ("truncated", "DRIFT_NOT_JSON", ": the answer is not JSON, or cut off"),
    "2025-06": ("empty file", "DRIFT_EMPTY_BODY", ": the answer has no content"),
}


@pytest.fixture(scope="module")
def spoiled(place: Path) -> Work:
    config = {
        "months": {"first": "2025-01", "last": "2025-07"},
        "hours": [12],
        "source": {"kind": "recorded", "path": "recorded"},
    }
    work = Work(place / "work", checkout(place / "code"), config)
    for month in (*MONTHS, "2025-07"):
        begin = date.fromisoformat(f"{month}-11")
        record(work.folder / "recorded", begin, begin.replace(day=13))
    for month, (kind, *_) in MONTHS.items():
        spoil(work.folder / "recorded" / f"{month}-{DAY}", kind)
    work.must_fail("results/gold/all.done", "--keep-going")
    return work


@pytest.mark.parametrize("month", MONTHS)
def test_the_message_names_file_hour_row_and_field(month: str, spoiled: Work) -> None:
    _, code, *parts = MONTHS[month]
    line = next(line for line in spoiled.output.splitlines() if line.startswith(f"scrape {month}: "))
    assert line.startswith(f"scrape {month}: {code}: {month}-{DAY}, hour {month}-12T12")
    assert all(part in line for part in parts)
    kept = list((spoiled.folder / "results" / "quarantine" / month).iterdir())
    assert [path.read_bytes() for path in kept] == [(spoiled.folder / "recorded" / f"{month}-{DAY}").read_bytes()]
    last = json.loads((spoiled.folder / f"results/logs/scrape/{month}.log").read_text().splitlines()[-1])
    assert (last["event"], last["month"], last["hour"]) == ("failed", month, f"{month}-12T12")


@pytest.mark.skipif(sys.platform != "linux", reason="pipes keep what was written apart on Linux only")
def test_lines_of_processes_do_not_mix(spoiled: Work) -> None:
    read, write = os.pipe2(os.O_DIRECT)  # each read gives what one write has put in, up to a page
    work = replace(spoiled, environment={"PYTHONUNBUFFERED": "1"})
    pieces = []
    with work.start("results/gold/all.done", "--keep-going", output=write):
        os.close(write)
        while select.select([read], [], [], 120)[0] and (piece := os.read(read, 1 << 16)):
            pieces.append(piece)
    os.close(read)
    begun = next(number for number, piece in enumerate(pieces) if piece.startswith(b"Select jobs"))
    assert [piece for piece in pieces[begun:] if not piece.endswith(b"\n") and len(piece) < select.PIPE_BUF] == []
    assert sum(piece.startswith(b"scrape 2025-0") for piece in pieces) == len(MONTHS)


def test_only_the_good_month_is_built_and_loaded(spoiled: Work) -> None:
    assert [path.name for path in (spoiled.folder / "results/load").iterdir()] == ["2025-07.json"]
    assert not (spoiled.folder / "results/gold/all.done").exists()
    with database(None, spoiled.folder / "results/postgres") as conn:
        assert conn.execute("SELECT DISTINCT mes FROM observaciones").fetchall() == [(202507,)]
        assert conn.execute("SELECT DISTINCT mes FROM cobertura").fetchall() == [(202507,)]
        assert conn.execute("SELECT mes FROM cargas").fetchall() == [(202507,)]


def test_a_mended_file_builds_its_month(spoiled: Work) -> None:
    begin = date(2025, 1, 12)
    record(spoiled.folder / "recorded", begin, begin)
    spoiled.must("results/load/2025-01.json")
    receipt = json.loads((spoiled.folder / "results/silver/2025-01.json").read_text())
    assert receipt["hours"]["observed"] == 3
