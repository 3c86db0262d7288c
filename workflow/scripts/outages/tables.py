"""Rows of a table that a person exported: CSV (comma, semicolon or tab; UTF-8 or Windows-1252) or Excel.

Columns are found by their normalised headers, anywhere in the first rows; every cell knows where it stands, so
that what is wrong with it can be told.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import OutagesError
from .names import normalise

#: Rows at the top among which the header is sought (exports may open with a title).
HEADER_WITHIN = 20
EXCEL = frozenset({".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})
Headers = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Cell:
    """Text of a cell without blanks around it, whether it is a number cell of Excel, and where it stands."""

    text: str
    number: bool
    file: str
    row: int
    column: str

    def wrong(self, why: str) -> OutagesError:
        """The error PROJECTS_FILE that names file, row, column and value."""
        return OutagesError(
            "PROJECTS_FILE",
            f"{self.file}, row {self.row}, column '{self.column}', value '{self.text}': {why}",
            file=self.file,
            row=self.row,
            column=self.column,
            value=self.text,
        )


Row = dict[str, Cell]
#: (row as a person counts it, [(text, whether a number cell)])
Line = tuple[int, list[tuple[str, bool]]]


def read_table(path: Path, headers: Headers, optional: frozenset[str] = frozenset()) -> list[Row]:
    """The rows of a file by the keys of `headers` (key: normalised headers, the first that is there counts).

    Blank rows are left out; an optional column that is missing gives blank cells. Raises `OutagesError`
    PROJECTS_FILE for a file that cannot be read, that lacks a column or has it twice, and for a row that is too short
    or longer than the header.
    """
    try:
        lines = _excel(path) if path.suffix.lower() in EXCEL else _best_csv(path, headers)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OutagesError("PROJECTS_FILE", f"{path} cannot be read: {error}", file=str(path)) from error
    at, titles = _header(lines, headers)
    header_row, header = lines[at] if lines else (1, [])
    places: dict[str, tuple[int, str]] = {}
    for key, known in headers.items():
        title = next((title for title in known if title in titles), None)
        if title is None and key in optional:
            continue
        if title is None or titles.count(title) > 1:
            why = f"two columns are named {title}" if title else f"no column is named {' or '.join(known)}"
            raise _refused(path, header_row, why, column=title or known[0])
        position = titles.index(title)
        places[key] = (position, header[position][0].strip())
    needed = 1 + max(position for position, _ in places.values())
    rows = []
    for number, cells in lines[at + 1 :]:
        if not any(text.strip() for text, _ in cells):
            continue
        if len(cells) < needed or any(text.strip() for text, _ in cells[len(header) :]):
            raise _refused(path, number, f"it has {len(cells)} cells, the header has {len(header)}")
        row = {}
        for key, known in headers.items():
            position, title = places.get(key, (len(cells), known[0]))
            text, is_number = cells[position] if key in places else ("", False)
            row[key] = Cell(" ".join(text.split()), is_number, str(path), number, title)
        rows.append(row)
    return rows


def _refused(path: Path, row: int, why: str, **facts: str) -> OutagesError:
    return OutagesError("PROJECTS_FILE", f"{path}, row {row}: {why}", file=str(path), row=row, **facts)


def _header(lines: list[Line], headers: Headers) -> tuple[int, list[str]]:
    """(index, normalised titles) of the row among the first that knows most of the columns."""
    candidates = [(at, [normalise(text) for text, _ in cells]) for at, (_, cells) in enumerate(lines[:HEADER_WITHIN])]
    return max(candidates, key=lambda found: _known(found[1], headers), default=(0, []))


def _known(titles: list[str], headers: Headers) -> int:
    return sum(any(title in titles for title in known) for known in headers.values())


def _best_csv(path: Path, headers: Headers) -> list[Line]:
    """The lines of a CSV under the separator that makes most columns known."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
    if "\0" in text:
        raise _refused(path, 1 + text.count("\n", 0, text.index("\0")), "there is a NUL character")
    top = text.splitlines()[:HEADER_WITHIN]

    def known(mark: str) -> int:
        lines: list[Line] = [(0, [(cell, False) for cell in row]) for row in csv.reader(top, delimiter=mark)]
        return _known(_header(lines, headers)[1], headers)

    return _csv(path, text, max(",;\t", key=known))


def _csv(path: Path, text: str, separator: str) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[Line] = []
    begin = 1
    try:
        for row in reader:
            lines.append((reader.line_num, [(cell, False) for cell in row]))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise _refused(path, begin, f"its quotes cannot be read: {error}") from error
    return lines


def _excel(path: Path) -> list[Line]:
    """The lines of the first sheet. Dates come as ISO text; a cell that reads as a boolean is a number."""
    import fastexcel

    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        book = fastexcel.read_excel(path)
        # Without `skip_rows` the blank rows at the top would go, and with them the numbers of the rows.
        texts = book.load_sheet(0, header_row=None, skip_rows=0, dtypes="string").to_polars()
        numbers = book.load_sheet(0, header_row=None, skip_rows=0, dtypes="boolean").to_polars()
    except fastexcel.FastExcelError as error:
        raise OutagesError("PROJECTS_FILE", f"{path} cannot be read: {error}", file=str(path)) from error

    def lines() -> Iterator[Line]:
        for row, (said, flags) in enumerate(zip(texts.iter_rows(), numbers.iter_rows(), strict=True), start=1):
            yield row, [(text or "", flag is not None) for text, flag in zip(said, flags, strict=True)]

    return list(lines())
