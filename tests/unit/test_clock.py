"""Labels exactly as the source serves them, and their UTC hours."""

from datetime import UTC, date, datetime, timedelta

import pytest
from outages import clock
from outages.clock import Label, labels, utc
from outages.errors import OutagesError

AUTUMN = [
    "2017-05-13", "2018-05-12", "2019-04-06", "2020-04-04", "2021-04-03",
    "2022-04-02", "2023-04-01", "2024-04-06", "2025-04-05", "2026-04-04",
]  # fmt: skip
SPRING = [
    "2017-08-13", "2018-08-12", "2019-09-08", "2020-09-06", "2021-09-05",
    "2022-09-11", "2023-09-03", "2024-09-08", "2025-09-07", "2026-09-06",
]  # fmt: skip


@pytest.mark.parametrize("year", range(2017, 2027))
def test_labels_of_a_year(year: int) -> None:
    found = [label for month in range(1, 13) for label in labels(f"{year}-{month:02d}")]
    assert len(found) == (8783 if year % 4 == 0 else 8759)
    assert len(set(found)) == len(found)
    hours = [utc(label) for label in found]
    assert hours == sorted(set(hours))


@pytest.mark.parametrize("day", AUTUMN)
def test_the_repeated_label_stands_for_its_first_occurrence(day: str) -> None:
    saturday = date.fromisoformat(day)
    last, after = Label(saturday, 23), Label(saturday + timedelta(days=1), 0)
    assert utc(last) - utc(Label(saturday, 22)) == clock.HOUR
    assert utc(after) - utc(last) == 2 * clock.HOUR


@pytest.mark.parametrize("day", SPRING)
def test_the_spring_midnight_does_not_exist(day: str) -> None:
    sunday = date.fromisoformat(day)
    assert Label(sunday, 0) not in labels(day[:7])
    assert Label(sunday, 1) in labels(day[:7])
    assert utc(Label(sunday, 1)) - utc(Label(sunday - timedelta(days=1), 23)) == clock.HOUR


def test_moments_known_from_outside() -> None:
    assert utc(Label(date(2024, 8, 2), 12)) == datetime(2024, 8, 2, 16, tzinfo=UTC)
    assert utc(Label(date(2026, 9, 30), 0)) == datetime(2026, 9, 30, 3, tzinfo=UTC)
    weekend = [label for label in labels("2025-04") if label.fecha in (date(2025, 4, 5), date(2025, 4, 6))]
    assert len(weekend) == 48
    assert utc(Label(date(2025, 4, 7), 0)) - utc(weekend[0]) == 49 * clock.HOUR


def test_the_last_closed_month_ended_48_hours_ago() -> None:
    end = clock.month_end("2026-10")
    assert end == datetime(2026, 11, 1, 3, tzinfo=UTC)
    assert clock.last_closed_month(end + timedelta(hours=47, minutes=59)) == "2026-09"
    assert clock.last_closed_month(end + timedelta(hours=48)) == "2026-10"


def test_months() -> None:
    assert clock.months_between("2024-11", "2025-02") == ["2024-11", "2024-12", "2025-01", "2025-02"]
    assert clock.months_between("2025-02", "2025-01") == []
    assert clock.previous_month("2025-01") == "2024-12"
    with pytest.raises(OutagesError, match="MONTH: '2025-13'"):
        clock.months_between("2025-01", "2025-13")


@pytest.mark.parametrize(("hours", "step"), [("all", 1), ([0, 6, 12, 18], 6), ([12], 24), (list(range(24)), 1)])
def test_steps(hours: list[int] | str, step: int) -> None:
    assert clock.step_hours(hours) == step


@pytest.mark.parametrize("hours", [[0, 6, 12], [0, 5, 12, 18], []])
def test_a_pattern_divides_the_day_evenly(hours: list[int]) -> None:
    with pytest.raises(OutagesError, match="does not divide the day evenly"):
        clock.step_hours(hours)


def test_naive_moments_are_refused() -> None:
    with pytest.raises(OutagesError, match="no time zone"):
        clock.parse_iso("2025-01-01T00:00:00")
    with pytest.raises(ValueError, match="naive"):
        clock.local(datetime(2025, 1, 1))
