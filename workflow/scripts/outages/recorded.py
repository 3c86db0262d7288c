"""Answers that someone recorded: one JSON file per hour, the predecessor's year files, or bronze of someone else.

Recorded answers of shape A are irreplaceable (the source no longer names the company), so an entry that cannot
be read stops the import with its file and place; nothing is skipped in silence.
"""

from __future__ import annotations

import hashlib
import os
import re
from calendar import monthrange
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .clock import Label, exists, labels, local, month_of, parse_month, utc
from .errors import OutagesError
from .store import WITH_ROWS, read_lines, refuse_mixed

_YEAR_FILE = re.compile(r"checkpoint_(\d{4})\.json\Z")
_WHOLE_FILE = re.compile(r"dataset_.*\.json\Z")
_MONTH = re.compile(r"\d{4}-\d{2}")
_BRONZE_FILE = re.compile(r"(\d{4}-\d{2})\.jsonl\.zst\Z")
#: Years that a recorded hour can be of; the source begins in 2017.
_YEARS = range(2000, 2100)
_DATES = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M")


class Recorded(NamedTuple):
    """One recorded answer: the hour asked for, where it stands, its bytes, and what the recorder tells."""

    label: Label
    origin: str
    body: bytes
    server_date: str | None = None
    asked_at: str | None = None
    answered_at: str | None = None


class Entry(msgspec.Struct):
    """One snapshot of a year file; its rows stay the bytes that the file holds."""

    success: bool
    fecha_consultada: str | dict[str, int] | None = None
    hora_server: Any = None
    hora_server_scraping: Any = None
    data: msgspec.Raw = msgspec.Raw(b"")


class YearFile(msgspec.Struct):
    """`checkpoint_{year}.json`; an entry that failed may be a mere string."""

    data: list[Entry | str]


class WholeFile(msgspec.Struct):
    """`dataset_*.json`: year files by year."""

    data_by_year: dict[str, YearFile]


def told_name(path: Path) -> str:
    """A file's name as messages and the store can hold it; bytes that are no text are escaped."""
    return path.name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def files_of(folder: Path, pattern: str, month: str) -> list[Path]:
    """The files that may hold answers of a local month, sorted; a missing folder is an error."""
    if not folder.is_dir():
        raise _no_folder(folder)
    found = [path for path in _hourly(folder, pattern, month) if path.exists()]
    return sorted([*found, *(path for path in folder.iterdir() if _may_hold(path.name, month))])


def _hourly(folder: Path, pattern: str, month: str) -> dict[Path, Label]:
    """The hour that each hourly file of the month would hold; a file of an hour that never happened is an error."""
    hours = labels(month)
    named = {folder / hour_name(pattern, label): label for label in hours}
    if len(named) < len(hours):
        raise OutagesError("RECORDED_PATTERN", f"source.pattern '{pattern}' gives several hours the same name")
    for never in {Label(label.fecha, hour) for label in hours for hour in range(24)} - set(hours):
        path = folder / hour_name(pattern, never)
        if path.exists():
            raise OutagesError(
                "RECORDED_HOUR", f"{told_name(path)}: {never} is no local hour that happened", file=told_name(path)
            )
    return named


def hour_name(pattern: str, label: Label) -> str:
    """The file name of an hour by the pattern of the config, such as "{fecha}T{hora:02d}.json"."""
    try:
        return pattern.format(fecha=label.fecha, hora=label.hora)
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        raise OutagesError(
            "RECORDED_PATTERN", f"source.pattern '{pattern}' is not usable ({error}): it may name fecha and hora only"
        ) from error


class Listing:
    """Digests of the months' files, each folder looked through once: 108 months of hourly files are 79,000 names."""

    def __init__(self, folder: Path, pattern: str) -> None:
        """Read the folder; a missing one is an error."""
        self._folder, self._pattern = folder, pattern
        self._held: dict[str, dict[str, tuple[str, int, int]]] = {}
        if not folder.is_dir():
            raise _no_folder(folder)
        #: Files that may hold months, and the months that names of the others, of single hours, may speak of.
        self._whole = [name for name in self._files("") if _of_months(name)]
        hourly = self._files("").keys() - self._whole
        self._named = {month for name in hourly for month in _MONTH.findall(name)}

    def digest(self, month: str) -> str:
        """Digest of the month's files by name, size and time: a new or changed file makes its month pending.

        A file of an hour that never happened counts too: the month's job then refuses it.
        """
        year, number = parse_month(month)
        days = [date(year, number, day) for day in range(1, monthrange(year, number)[1] + 1)]
        hours = range(24 if self._may_have_hours(month, days[0]) else 0)
        names = [hour_name(self._pattern, Label(day, hour)) for day in days for hour in hours]
        top = self._files("")
        whole = {top[name] for name in self._whole if _may_hold(name, month)}
        found = {told for name in names if (told := self._find(name))} | whole
        return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()[:16]

    def _may_have_hours(self, month: str, first: date) -> bool:
        """Whether files of single hours may be there: to look for all 79,000 of nine years takes 0.1 s of every run."""
        name = hour_name(self._pattern, Label(first, 0))
        # Told by the name, not by the pattern: {fecha:%D} makes folders too.
        return "/" in name or month not in name or month in self._named

    def _find(self, name: str) -> tuple[str, int, int] | None:
        parent, _, last = name.rpartition("/")
        return self._files(parent).get(last)

    def _files(self, parent: str) -> dict[str, tuple[str, int, int]]:
        if parent not in self._held:
            place = self._folder / parent
            with os.scandir(place) if place.is_dir() else nullcontext(()) as entries:
                told = ((entry.name, entry.stat()) for entry in entries if entry.is_file())
                self._held[parent] = {name: (name, stat.st_size, stat.st_mtime_ns) for name, stat in told}
        return self._held[parent]


def _of_months(name: str) -> bool:
    """Whether a file is by its name a year file, a whole one or bronze."""
    return any(form.match(name) for form in (_YEAR_FILE, _WHOLE_FILE, _BRONZE_FILE))


def _may_hold(name: str, month: str) -> bool:
    """Whether a year file or bronze of this name may hold answers of a local month."""
    year, bronze = _YEAR_FILE.match(name), _BRONZE_FILE.match(name)
    return bool((year and year[1] == month[:4]) or _WHOLE_FILE.match(name) or (bronze and bronze[1] == month))


def _no_folder(folder: Path) -> OutagesError:
    return OutagesError("RECORDED_FOLDER", f"{folder}: no such folder (source.path)", file=str(folder))


def read_recorded(folder: Path, pattern: str, month: str, since: datetime | None = None) -> Iterator[Recorded]:
    """Every recorded answer of a local month, file by file in their order, hours of hourly files in order.

    With `since` (UTC) only those of hours that begin then or later.
    """
    hourly = _hourly(folder, pattern, month)
    begin = since or utc(labels(month)[0])
    for path in files_of(folder, pattern, month):
        if path in hourly:
            if utc(hourly[path]) >= begin:
                yield Recorded(hourly[path], told_name(path), path.read_bytes())
            continue
        answers = _bronze(path, month) if _BRONZE_FILE.match(path.name) else _year_file(path)
        yield from (one for one in answers if month_of(one.label) == month and utc(one.label) >= begin)


def _bronze(path: Path, month: str) -> Iterator[Recorded]:
    for number, line in enumerate(read_lines(path), start=1):
        refuse_mixed({line.source, "recorded"}, path.name)
        if month_of(line.label) != month or not exists(line.label):
            raise OutagesError(
                "RECORDED_HOUR",
                f"{told_name(path)}, line {number}: {line.label} is no hour of {month}",
                file=told_name(path),
            )
        if line.outcome in WITH_ROWS or line.outcome == "empty":
            body = line.body.encode(line.encoding)
            yield Recorded(line.label, path.name, body, line.server_date, line.asked_at, line.answered_at)


def _year_file(path: Path) -> Iterator[Recorded]:
    whole = bool(_WHOLE_FILE.match(path.name))
    try:
        content = path.read_bytes()
        years = (
            msgspec.json.decode(content, type=WholeFile).data_by_year
            if whole
            else {"": msgspec.json.decode(content, type=YearFile)}
        )
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise OutagesError(
            "RECORDED_FILE", f"{told_name(path)} is no year file: {error}", file=told_name(path)
        ) from error
    for year, file in years.items():
        for number, entry in enumerate(file.data):
            if isinstance(entry, str) or not entry.success:
                continue
            origin = f"{told_name(path)}#{year}{'/' if year else ''}{number}"
            label = parse_label(entry.fecha_consultada, origin)
            if not whole and str(label.fecha.year) != path.stem[-4:]:
                raise OutagesError("RECORDED_HOUR", f"{origin}: {label} is not of the file's year", file=origin)
            server = entry.hora_server if entry.hora_server is not None else entry.hora_server_scraping
            yield Recorded(
                label,
                origin,
                bytes(entry.data),
                None if server is None else str(server),
            )


def parse_label(value: str | dict[str, int] | None, origin: str) -> Label:
    """The hour asked for, as a year file writes it: `YYYY-MM-DD HH:MM[:SS]`, ISO, `dd/mm/yyyy HH:MM` or a dict.

    Minutes are cut off; a local hour that never happened is an error.
    """
    label = None
    if isinstance(value, dict) and {"anho", "mes", "dia", "hora"} <= value.keys():
        try:
            label = Label(date(value["anho"], value["mes"], value["dia"]), value["hora"])
        except (ValueError, OverflowError):
            label = None
    elif isinstance(value, str):
        moment = _moment(value.strip())
        label = Label(moment.date(), moment.hour) if moment else None
    if label is None or label.fecha.year not in _YEARS or not 0 <= label.hora <= 23 or not exists(label):
        raise OutagesError(
            "RECORDED_HOUR",
            f"{origin}, field fecha_consultada: {value!r} is no local hour that happened",
            file=origin,
            field="fecha_consultada",
        )
    return label


def _moment(text: str) -> datetime | None:
    for form in _DATES:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    if len(text) <= len("2024-08-02"):  # a day alone would become midnight, which nobody said
        return None
    try:
        moment = datetime.fromisoformat(text)
        # A text with a zone is a moment, and its local hour is meant; one without is the local hour itself.
        return local(moment).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
