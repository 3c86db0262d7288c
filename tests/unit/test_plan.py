"""The plan of a run, made from config, clock and disk alone: months, hours, rounds, denominators, repairs."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from outages.denominators import Asked
from outages.errors import OutagesError
from outages.fingerprint import REPOSITORY
from outages.plan import make_plan, months_of, pattern_of, pin_now, target_of

NOW = "2025-07-05T12:34:56Z"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test in an empty working directory, without a time of its own in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTAGES_NOW", "")
    monkeypatch.delenv("OUTAGES_NOW")
    yield tmp_path
    os.environ.pop("OUTAGES_NOW", None)


def config(**changes: Any) -> dict[str, Any]:
    """The configuration as shipped, at NOW, with changes of whole keys or of keys within them."""
    told: dict[str, Any] = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    told["now"] = NOW
    for key, value in changes.items():
        told[key] = told[key] | value if isinstance(told[key], dict) and isinstance(value, dict) else value
    return told


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def auto(**changes: Any) -> dict[str, Any]:
    return {"first": "auto", "last": "auto", "live": False} | changes


@pytest.mark.parametrize(
    ("months", "now", "expected"),
    [
        (auto(), "2025-07-05T12:00Z", ["2025-04", "2025-05", "2025-06"]),
        (auto(), "2025-07-03T03:59Z", ["2025-03", "2025-04", "2025-05"]),  # June ended less than 48 h before
        (auto(), "2025-07-03T04:00Z", ["2025-04", "2025-05", "2025-06"]),
        (auto(), "2026-01-02T00:00Z", ["2025-09", "2025-10", "2025-11"]),
        (auto(first="2025-05"), "2025-07-05T12:00Z", ["2025-05", "2025-06"]),
        (auto(live=True), "2025-07-05T12:00Z", ["2025-04", "2025-05", "2025-06", "2025-07"]),
        (auto(live=True, first="2025-06"), "2025-07-02T00:00Z", ["2025-06", "2025-07"]),
        (auto(live=True), "2025-07-01T03:00Z", ["2025-03", "2025-04", "2025-05", "2025-06"]),  # locally still June
        (auto(first="2024-11", last="2025-02"), "2025-07-05T12:00Z", ["2024-11", "2024-12", "2025-01", "2025-02"]),
        (auto(last="2025-02"), "2025-07-05T12:00Z", ["2024-12", "2025-01", "2025-02"]),
        (auto(first="2025-07", last="2025-07"), "2025-07-05T12:00Z", ["2025-07"]),
    ],
)
def test_months(months: dict[str, Any], now: str, expected: list[str]) -> None:
    assert months_of(months, at(now)) == expected


@pytest.mark.parametrize(
    ("months", "code"),
    [
        (auto(first="2025-07", last="2025-06"), "MONTHS"),
        (auto(first="2025-06", last="2025-08"), "MONTHS"),
        (auto(first="2025-6", last="2025-06"), "MONTHS"),
        (auto(first="2025-06", last="June"), "MONTH"),
        (auto(first="2025-13", last="2026-01"), "MONTH"),
    ],
)
def test_months_that_make_no_sense(months: dict[str, Any], code: str) -> None:
    with pytest.raises(OutagesError) as caught:
        months_of(months, at("2025-07-05T12:00Z"))
    assert caught.value.code == code


def test_patterns_by_month() -> None:
    assert pattern_of("all", "2025-06") == "all"
    assert pattern_of([18, 0, 6, 12, 6], "2025-06") == [0, 6, 12, 18]
    hours: Any = {"2025-05": "all", "2017-01": [0, 6, 12, 18]}
    assert [pattern_of(hours, month) for month in ("2017-01", "2025-04", "2025-05", "2026-01")] == [
        [0, 6, 12, 18], [0, 6, 12, 18], "all", "all",
    ]  # fmt: skip
    for bad in ([0, 6, 12], [], [0, 1]):
        with pytest.raises(OutagesError, match="does not divide the day evenly"):
            pattern_of(bad, "2025-06")
    with pytest.raises(OutagesError, match="no pattern for 2016-12: its first month is 2017-01"):
        pattern_of(hours, "2016-12")


def test_the_pretended_time_is_pinned_for_child_processes() -> None:
    assert pin_now(NOW) == datetime(2025, 7, 5, 12, 34, 56, tzinfo=UTC)
    assert os.environ["OUTAGES_NOW"] == "2025-07-05T12:34:56.000Z"
    assert pin_now(None) == pin_now(NOW)  # a child reads what its parent pinned
    assert pin_now("2025-08-01T00:00:00Z") == datetime(2025, 8, 1, tzinfo=UTC)


def test_the_clock_is_read_once() -> None:
    before = datetime.now(UTC)
    pinned = pin_now(None)
    assert abs((pinned - before).total_seconds()) < 5
    assert pin_now(None) == pinned


@pytest.mark.parametrize("now", ["2025-07-05T12:00:00", "yesterday", "2025-13-01T00:00:00Z"])
def test_a_time_without_zone_or_sense_is_refused(now: str) -> None:
    with pytest.raises(OutagesError) as caught:
        pin_now(now)
    assert caught.value.code == "TIME"


def test_through_is_the_end_of_the_month_or_the_last_complete_hour() -> None:
    plan = make_plan(config(months={"live": True, "first": "2025-03"}))
    assert plan.through == {
        "2025-03": "2025-04-01T03:00:00.000Z",
        "2025-04": "2025-05-01T04:00:00.000Z",  # winter time from 6 April
        "2025-05": "2025-06-01T04:00:00.000Z",
        "2025-06": "2025-07-01T04:00:00.000Z",
        "2025-07": "2025-07-05T12:00:00.000Z",
    }
    assert set(plan.hours.values()) == {"all"}
    assert (plan.asks, plan.source) == (1, {"kind": "sec"})


def test_the_same_hour_gives_the_same_plan_and_the_next_another() -> None:
    plans = [make_plan(config(now=now, months={"live": True})) for now in
             ("2025-07-05T12:00:00Z", "2025-07-05T12:59:59Z", "2025-07-05T13:00:00Z")]  # fmt: skip
    assert plans[0] == plans[1]
    assert {m for m in plans[1].months if plans[1].through[m] != plans[2].through[m]} == {"2025-07"}


def state(month: str, turn: int, *due: str) -> None:
    Path("answers").mkdir(exist_ok=True)
    told = {"turn": turn, "open": {f"{month}-01T{n:02d}": moment for n, moment in enumerate(due)}}
    Path(f"answers/{month}.state.json").write_text(json.dumps(told))


def test_a_round_is_due_when_an_hour_is() -> None:
    assert make_plan(config()).turn == {"2025-04": 1, "2025-05": 1, "2025-06": 1}
    state("2025-04", 4)
    state("2025-05", 2, "2025-07-05T12:34:56+00:00", "2025-09-01T00:00:00+00:00")
    state("2025-06", 1, "2025-07-05T12:34:57+00:00")
    assert make_plan(config()).turn == {"2025-04": 4, "2025-05": 3, "2025-06": 1}
    assert make_plan(config(now="2025-07-05T12:34:57Z")).turn == {"2025-04": 4, "2025-05": 3, "2025-06": 2}


def test_recorded_months_have_no_rounds_but_a_listing(tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    told = config(source={"kind": "recorded", "path": str(folder)})
    before = make_plan(told)
    state("2025-06", 3, "2025-07-01T00:00:00+00:00")
    assert before.turn == make_plan(told).turn == {"2025-04": 0, "2025-05": 0, "2025-06": 0}
    assert (before.asks, before.asked) == (0, [])
    assert before.source == {"kind": "recorded", "path": str(folder), "pattern": "{fecha}T{hora:02d}.json"}
    (folder / "2025-06-01T00.json").write_text("[]")
    after = make_plan(told)
    assert {month for month in after.months if after.listing[month] != before.listing[month]} == {"2025-06"}
    assert set(make_plan(config()).listing.values()) == {""}


def asked(*months: str) -> None:
    Path("answers").mkdir(exist_ok=True)
    lines = [Asked(month, code, 100, "sec", f"{month}-05T00:00:00.000Z") for month in months for code in ("03", "CL")]
    Path("answers/customers.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def test_denominators_are_the_nearest_month_that_is_known_or_will_be() -> None:
    plan = make_plan(config())
    assert plan.asked == ["2025-07"]
    assert set(map(tuple, plan.asked_for.values())) == {("2025-07",)}
    asked("2025-04", "2025-06")
    plan = make_plan(config())
    assert plan.asked == ["2025-04", "2025-06", "2025-07"]
    assert plan.asked_for == {"2025-04": ["2025-04"], "2025-05": ["2025-04"], "2025-06": ["2025-06"]}
    assert make_plan(config(customers={"ask": False})).asked == ["2025-04", "2025-06"]
    Path("answers/customers.jsonl").unlink()
    plan = make_plan(config(customers={"ask": False}))
    assert plan.asked == []
    assert set(map(tuple, plan.asked_for.values())) == {()}


def test_the_month_of_asking_is_local() -> None:
    assert make_plan(config(now="2025-07-01T03:30:00Z")).asked == ["2025-06"]


def test_official_values_stand_beside_those_of_other_regions(tmp_path: Path) -> None:
    table = tmp_path / "official.csv"
    table.write_text("mes,codigo_region,clientes,fuente\n2025-05,03,100,CNE\n")
    asked("2025-06")
    told = config(customers={"ask": False, "official": str(table)})
    first = make_plan(told)
    assert set(map(tuple, first.asked_for.values())) == {("2025-06",)}  # of every region but 03
    table.write_text("mes,codigo_region,clientes,fuente\n2025-05,03,101,CNE\n")
    assert first.official_digest != make_plan(told).official_digest
    told["customers"]["official"] = str(tmp_path / "none.csv")
    with pytest.raises(OutagesError, match=r"CUSTOMERS_TABLE: .*none\.csv: no such file"):
        make_plan(told)


def test_receipts_that_are_damaged_are_named() -> None:
    Path("results/gold").mkdir(parents=True)
    Path("results/gold/all.done").write_text("")
    with pytest.raises(OutagesError, match=r"RECEIPT: results/gold/all\.done is damaged"):
        make_plan(config())


def test_repairs_count_runs_that_found_files_missing() -> None:
    plan = make_plan(config())
    assert plan.repairs == 0
    files = [*plan.intermediates, *(f"results/gold/{name}.json" for name in (*plan.payloads, "_meta"))]
    files += ["results/dashboard/index.html", "results/gold/all.done"]
    for name in files:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text('{"repairs": 2}')
    assert make_plan(config()).repairs == 2
    for name in (files[0], files[-2]):
        Path(name).rename("away")
        assert make_plan(config()).repairs == 3
        Path("away").rename(name)
    assert make_plan(config()).repairs == 2


def test_accepted_months() -> None:
    plan = make_plan(config(accept_implausible=["2025-05"]))
    assert [plan.accepts(month) for month in plan.months] == [False, True, False]


@pytest.mark.parametrize(
    ("url", "database_url", "target"),
    [
        ("", " ", "warehouse"),
        ("https://abc.supabase.co/", "postgresql://me:secret@db/x", "supabase abc.supabase.co"),
        ("https://me:secret@abc.supabase.co", "", "supabase abc.supabase.co"),
        ("http://[secret", "", "supabase"),
        ("secret", "", "supabase"),
        (
            "",
            "postgresql://me:secret@db.example:6543/outages?sslmode=require",
            "warehouse db.example:6543/outages",
        ),
        ("", "host=/run/pg dbname=outages password=secret", "warehouse /run/pg:/outages"),
        ("", "postgresql://me:sec/secret@db/outages", "warehouse"),
        ("", "postgresql://me:pass@secret@db/outages", "warehouse"),
        ("", "secret", "warehouse"),
    ],
)
def test_a_target_is_named_without_secrets(
    url: str, database_url: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_URL", url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert target_of(os.environ) == make_plan(config()).target == target
