"""The ledger of hours: what is asked next after each outcome, when an hour is final, and what is plausible."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from outages.clock import HOUR, Label, iso, labels, utc
from outages.errors import OutagesError
from outages.ledger import (
    Plausibility,
    by_hour,
    due_at,
    hours_to_ask,
    is_final,
    open_hours,
    pattern_labels,
    refuse_long_runs,
)
from outages.store import Answer

from .answers import answer, row_b

LABEL = Label(date(2025, 6, 10), 12)
OVER = utc(LABEL) + HOUR
SETTLED = OVER + timedelta(hours=48)


def known(*told: tuple[str, float | None] | tuple[str, float | None, str]) -> list[Answer]:
    """Answers of LABEL: (outcome, hours from the end of the hour to the asking or None, source)."""
    found = []
    for version, (outcome, after, *source) in enumerate(told):
        asked = None if after is None else iso(OVER + timedelta(hours=after))
        rows = [row_b()] if outcome in ("observed", "implausible") else []
        found.append(
            answer("2025-06-10", 12, *rows, outcome=outcome, asked_at=asked, version=version,
                   source=source[0] if source else "sec")
        )  # fmt: skip
    return found


NOTHING_MORE = [
    pytest.param(known(("observed", 48)), id="observed when settled"),
    pytest.param(known(("observed", 48.001)), id="observed later"),
    pytest.param(known(("observed", 5), ("observed", 49)), id="rechecked once"),
    pytest.param(known(("observed", 5), ("empty", 49)), id="recheck was empty"),
    pytest.param(known(("observed", 5), ("implausible", 49)), id="recheck was implausible"),
    pytest.param(known(*[("empty", n) for n in (1, 2, 3)]), id="empty three times"),
    pytest.param(known(*[("implausible", n) for n in (1, 1.1, 1.2)]), id="implausible three times"),
    pytest.param(known(("failed", 1), ("failed", 25), ("failed", 49)), id="failed on three days"),
    pytest.param(known(("blocked", 1), ("failed", 25), ("blocked", 49)), id="blocked or failed on three days"),
    pytest.param(known(("observed", None, "recorded")), id="recorded"),
    pytest.param(known(("observed", 5, "recorded")), id="recorded, telling when"),
    pytest.param(known(("failed", 1), ("observed", None, "recorded")), id="failed, then recorded"),
    pytest.param(
        known(("observed", 5), ("failed", 49), ("failed", 73), ("failed", 97)), id="recheck failed three days"
    ),
    pytest.param(known(("empty", 1), ("implausible", 2), ("empty", 3), ("empty", 4)), id="mixed, three of them empty"),
]


@pytest.mark.parametrize("group", NOTHING_MORE)
def test_a_final_hour_is_never_asked_again(group: list[Answer]) -> None:
    assert due_at(LABEL, group) is None
    assert is_final(LABEL, group)
    assert hours_to_ask([LABEL], {LABEL: group}, OVER + timedelta(days=3650)) == []
    assert open_hours([LABEL], {LABEL: group}) == {}


AT_ONCE = [
    pytest.param([], id="never asked"),
    pytest.param(known(("empty", 1)), id="empty once"),
    pytest.param(known(("empty", 1), ("empty", 2)), id="empty twice"),
    pytest.param(known(("implausible", 1), ("implausible", 1)), id="implausible twice"),
    pytest.param(known(*[("failed", n) for n in (1, 1.1, 1.2, 1.3)]), id="failed often on one day"),
    pytest.param(known(("failed", 1), ("failed", 25), ("failed", 25.5)), id="failed on two days"),
    pytest.param(known(("blocked", 1)), id="blocked"),
    pytest.param(known(*[("drift", n) for n in (1, 25, 49, 73)]), id="drift stays until a person has looked"),
    pytest.param(known(("empty", 1), ("empty", 2), ("implausible", 3), ("implausible", 4)), id="mixed, two of each"),
    pytest.param(known(("empty", 1), ("failed", 2), ("failed", 26)), id="empty and failed"),
]


@pytest.mark.parametrize("group", AT_ONCE)
def test_an_hour_without_an_answer_that_counts_is_asked_in_the_next_run(group: list[Answer]) -> None:
    assert due_at(LABEL, group) == OVER
    assert not is_final(LABEL, group)
    assert hours_to_ask([LABEL], {LABEL: group}, OVER - timedelta(seconds=1)) == []
    assert hours_to_ask([LABEL], {LABEL: group}, OVER) == [LABEL]


LATER = [
    pytest.param(known(("observed", 0)), id="observed at once"),
    pytest.param(known(("observed", 47.99)), id="observed just before it settled"),
    pytest.param(known(("empty", 1), ("failed", 2), ("observed", 3)), id="observed in the end"),
    pytest.param(known(("observed", 1), ("observed", None, "recorded")), id="asked and recorded"),
    pytest.param(known(("observed", 5), ("failed", 49)), id="recheck failed"),
    pytest.param(known(("observed", 5), ("blocked", 49), ("failed", 73)), id="recheck blocked and failed"),
    pytest.param(known(("observed", 5), ("drift", 49)), id="recheck drifted"),
    pytest.param(known(("failed", 1), ("failed", 25), ("observed", 47), ("failed", 49)), id="failed before and after"),
]


@pytest.mark.parametrize("group", LATER)
def test_a_young_observed_hour_is_asked_again_when_it_has_settled(group: list[Answer]) -> None:
    assert due_at(LABEL, group) == SETTLED
    assert not is_final(LABEL, group)
    assert hours_to_ask([LABEL], {LABEL: group}, SETTLED - timedelta(seconds=1)) == []
    assert hours_to_ask([LABEL], {LABEL: group}, SETTLED) == [LABEL]
    assert open_hours([LABEL], {LABEL: group}) == {"2025-06-10T12": SETTLED.isoformat()}


def test_a_recorded_hour_is_final_even_when_it_is_empty() -> None:
    group = known(("empty", None, "recorded"))
    assert is_final(LABEL, group)
    assert not is_final(LABEL, [])
    assert due_at(LABEL, group) == OVER  # a run that asks the source may still ask for it


def test_patterns_ask_for_what_exists_and_is_over() -> None:
    end = datetime(2025, 7, 1, 4, tzinfo=UTC)
    assert len(pattern_labels("2025-06", "all", end)) == 720
    assert len(pattern_labels("2025-06", [0, 6, 12, 18], end)) == 120
    assert pattern_labels("2025-06", "all", datetime(2025, 6, 1, 4, tzinfo=UTC)) == []
    first = pattern_labels("2025-06", "all", datetime(2025, 6, 1, 7, 59, tzinfo=UTC))
    assert [label.hora for label in first] == [0, 1, 2]
    spring = pattern_labels("2025-09", [0, 12], datetime(2025, 9, 8, 3, tzinfo=UTC))
    assert Label(date(2025, 9, 7), 0) not in spring
    assert len(spring) == 13


def test_answers_of_one_hour_are_in_the_order_of_asking() -> None:
    group = [
        *known(("observed", 60)),
        answer("2025-06-10", 12, row_b(), version=3, source="recorded"),
        answer("2025-06-10", 12, row_b(), version=1, source="recorded"),
        *known(("observed", 5)),
    ]
    assert by_hour(group)[LABEL] == [group[2], group[1], group[3], group[0]]


def usual(*counts: int) -> Plausibility:
    """Hours right before LABEL with so many communes each, the last one first."""
    month = labels("2025-06")
    at = month.index(LABEL)
    return Plausibility({month[at - 1 - n]: count for n, count in enumerate(counts)})


@pytest.mark.parametrize(
    ("counts", "count", "plausible"),
    [
        ((300, 300, 300), 30, True),
        ((300, 300, 300), 29, False),
        ((300, 300, 300), 1, False),
        ((20, 20), 2, True),
        ((20, 20), 1, False),
        ((19, 20), 1, True),
        ((19, 19), 1, True),
        ((), 1, True),
        ((300,), 1, False),
        ((2, 300, 300), 29, False),
        ((2, 2, 300), 1, True),
        ((300,) * 24, 29, False),
    ],
)
def test_a_tenth_of_the_median_when_that_is_twenty(counts: tuple[int, ...], count: int, plausible: bool) -> None:
    assert usual(*counts).judge(LABEL, count) is plausible


def test_only_the_24_hours_before_count() -> None:
    begin = utc(LABEL)
    month = {utc(label): label for label in labels("2025-06")}
    for back, plausible in ((1, False), (24, False), (25, True), (0, True), (-1, True)):
        judge = Plausibility({month[begin - back * HOUR]: 300})
        assert judge.judge(LABEL, 5) is plausible, back


def test_hours_are_counted_across_a_clock_change() -> None:
    saturday, sunday = Label(date(2025, 4, 5), 23), Label(date(2025, 4, 6), 23)
    assert Plausibility({saturday: 300}).judge(sunday, 5)  # 25 hours later
    assert not Plausibility({Label(date(2025, 4, 6), 0): 300}).judge(sunday, 5)


def test_communes_are_counted_when_they_are_asked_for_and_once() -> None:
    counted: list[Label] = []

    def counts(label: Label, communes: int) -> Callable[[], int]:
        return lambda: counted.append(label) or communes

    month = labels("2025-06")
    known = {month[0]: counts(month[0], 300), month[30]: counts(month[30], 300), month[31]: counts(month[31], 0)}
    judge = Plausibility(known)
    assert (judge.judge(month[32], 29), judge.judge(month[32], 30), judge.judge(month[33], 300)) == (False, True, True)
    assert sorted(counted) == [month[30], month[31]]


def test_plausible_answers_become_what_is_usual_and_others_do_not() -> None:
    judge = Plausibility({})
    month = labels("2025-06")
    assert all(judge.judge(label, 200) for label in month[:5])
    assert [judge.judge(label, 3) for label in month[5:20]] == [False] * 15
    assert judge.judge(month[20], 190)


def test_more_than_12_implausible_hours_in_a_row_stop_the_month() -> None:
    wanted = labels("2025-06")[:40]

    def group(implausible: list[int], outcome: str = "implausible") -> dict[Label, list[Answer]]:
        return {
            label: [answer(str(label.fecha), label.hora, row_b(), outcome=outcome if n in implausible else "observed")]
            for n, label in enumerate(wanted)
        }

    refuse_long_runs("2025-06", wanted, group(list(range(5, 17))))
    refuse_long_runs("2025-06", wanted, group([*range(5, 17), *range(18, 30)]))
    refuse_long_runs("2025-06", wanted, group(list(range(40)), "empty"))
    with pytest.raises(OutagesError, match=r"from 2025-06-01T05 on.*add 2025-06 to accept_implausible") as caught:
        refuse_long_runs("2025-06", wanted, group(list(range(5, 18))))
    assert caught.value.code == "IMPLAUSIBLE_RUN"
    known = group(list(range(5, 18)))
    known[wanted[10]].append(answer(str(wanted[10].fecha), wanted[10].hora, row_b()))
    refuse_long_runs("2025-06", wanted, known)  # the seventh came right in the end
