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
from dataclasses import dataclass
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

from .answers import row_a, row_b

MONTH = "2025-01"
HOURS = labels(MONTH)[300:304]
BEFORE = labels(MONTH)[270:300]
NAMES = Names.load(REPOSITORY / "resources")
LONG_RUN = 20_000

# ------------------------------------------------------------------------------------------------------- bodies


@dataclass(frozen=True)
class Made:
    """The bytes of a body, and whether it is an answer of a known shape."""

    body: bytes
    valid: bool


places = st.sampled_from(
    ["Copiapo", "Copiapó ", "Ñiquén", "O`Higgins", "Metropolitana", "Atacama", "Los Lagos", "San Pedro", "Ninguna", "",
     " ", "NOMBRE_EMPRESA", "\u202eCaldera", "e\u0301", "ﬃ", "İ", "\x00", "\U0001f600", "Sierra;rda", "']\\\""]
)  # fmt: skip
names = st.none() | places | st.text(max_size=8)
customers = st.sampled_from([0, 1, 2**31 - 1, "", None, "0", "007", "999999999"]) | st.integers(0, 3000)
small = st.none() | st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 29, 2025])
starts = (
    st.none()
    | st.sampled_from(["29/1/2025", "29/01/2025", "1/1/1", "31/2/2025", "1/1/9999", "30/1/2025", "19/2/2024", "//", ""])
    | st.sampled_from(
        ["٢٩/١/٢٠٢٥", "２９/1/2025", "1/1/" + "9" * 20, "1/1/" + "9" * 5000, "-1/1/2025", "1/1/0", "²/1/2025"]
    )
    | st.dates().map(lambda day: f"{day.day}/{day.month}/{day.year}")
    | st.text("0123456789/ -", max_size=12)
)
odd_values = st.sampled_from(
    [-1, 1.5, 1.0, -0.0, True, False, float("nan"), float("inf"), 2**31, -(2**31) - 1, 2**63, 2**64, 10**30,
     "１２", "٣", "-1", " 5", "5\n", "1e3", "9" * 10, "9" * 5000, "\ud800", "\udcff", [], {}, [[[]]], {"n": {"n": 1}}]
)  # fmt: skip
odd_names = st.sampled_from(["NUEVO", "nombre_region", "d", "", "\ud800", "NOMBRE_REGION ", "N" * 500, "\x00"])
rows_a = st.builds(
    lambda comuna, clientes, inicio, more: row_a() | {"FECHA_INT_STR": inicio} | more
    | {"NOMBRE_COMUNA": comuna, "CLIENTES_AFECTADOS": clientes},
    names, customers, starts,
    st.fixed_dictionaries(
        {}, optional={"NOMBRE_REGION": names, "NOMBRE_EMPRESA": names, "ACTUALIZADO_HACE": names, "DIA_INT": small,
                      "MES_INT": small, "ANHO_INT": small, "HORA": small, "ANHO": small},
    ),
)  # fmt: skip
rows_b = st.builds(
    lambda comuna, clientes, region: row_b() | {"NOMBRE_COMUNA": comuna, "CLIENTES_AFECTADOS": clientes} | region,
    names, customers, st.fixed_dictionaries({}, optional={"NOMBRE_REGION": names}),
)  # fmt: skip
answers = st.lists(rows_a, max_size=4) | st.lists(rows_b, max_size=4)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"sort_keys": True}]
)


@st.composite
def valid_bodies(draw: st.DrawFn) -> Made:
    """An answer of a known shape; equal rows, any layout, any encoding that the decoder knows."""
    rows = draw(answers) * draw(st.sampled_from([1, 1, 1, 3]))
    text = draw(st.sampled_from(["", " ", "\r\n\t"])) + json.dumps(rows, **draw(layouts)) + draw(st.sampled_from("\n "))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "cp1252"]))
    try:
        return Made(text.encode(encoding), True)
    except UnicodeEncodeError:
        return Made(text.encode(), True)


@st.composite
def odd_rows(draw: st.DrawFn) -> Made:
    """JSON whose rows are nearly, or not at all, what the shapes allow."""
    rows: list[Any] = draw(answers)
    row = dict(draw(rows_a | rows_b))
    field = draw(st.sampled_from(sorted(row)))
    change = draw(st.sampled_from(["value", "without", "rename", "add", "empty", "not a row"]))
    if change in ("without", "rename"):
        value = row.pop(field)
    if change in ("rename", "add"):
        row[draw(odd_names)] = value if change == "rename" else draw(odd_values)
    if change == "value":
        row[field] = draw(odd_values)
    odd = {"empty": {}, "not a row": draw(odd_values)}.get(change, row)
    value = [*rows, odd, *draw(answers)]
    text = json.dumps(draw(st.sampled_from([value, {"d": value}, [value]])), **draw(layouts))
    return Made(text.encode("utf-8", "surrogatepass"), False)


@st.composite
def damaged_bodies(draw: st.DrawFn) -> Made:
    """A valid body that something happened to on its way; by chance it may still be one."""
    body = bytearray(draw(valid_bodies()).body)
    at = draw(st.integers(0, len(body) - 1))
    to = draw(st.integers(at, len(body)))
    change = draw(st.sampled_from(["cut", "flip", "lose", "repeat", "insert", "encode", "surround", "double", "nest"]))
    if change == "cut":
        del body[at:]
    elif change == "flip":
        body[at] ^= 1 << draw(st.integers(0, 7))
    elif change == "lose":
        del body[at:to]
    elif change == "repeat":
        body[at:at] = body[at:to]
    elif change == "insert":
        body[at:at] = draw(st.binary(max_size=6) | st.sampled_from([b"\\ud800", b"\\udcff", b"\xff", b"\xc3", b"NaN"]))
    elif change == "encode":
        text = bytes(body).decode("utf-8", "replace")
        body = bytearray(text.encode(draw(st.sampled_from(["utf-16", "utf-16-le", "utf-8-sig", "utf-32", "utf-7"]))))
    elif change == "surround":
        space = draw(st.sampled_from([b" " * 5000, b"\n\t\r", b"\xc2\xa0", b"\x00", b"\xef\xbb\xbf", b"\x81", b"<!--"]))
        body = bytearray(space + bytes(body) + draw(st.sampled_from([b"", space])))
    elif change == "double":
        key = draw(st.sampled_from([b'"CLIENTES_AFECTADOS":', b'"NOMBRE_EMPRESA":', b'"NOMBRE_\\u0045MPRESA":']))
        value = draw(st.sampled_from([b"5", b'"x"', b"-1", b"NaN", b"-Infinity", b"1e400", b"1" + b"0" * 5000, b"{}"]))
        body = bytearray(bytes(body).replace(b"{", b"{" + key + value + b",", 1))
    else:
        depth = draw(st.integers(1, 1100) | st.just(50_000))
        begin, end = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"NOMBRE_REGION":', b"}]")]))
        body[at:at] = begin * depth + draw(st.sampled_from([b"", b"1" + end * depth]))
    return Made(bytes(body), False)


@st.composite
def nested_values(draw: st.DrawFn) -> Made:
    """Well-formed rows with a value nested about as deep as Python follows."""
    depth = draw(st.integers(850, 1010) | st.integers(1, 5000))
    begin, end = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    return Made(json.dumps([row_b(clientes="@")]).replace('"@"', begin * depth + "1" + end * depth).encode(), False)


pages = st.sampled_from([b"", b" \n", b"<html>Just a moment", b"\xef\xbb\xbf<!doctype html>", b"null", b'""', b"[1]"])
bodies = st.one_of(
    valid_bodies(), valid_bodies(), odd_rows(), damaged_bodies(), nested_values(),
    st.builds(Made, pages | st.binary(max_size=40), st.just(False)),
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ headers

digits = st.sampled_from(["0", "5", "٣", "12３", "9" * 400, " 7 ", "-1", "1.5", "+3", "1e3", "\x1c5", "nan", "inf", ""])
zones = st.sampled_from(["GMT", "+0000", "-9999", "+99999999999999999999", "CLT", "", "-0000", "+2359"])
dates = st.builds(
    lambda day, month, year, hour, zone: f"Wed, {day} {month} {year} {hour}:28:00 {zone}",
    st.integers(-1, 40), st.sampled_from(["Oct", "oct", "13", "Foo", ""]),
    st.integers(-10, 10_000) | st.sampled_from([10**20, "٢٠٢٥"]), st.integers(-1, 99), zones,
)  # fmt: skip
any_text = st.text(st.characters(), max_size=30)  # halves of surrogate pairs too, as aiohttp passes odd bytes on
headers = digits | dates | any_text | st.builds("".join, st.lists(dates | digits | any_text, max_size=3))
header_bytes = st.builds(
    lambda value: bytes(byte for byte in value if byte not in b"\r\n"),
    st.binary(max_size=20) | headers.map(lambda text: text.encode("utf-8", "surrogatepass")),
)

# --------------------------------------------------------------------------------------------------- properties


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


label_texts = (
    st.datetimes().map(str)
    | st.datetimes(timezones=st.timezones() | st.just(UTC)).map(datetime.isoformat)
    | st.sampled_from(
        ["9999-12-31T23:00:00-12:00", "0001-01-01T00:00:00+12:00", "2025-09-07 00:00", "２０２５-01-01 10:00"]
    )
    | st.sampled_from(
        ["2025-01-01", "2025-W01-1T10", "20250101T10", "2025-01-01T24:00", "2025-01-01T10:00:00+23:59:59"]
    )
    | st.builds("{:02}/{:02}/{:04} {:02}:{:02}".format, *[st.integers(-1, limit) for limit in (32, 13, 9999, 25, 61)])
    | any_text
)
parts = st.integers(-1, 40) | st.sampled_from([2017, 2025, 10**30, -(10**30), 2**31])
label_values = (
    st.none() | label_texts | st.dictionaries(st.sampled_from(["anho", "mes", "dia", "hora", "x"]), parts, max_size=5)
    | st.fixed_dictionaries({"anho": st.integers(2016, 2027), "mes": parts, "dia": parts, "hora": parts})
)  # fmt: skip


def hours_are_read_or_refused(value: Any) -> None:
    try:
        label = parse_label(value, "a.json#1")
    except OutagesError as error:
        str(error).encode()
    else:
        assert exists(label)
        assert 2000 <= label.fecha.year < 2100


entries = st.builds(
    lambda when, data, success, more: {"success": success, "fecha_consultada": when, "data": data} | more,
    st.sampled_from(["2025-01-05 12:00", "2025-01-06T06:00:00-03:00"]) | label_values, answers,
    st.sampled_from([True, True, True, False, None]),
    st.fixed_dictionaries({}, optional={"hora_server": names | odd_values, "hora_server_scraping": names}),
)  # fmt: skip


@st.composite
def year_files(draw: st.DrawFn) -> bytes:
    """A year file, whole or damaged."""
    text = json.dumps({"metadata": {}, "data": draw(st.lists(entries | st.just("error"), max_size=4))}, **draw(layouts))
    body = bytearray(text.encode("utf-8", "surrogatepass"))
    at = draw(st.integers(0, len(body) - 1))
    inserts = st.sampled_from(
        [b"", b"", b"\xff", b'"\xe9"', b"[" * 20_000, b'{"a":' * 995, b"\\ud800", b"\xef\xbb\xbf"]
    )
    body[at:at] = draw(inserts)
    return bytes(body[: draw(st.sampled_from([len(body), len(body), at]))])


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


statuses = st.sampled_from([200, 200, 200, 200, 200, 204, 302, 307, 403, 404, 429, 503, 999])
#: No redirect leads anywhere but to loopback.
redirects = st.sampled_from([b"/", b"/\xff", b"http://\xff/", b"http://127.0.0.1:1/", b"http://[/", b"mailto:x", b""])
kinds = st.sampled_from([b"application/json; charset=utf-8", b"application/json; charset=\xff", b"x", b""])
told_headers = st.fixed_dictionaries(
    {b"Date": header_bytes},
    optional={b"Retry-After": header_bytes, b"Content-Type": kinds | header_bytes, b"X-Hm": header_bytes,
              b"Content-Encoding": st.sampled_from([b"gzip", b"br", b"\xff", b"identity"]), b"Location": redirects},
)  # fmt: skip


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
