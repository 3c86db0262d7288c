"""Getting the answers of a month into the store: by asking the source, or from what others recorded."""

from __future__ import annotations

import codecs
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .clock import HOUR, Label, labels, previous_month, utc
from .errors import OutagesError
from .ledger import Plausibility, by_hour
from .recorded import Recorded, read_recorded
from .reporting import log
from .shapes import Drift, communes, parse
from .store import Answer, Store, Writer, digest

if TYPE_CHECKING:
    from .client import Reply

DAY = 24 * HOUR


def decode(body: bytes) -> tuple[str, str]:
    """(text, encoding): UTF-8 where the bytes are that, else cp1252, else latin-1, which decodes every byte."""
    if body.startswith(codecs.BOM_UTF8):
        with suppress(UnicodeDecodeError):
            return body.decode("utf-8-sig"), "utf-8-sig"
    for encoding in ("utf-8", "cp1252"):
        try:
            return body.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return body.decode("latin-1"), "latin-1"


def refuse_no_contact(kind: str, contact: str) -> None:
    """Raise before any request to the real service when nobody is named whom it could write to."""
    if kind == "sec" and not contact.strip():
        raise OutagesError(
            "CONTACT",
            "source.contact is empty: give an address or page of yours, which the source is told with every request",
        )


@contextmanager
def only_one_asks(folder: Path) -> Iterator[None]:
    """Hold the one slot for asking the source from this store; a second run says so and stops."""
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / "source.lock", os.O_RDWR | os.O_CREAT, 0o644), "r+") as slot:
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutagesError(
                "SOURCE_BUSY", "another run is asking the source; one at a time, run again later"
            ) from error
        yield


def usual_before(folder: Path, month: str, answers: list[Answer]) -> Plausibility:
    """What is known about the usual number of communes: this month, and the last day of the month before."""
    begin = utc(labels(month)[0])
    before = [a for a in Store(folder, previous_month(month)).read() if utc(a.label) >= begin - DAY]
    return Plausibility(observed_communes([*before, *answers]))


def observed_communes(answers: list[Answer]) -> dict[Label, Callable[[], int]]:
    """What counts the communes in each observed answer, of several about one hour the last."""
    return {answer.label: partial(_communes, answer.body) for answer in answers if answer.outcome == "observed"}


def _communes(body: str) -> int:
    return communes(parse(body)[1])


class Intake:
    """Judges bodies and puts answers in the store; what cannot be an answer goes to quarantine and stops the job.

    Without `usual`, every answer with rows is plausible: a person has looked at the month.
    """

    def __init__(
        self, writer: Writer, known: list[Answer], usual: Plausibility | None, source: str, quarantine: Path
    ) -> None:
        self._writer = writer
        self._versions = {label: len(group) for label, group in by_hour(known).items()}
        self._usual = usual
        self._source = source
        self._quarantine = quarantine
        self.known = known

    def accept(
        self,
        label: Label,
        body: bytes,
        origin: str | None = None,
        reply: Reply | None = None,
        told: Recorded | None = None,
    ) -> str:
        """Store one answer and return its outcome: observed, empty or implausible. Raises `Drift`."""
        text, encoding = decode(body)
        try:
            _, rows = parse(text)
        except Drift as drift:
            raise self._set_aside(label, body, origin, drift) from drift
        plausible = bool(rows) and (self._usual is None or self._usual.judge(label, communes(rows)))
        outcome = "observed" if plausible else "implausible" if rows else "empty"
        self._put(
            Answer(
                fecha=label.fecha.isoformat(),
                hora=label.hora,
                source=self._source,
                origin=origin,
                asked_at=reply.asked_at if reply else told.asked_at if told else None,
                answered_at=reply.answered_at if reply else told.answered_at if told else None,
                status=reply.status if reply else None,
                server_date=reply.server_date if reply else told.server_date if told else None,
                ms=reply.ms if reply else None,
                sha256=digest(body),
                encoding=encoding,
                body=text,
                outcome=outcome,
            )
        )
        return outcome

    def attempt(self, label: Label, outcome: str, asked_at: str, status: int | None) -> None:
        """Record that the hour was asked without success."""
        fecha = label.fecha.isoformat()
        answer = Answer(
            fecha=fecha, hora=label.hora, source=self._source, asked_at=asked_at, status=status, outcome=outcome
        )
        self._put(answer)

    def _put(self, answer: Answer) -> None:
        answer.version = self._versions.get(answer.label, 0)
        self._versions[answer.label] = answer.version + 1
        self.known.append(answer)
        self._writer.append(answer)

    def _set_aside(self, label: Label, body: bytes, origin: str | None, drift: Drift) -> Drift:
        self._quarantine.mkdir(parents=True, exist_ok=True)
        kept = self._quarantine / f"{label}.{digest(body)[:12]}.body"
        kept.write_bytes(body)
        where = f"{origin}, hour {label}" if origin else f"hour {label}"
        facts = {**drift.facts, "hour": str(label), "file": origin, "quarantine": str(kept)}
        return Drift(drift.code, f"{where}: {drift.message}; the body is kept in {kept}", **facts)


def import_recorded(intake: Intake, folder: Path, pattern: str, month: str) -> tuple[int, int]:
    """Put the month's recorded answers that the store lacks into it: (new answers, answers read)."""
    # Where a recorder does not tell when it asked, one such body is enough for an hour.
    held = {(a.label, a.sha256, moment) for a in intake.known for moment in (a.asked_at, None)}
    new = read = 0
    for recorded in read_recorded(folder, pattern, month):
        read += 1
        key = (recorded.label, digest(recorded.body), recorded.asked_at)
        if key not in held:
            held |= {key, (*key[:2], None)}
            new += 1
            intake.accept(recorded.label, recorded.body, origin=recorded.origin, told=recorded)
    return new, read


def recorded_before(folder: Path, pattern: str, month: str, answers: list[Answer]) -> Plausibility:
    """The usual number of communes: this month's answers so far, and the last day of the recorded month before."""
    begin, seen = utc(labels(month)[0]), observed_communes(answers)
    for recorded in read_recorded(folder, pattern, previous_month(month), begin - DAY):
        seen[recorded.label] = partial(_context, recorded)
    return Plausibility(seen)


def _context(recorded: Recorded) -> int:
    try:
        return _communes(decode(recorded.body)[0])
    except Drift:
        log().warning("context_unreadable", file=recorded.origin)  # its own month says so as an error
        return 0


def simulated(start: datetime) -> Callable[[], datetime]:
    """A clock that starts at a given moment and runs on at the usual pace."""
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)
