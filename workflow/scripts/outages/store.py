"""The store of record: every answer ever received, one append-only file per local month.

`answers/{month}.jsonl.zst` is a sequence of zstd frames, each with a checksum and some JSON lines. It is
irreplaceable: no rule owns it, and nothing here rewrites or shortens it, but for a last frame that a crash
tore in two, which holds no answer that ever counted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import zstandard

from .clock import Label
from .errors import OutagesError
from .files import replacing

#: Outcomes that carry rows of the source; the others record an attempt.
WITH_ROWS = frozenset({"observed", "implausible"})
#: Bronze of a month that is over is packed once and kept; of one in progress it is made anew every hour (a sixth of
#: the time, half as large again). A batch of the store is packed while answers come in.
_LEVEL, _QUICK_LEVEL = 9, 3
_CHUNK = 1 << 16


class Answer(msgspec.Struct, kw_only=True):
    """One answer, verbatim, or the trace of an attempt that brought none.

    `fecha` and `hora` are the label asked for, times are UTC ISO texts (null where an import does not tell),
    `ms` the milliseconds waited, `sha256` the digest of the bytes received, `encoding` how they were decoded,
    `version` how many answers of that hour the store held before this one.
    """

    fecha: str
    hora: int
    source: str
    origin: str | None = None
    asked_at: str | None = None
    answered_at: str | None = None
    status: int | None = None
    server_date: str | None = None
    ms: int | None = None
    sha256: str = ""
    encoding: str = "utf-8"
    body: str = ""
    outcome: str
    version: int = 0

    @property
    def label(self) -> Label:
        """The local hour asked for."""
        return Label(date.fromisoformat(self.fecha), self.hora)


def sort_key(answer: Answer) -> tuple[str, int, str, str, int]:
    """The order of bronze; an answer that does not tell when it was asked is older than any that does."""
    return (answer.fecha, answer.hora, answer.asked_at or "", answer.sha256, answer.version)


_decoder = msgspec.json.Decoder(Answer)


def read_lines(path: Path) -> Iterator[Answer]:
    """The answers of a store or bronze file, in the file's order. A damaged file is an error, never skipped."""
    with path.open("rb") as opened:
        number = 0
        rest = b""
        try:
            for chunk in _contents(opened):
                view, begin = memoryview(chunk), 0
                while end := chunk.find(b"\n", begin) + 1:
                    number += 1
                    yield _decoder.decode(rest + view[begin:end] if rest else view[begin:end])
                    begin, rest = end, b""
                rest += view[begin:]
        except zstandard.ZstdError as error:
            raise OutagesError(
                "STORE_DAMAGED", f"{path} is damaged after line {number}: {error}", file=str(path)
            ) from error
        except msgspec.MsgspecError as error:
            raise OutagesError(
                "STORE_DAMAGED", f"{path}, line {number}: {error}", file=str(path), line=number
            ) from error
        if rest:
            raise OutagesError("STORE_DAMAGED", f"{path}: the last line has no end", file=str(path))


def seal(answers: Iterable[Answer], path: Path, in_progress: bool = False) -> None:
    """Write bronze: the same lines in their fixed order, byte-stable, whole or not at all.

    Of a month `in_progress` the file is packed more quickly, and is larger.
    """
    packer = zstandard.ZstdCompressor(level=_QUICK_LEVEL if in_progress else _LEVEL, write_checksum=True)
    with replacing(path) as part, part.open("wb") as opened, packer.stream_writer(opened, closefd=False) as writer:
        for answer in sorted(answers, key=sort_key):
            writer.write(msgspec.json.encode(answer) + b"\n")


class Writer:
    """Appends answers; what `flush` returned from is on disk."""

    def __init__(self, opened: BinaryIO, path: Path) -> None:
        self._file = opened
        self._path = path
        self._waiting: list[bytes] = []
        self._one_flush = threading.Lock()

    def append(self, answer: Answer) -> None:
        """Queue one answer for the next `flush`."""
        self._waiting.append(msgspec.json.encode(answer) + b"\n")

    def flush(self) -> None:
        """Write what waits as one frame and fsync it; an error leaves the file, and what waits, as it was before.

        May run in another thread than `append`: an answer that comes meanwhile waits for the next flush.
        """
        with self._one_flush:
            waiting = self._waiting[:]
            if not waiting:
                return
            frame = zstandard.ZstdCompressor(level=_QUICK_LEVEL, write_checksum=True).compress(b"".join(waiting))
            end = self._file.seek(0, os.SEEK_END)
            try:
                _write_all(self._file, frame)
                os.fsync(self._file.fileno())
            except OSError as error:
                os.ftruncate(self._file.fileno(), end)
                raise OutagesError(
                    "STORE_WRITE",
                    f"{self._path}: {len(waiting)} answers could not be written ({error.strerror}); "
                    "make space and run again, they will be asked again",
                    file=str(self._path),
                ) from error
            del self._waiting[: len(waiting)]


class Store:
    """The store of one local month."""

    def __init__(self, folder: Path, month: str) -> None:
        self.month = month
        self.path = folder / f"{month}.jsonl.zst"
        self.state_path = folder / f"{month}.state.json"

    def read(self) -> list[Answer]:
        """Every answer, in the order received; empty when there is none yet. A torn last frame is left out."""
        return _whole_frames(self.path.read_bytes(), self.path)[0] if self.path.exists() else []

    @contextmanager
    def writing(self, source: str) -> Iterator[tuple[Writer, list[Answer], int]]:
        """(writer, answers so far, bytes of a torn last frame that were set aside) under an exclusive lock.

        A second writer is refused at once (STORE_BUSY), and so is a source that may not meet those already in
        the month (MIXED_SOURCES). The torn bytes go to a file beside the store.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b", buffering=0) as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutagesError(
                    "STORE_BUSY",
                    f"another process is writing {self.path}: two scrapes of one month at once are refused; "
                    "wait until it ends and run again",
                    file=str(self.path),
                ) from error
            answers, torn = _recover(opened, self.path)
            refuse_mixed({answer.source for answer in answers} | {source}, str(self.path))
            writer = Writer(opened, self.path)
            try:
                yield writer, answers, torn
            finally:
                writer.flush()


def refuse_mixed(sources: set[str], where: str) -> None:
    """Raise unless the sources may meet: what the replica invented stays alone."""
    if "replica" in sources and sources != {"replica"}:
        raise OutagesError(
            "MIXED_SOURCES",
            f"{where}: answers of the replica may not meet answers of {sorted(sources - {'replica'})}; "
            "give the replica a working directory of its own",
            file=where,
        )


def digest(body: bytes) -> str:
    """Hex sha256 of the bytes received."""
    return hashlib.sha256(body).hexdigest()


def _recover(opened: Any, path: Path) -> tuple[list[Answer], int]:
    """(answers, bytes of a torn last frame): cut a frame that is not whole and keep its bytes in a file beside."""
    opened.seek(0)
    data = opened.read()
    answers, whole = _whole_frames(data, path)
    if whole == len(data):
        return answers, 0
    beside = path.with_name(f"{path.name}.torn-{whole}")
    try:
        beside.write_bytes(data[whole:])
    except OSError as error:
        raise OutagesError(
            "STORE_WRITE", f"{beside}: not written ({error.strerror}); make space and run again", file=str(beside)
        ) from error
    os.ftruncate(opened.fileno(), whole)
    os.fsync(opened.fileno())
    return answers, len(data) - whole


def _whole_frames(data: bytes, path: Path) -> tuple[list[Answer], int]:
    """(answers, end) of the whole frames that a store begins with; what follows them is a torn last frame.

    Damage that whole frames follow is no torn write: it is an error.
    """
    answers: list[Answer] = []
    whole = 0
    while whole < len(data):
        content, end = _frame(data, whole)
        if content is None:
            break
        try:
            answers += [_decoder.decode(line) for line in content.splitlines()]
        except msgspec.MsgspecError as error:
            raise OutagesError("STORE_DAMAGED", f"{path}, frame at byte {whole}: {error}", file=str(path)) from error
        whole = end
    magic = data.find(zstandard.FRAME_HEADER, whole + 1) if whole < len(data) else -1
    while magic != -1:
        if _frame(data, magic)[0] is not None:
            raise OutagesError(
                "STORE_DAMAGED",
                f"{path} is damaged at byte {whole}, before whole frames; restore it from a backup",
                file=str(path),
            )
        magic = data.find(zstandard.FRAME_HEADER, magic + 1)
    return answers, whole


def _frame(data: bytes, start: int) -> tuple[bytes | None, int]:
    """(content, end) of the frame that starts at a byte; (None, start) when it is not whole."""
    reader, at, parts = zstandard.ZstdDecompressor().decompressobj(), start, []
    try:
        while at < len(data) and not reader.eof:
            parts.append(reader.decompress(data[at : at + _CHUNK]))
            at = min(at + _CHUNK, len(data))
    except zstandard.ZstdError:
        return None, start
    return (b"".join(parts), at - len(reader.unused_data)) if reader.eof else (None, start)


def _contents(opened: BinaryIO) -> Iterator[bytes]:
    """What the frames of a file hold, piece by piece; a last frame that is not whole is an error."""
    reader = None
    while chunk := opened.read(_CHUNK):
        while chunk:
            reader = reader or zstandard.ZstdDecompressor().decompressobj()
            yield reader.decompress(chunk)
            chunk, reader = (reader.unused_data, None) if reader.eof else (b"", reader)
    if reader is not None:
        raise zstandard.ZstdError("the last frame is cut off")


def _write_all(opened: BinaryIO, data: bytes) -> None:
    """Write every byte: an unbuffered file may take only some, above all where the disk fills up."""
    left = memoryview(data)
    while left:
        left = left[opened.write(left) :]
