"""What holds for any body and any header: coded errors only, no row lost, every byte kept.

Each property is a plain function. `make test` tries it with the same examples every time; `make test-slow` with
twenty thousand new ones, from a seed that it prints and that FUZZ_SEED repeats.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import hypothesis
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from outages import silver
from outages.acquire import Intake, decode
from outages.asking import ask_hours
from outages.breaker import Breaker
from outages.client import Client, Manners, Reply, retry_after
from outages.clock import Label, exists, labels, month_end
from outages.errors import OutagesError
from outages.fingerprint import REPOSITORY
from outages.ledger import Plausibility
from outages.names import Names
from outages.recorded import parse_label, read_recorded
from outages.reporting import log, open_log
from outages.shapes import Drift, parse
from outages.store import Answer, Store, digest, read_lines, seal

from .fuzzing import Made, bodies, headers, label_values, statuses, told_headers, valid_bodies, year_files

MONTH = "2025-01"
HOURS = labels(MONTH)[300:304]
BEFORE = labels(MONTH)[270:300]
NAMES = Names.load(REPOSITORY / "resources")
LONG_RUN = 20_000


def answers_or_coded_errors(made: Made) -> None:
    text, encoding = decode(made.body)
    assert text.encode(encoding) == made.body
    try:
        shape, rows = parse(text)
    except Drift as drift:
        assert not made.valid, drift
        assert drift.code.startswith("DRIFT_")
        json.dumps([str(drift), drift.facts], ensure_ascii=False).encode()  # as a log line says it
    else:
        assert (shape is None) == (not rows)
        assert len(rows) == len(json.loads(text))


class Arrival(NamedTuple):
    """A body for one hour, and when it was asked (None: a recorder that does not tell)."""

    label: Label
    made: Made
    asked_at: str | None


moments = st.none() | st.sampled_from([f"2025-02-0{day}T00:00:00.000Z" for day in range(1, 5)])
arrivals = st.lists(st.builds(Arrival, st.sampled_from(HOURS), bodies, moments), min_size=1, max_size=6)


class Counted(NamedTuple):
    """What an accepted answer must bring, counted by nothing but the standard library."""

    shape_a: bool
    asked_at: str
    number: int
    rows: int
    customers: int


def counted(made: Made, asked_at: str | None, number: int) -> Counted:
    rows = json.loads(decode(made.body)[0])
    told = [row["CLIENTES_AFECTADOS"] or 0 for row in rows]
    return Counted("NOMBRE_EMPRESA" in (rows or [{}])[0], asked_at or "", number, len(rows), sum(map(int, told)))


def every_row_is_accounted_for(arrived: list[Arrival], usual: bool, accept: bool, cap: int | None) -> None:
    with store() as (kept, folder):
        before = Plausibility(dict.fromkeys(BEFORE, 30)) if usual else None
        count: dict[Label, list[Counted]] = {}
        implausible = total = 0
        originals = []
        with kept.writing("sec") as (writer, known, _):
            intake = Intake(writer, known, before, "sec", folder / "quarantine")
            for number, (label, made, asked_at) in enumerate(arrived):
                reply = Reply(made.body, 200, None, asked_at, asked_at, 5) if asked_at else None
                try:
                    outcome = intake.accept(label, made.body, "a.json", reply)
                except Drift as drift:
                    assert not made.valid, drift
                    assert Path(str(drift.facts["quarantine"])).read_bytes() == made.body
                    intake.attempt(label, "drift", asked_at or "2025-02-01T00:00:00.000Z", 200)
                    continue
                originals.append(made.body)
                one = counted(made, asked_at, number)
                total += one.rows
                if outcome == "implausible" and not accept:
                    implausible += one.rows
                elif one.rows:
                    count.setdefault(label, []).append(one)
        assert kept.read() == known
        bronze = folder / "bronze.jsonl.zst"
        seal(known, bronze)
        sealed = list(read_lines(bronze))
        assert sorted(a.body.encode(a.encoding) for a in sealed if a.outcome != "drift") == sorted(originals)

        reading = silver.read_answers(sealed, accept)
        observations, counts = silver.observe(reading, NAMES, {"03": cap, "00": cap}, 7)
        states = silver.hour_states(MONTH, reading, observations, "all", month_end(MONTH))
        receipt = silver.reconcile(MONTH, reading, observations, states, counts, "all", "2025-02-01T03:00:00.000Z")
        best = {label: max(group) for label, group in count.items()}
        observed = sum(one.rows for one in best.values())
        assert receipt["rows"] == {
            "read": total, "summed": observed, "superseded": total - observed - implausible, "implausible": implausible,
        }  # fmt: skip
        by_hour = observations.group_by("fecha", "hora").agg(rows=silver.pl.col("filas").sum(), told=REPORTED.sum())
        assert {Label(fecha, hora): (rows, told) for fecha, hora, rows, told in by_hour.iter_rows()} == {
            label: (one.rows, one.customers) for label, one in best.items()
        }
        assert states.filter(silver.pl.col("estado") == "observed")["filas"].sum() == observed
        assert observations.filter(silver.pl.col("clientes_afectados") > REPORTED).is_empty()
        assert (observations["clientes_afectados"] != observations["clientes_reportados"]).sum() == counts["capped"]


REPORTED = silver.pl.col("clientes_reportados")


def the_store_keeps_every_byte(batches: list[list[Made]], cut: float) -> None:
    with store() as (kept, folder):
        put: list[Answer] = []
        ends = [(0, 0)]
        for batch in batches:
            with kept.writing("sec") as (writer, known, torn):
                assert (known, torn) == (put, 0)
                for made in batch:
                    text, encoding = decode(made.body)
                    label = HOURS[len(put) % len(HOURS)]
                    told: dict[str, Any] = {"fecha": label.fecha.isoformat(), "hora": label.hora, "source": "sec"}
                    put.append(
                        Answer(**told, body=text, encoding=encoding, sha256=digest(made.body), outcome="observed")
                    )
                    writer.append(put[-1])
                writer.flush()
            ends.append((kept.path.stat().st_size, len(put)))
        assert kept.read() == put
        original = [made.body for batch in batches for made in batch]
        assert [answer.body.encode(answer.encoding) for answer in kept.read()] == original
        bronze = folder / "bronze.jsonl.zst"
        seal(put, bronze)
        assert sorted(answer.body.encode(answer.encoding) for answer in read_lines(bronze)) == sorted(original)
        assert all(digest(answer.body.encode(answer.encoding)) == answer.sha256 for answer in read_lines(bronze))

        left = int(cut * kept.path.stat().st_size)
        os.truncate(kept.path, left)  # a crash in the middle of a write
        assert kept.read() == put[: max(count for end, count in ends if end <= left)]


def retry_after_is_seconds_or_nothing(header: str | None) -> None:
    seconds = retry_after(header)
    assert seconds is None or seconds >= 0


def hours_are_read_or_refused(value: Any) -> None:
    try:
        label = parse_label(value, "a.json#1")
    except OutagesError as error:
        str(error).encode()
    else:
        assert exists(label)
        assert 2000 <= label.fecha.year < 2100


def year_files_are_read_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint_2025.json"
        path.write_bytes(content)
        try:
            recorded = list(read_recorded(path.parent, "{fecha}T{hora:02d}.json", MONTH))
        except OutagesError as error:
            str(error).encode()
        else:
            for one in recorded:
                assert one.body in content
                decode(one.body)
                json.dumps(one.server_date, ensure_ascii=False).encode()


def replies_are_kept_or_refused(made: Made, status: int, told: dict[bytes, bytes]) -> None:
    """One real request, answered with these headers: what comes of it is in the store, or a coded error."""
    head = b"".join(b"%s: %s\r\n" % pair for pair in told.items())
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(made.body)
    reply = b"HTTP/1.1 %d Hm\r\n" % status + head + length + made.body
    label = HOURS[0]

    async def talk(folder: Path, intake: Intake, writer: Any) -> list[Label]:
        server = await asyncio.start_server(lambda r, w: answer_once(r, w, reply), "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            manners = Manners(url, "test", 0, 1, timeout=10, attempts=1, wait=0, wait_max=0)
            async with Client(manners, Breaker(folder / "breaker.json"), lambda: datetime.now(UTC)) as client:
                return await ask_hours(client, intake, writer, [label], 1)

    with store() as (kept, folder):
        logs = folder / "scrape.log"
        open_log(logs, "scrape", MONTH)
        try:
            with kept.writing("sec") as (writer, known, _):
                failed = asyncio.run(talk(folder, Intake(writer, known, None, "sec", folder / "quarantine"), writer))
                assert failed == [label] * (known[-1].outcome == "failed")
        except OutagesError as error:
            log().error("failed", code=error.code, message=error.message, **error.facts)
        finally:
            structlog.reset_defaults()
        assert all(json.loads(line)["event"] for line in logs.read_bytes().splitlines())
        assert kept.read() == known
        assert len(known) == 1
        if known[0].outcome in ("observed", "empty"):
            assert known[0].body.encode(known[0].encoding) == made.body
        elif known[0].outcome == "drift":
            assert [path.read_bytes() for path in (folder / "quarantine").iterdir()] == [made.body]


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bytes) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.lower().splitlines() if line.startswith(b"content-length")]
    await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
    writer.write(reply)
    await writer.drain()
    writer.close()


@contextmanager
def store() -> Iterator[tuple[Store, Path]]:
    """A month's store in a folder of its own."""
    with TemporaryDirectory() as folder:
        yield Store(Path(folder) / "answers", MONTH), Path(folder)


# --------------------------------------------------------------------------------------------------------- runs


class Property(NamedTuple):
    """What must hold, of which examples, and how many of them `make test` tries."""

    check: Callable[..., None]
    examples: int
    arguments: dict[str, st.SearchStrategy[Any]]


PROPERTIES = [
    Property(answers_or_coded_errors, 1000, {"made": bodies}),
    Property(
        every_row_is_accounted_for,
        250,
        {"arrived": arrivals, "usual": st.booleans(), "accept": st.booleans(), "cap": st.none() | st.integers(0, 99)},
    ),
    Property(
        the_store_keeps_every_byte,
        150,
        {"batches": st.lists(st.lists(bodies, min_size=1, max_size=3), min_size=1, max_size=3), "cut": st.floats(0, 1)},
    ),
    Property(retry_after_is_seconds_or_nothing, 500, {"header": st.none() | headers}),
    Property(hours_are_read_or_refused, 500, {"value": label_values}),
    Property(year_files_are_read_or_refused, 120, {"content": year_files()}),
    Property(
        replies_are_kept_or_refused,
        200,
        {"made": valid_bodies() | bodies, "status": statuses, "told": told_headers},
    ),
]
each_property = pytest.mark.parametrize("of", PROPERTIES, ids=[of.check.__name__ for of in PROPERTIES])


def try_examples(of: Property, number: int, profile: str, seed: int | None = None) -> None:
    run = settings(settings.get_profile(profile), max_examples=number)(given(**of.arguments)(of.check))
    (run if seed is None else hypothesis.seed(seed)(run))()


def test_at_least_two_thousand_examples_are_tried() -> None:
    assert sum(of.examples for of in PROPERTIES) >= 2000


@each_property
def test_holds_for_the_same_examples_every_time(of: Property) -> None:
    try_examples(of, of.examples, "repeatable")


@pytest.mark.slow
@each_property
def test_holds_for_many_new_examples(of: Property, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("FUZZ_SEED") or secrets.randbits(32))
    number = 1 + LONG_RUN * of.examples // sum(each.examples for each in PROPERTIES)
    with capsys.disabled():
        print(f"\n  {of.check.__name__}: {number} examples, FUZZ_SEED={seed}")
    try_examples(of, number, "random", seed)
