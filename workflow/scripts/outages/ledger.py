"""The ledger of hours: what became of each hour, what is asked next, and when an hour is final.

Pure functions over the answers of one month (design: one table of outcomes, docs/operations.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median

from .clock import HOUR, SETTLED, Label, labels, parse_iso, utc
from .errors import OutagesError
from .store import Answer

#: Outcomes of an answer; the others are attempts that brought none.
ANSWERED = frozenset({"observed", "empty", "implausible"})
#: An empty or implausible hour is asked this often in all, then it is a final gap.
ASKS = 3
#: A failed hour is a final gap after failing on this many days.
FAILED_DAYS = 3
#: More implausible hours in a row than this stop the month until a person has decided.
IMPLAUSIBLE_RUN = 12


def pattern_labels(month: str, hours: Sequence[int] | str, until: datetime) -> list[Label]:
    """The labels that a pattern asks for and that were over at `until` (UTC)."""
    return [label for label in labels(month) if (hours == "all" or label.hora in hours) and utc(label) + HOUR <= until]


def by_hour(answers: Iterable[Answer]) -> dict[Label, list[Answer]]:
    """Answers grouped by the label asked for, each group in the order of asking."""
    groups: dict[Label, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer.label].append(answer)
    for group in groups.values():
        group.sort(key=asked_order)
    return groups


def asked_order(answer: Answer) -> tuple[str, int]:
    """Order within one hour: when it was asked (untold is oldest), then the order of arrival in the store."""
    return (answer.asked_at or "", answer.version)


def precedence(shape: str | None, answer: Answer) -> tuple[bool, tuple[str, int]]:
    """What counts for an hour is the answer for which this is largest: shape A before B, then the last asked."""
    return (shape == "A", asked_order(answer))


def due_at(label: Label, known: list[Answer]) -> datetime | None:
    """When the hour is to be asked next: a UTC moment, possibly past; None when it is final."""
    over = utc(label) + HOUR
    if not known:
        return over
    observed = [answer for answer in known if answer.outcome == "observed"]
    if observed:
        # Recorded answers cannot be asked again of whoever recorded them.
        asked = [answer for answer in known if answer.source != "recorded" and answer.asked_at]
        settled = over + SETTLED
        late = [answer for answer in asked if parse_iso(answer.asked_at or "") >= settled]
        if not any(answer.outcome in ANSWERED for answer in asked) or any(a.outcome in ANSWERED for a in late):
            return None
        return None if _failed_days(late) >= FAILED_DAYS else settled
    if sum(answer.outcome == "empty" for answer in known) >= ASKS:
        return None
    if sum(answer.outcome == "implausible" for answer in known) >= ASKS:
        return None
    return None if _failed_days(known) >= FAILED_DAYS else over


def _failed_days(known: list[Answer]) -> int:
    """Days (UTC) on which the hour was asked and no answer came."""
    return len({(answer.asked_at or "")[:10] for answer in known if answer.outcome in ("failed", "blocked")})


def hours_to_ask(wanted: Iterable[Label], known: dict[Label, list[Answer]], now: datetime) -> list[Label]:
    """The wanted labels that are due at `now`, in order."""
    due = ((label, due_at(label, known.get(label, []))) for label in wanted)
    return [label for label, moment in due if moment is not None and moment <= now]


def open_hours(wanted: Iterable[Label], known: dict[Label, list[Answer]]) -> dict[str, str]:
    """Label -> UTC moment when it is to be asked again, for every wanted hour that is not final."""
    due = ((label, due_at(label, known.get(label, []))) for label in wanted)
    return {str(label): moment.isoformat() for label, moment in due if moment is not None}


class Plausibility:
    """Judges answers by their number of communes against the observed hours of the 24 h before.

    A number may be a function that counts them: most are never asked for. 0 stands for an hour that tells nothing.
    """

    def __init__(self, communes_by_hour: Mapping[Label, int | Callable[[], int]]) -> None:
        self._seen = {utc(label): count for label, count in communes_by_hour.items()}

    def judge(self, label: Label, count: int) -> bool:
        """Whether an answer with `count` communes is plausible; a plausible one is remembered.

        Implausible: fewer than 10 % of the median, when that median is at least 20.
        """
        begin = utc(label)
        before = [seen for seen in (self._count(begin - hours * HOUR) for hours in range(1, 25)) if seen]
        usual = median(before) if before else 0
        if usual >= 20 and count < usual / 10:
            return False
        self._seen[begin] = count
        return True

    def _count(self, at: datetime) -> int:
        count = self._seen.get(at, 0)
        if not isinstance(count, int):
            count = self._seen[at] = count()
        return count


def refuse_long_runs(month: str, wanted: Iterable[Label], known: dict[Label, list[Answer]]) -> None:
    """Stop the month when more than 12 hours in a row are implausible: then it is not the hours that are odd."""
    run: list[Label] = []
    for label in wanted:
        outcomes = {answer.outcome for answer in known.get(label, [])}
        run = [*run, label] if "implausible" in outcomes and "observed" not in outcomes else []
        if len(run) > IMPLAUSIBLE_RUN:
            raise OutagesError(
                "IMPLAUSIBLE_RUN",
                f"{month}: more than {IMPLAUSIBLE_RUN} hours in a row are implausible, from {run[0]} on; look at them "
                f"and, if they are right, add {month} to accept_implausible",
                month=month,
                hour=str(run[0]),
            )


def is_final(label: Label, known: list[Answer]) -> bool:
    """Whether nothing more will be asked about an hour; of recorded answers there is nobody to ask."""
    return bool(known) and (all(answer.source == "recorded" for answer in known) or due_at(label, known) is None)
