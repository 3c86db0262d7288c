"""Examples for test_fuzz.py: bodies, headers, hours and year files, whole, odd or damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from .answers import row_a, row_b

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

statuses = st.sampled_from([200, 200, 200, 200, 200, 204, 302, 307, 403, 404, 429, 503, 999])
#: No redirect leads anywhere but to loopback.
redirects = st.sampled_from([b"/", b"/\xff", b"http://\xff/", b"http://127.0.0.1:1/", b"http://[/", b"mailto:x", b""])
kinds = st.sampled_from([b"application/json; charset=utf-8", b"application/json; charset=\xff", b"x", b""])
told_headers = st.fixed_dictionaries(
    {b"Date": header_bytes},
    optional={b"Retry-After": header_bytes, b"Content-Type": kinds | header_bytes, b"X-Hm": header_bytes,
              b"Content-Encoding": st.sampled_from([b"gzip", b"br", b"\xff", b"identity"]), b"Location": redirects},
)  # fmt: skip

# ------------------------------------------------------------------------------------------ hours and year files

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
