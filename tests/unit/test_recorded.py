"""Recorded answers: hourly files, the predecessor's year files, bronze of someone else; nothing skipped in silence."""

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from outages.clock import Label
from outages.errors import OutagesError
from outages.recorded import Listing, hour_name, parse_label, read_recorded
from outages.store import Answer, Store, read_lines, seal
from scrape import scrape

from .answers import answer, body, row_a, row_b

PATTERN = "{fecha}T{hora:02d}.json"
MONTH = "2024-08"
DAY = date(2024, 8, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "recorded"
    place.mkdir()
    return place


@pytest.fixture
def bring_in(tmp_path: Path, folder: Path) -> Callable[..., list[Answer]]:
    """Import a month and return what the store then holds."""

    def scraped(month: str = MONTH, pattern: str = PATTERN, accept: bool = False) -> list[Answer]:
        scrape(
            tmp_path / "bronze" / f"{month}.jsonl.zst", month, str(tmp_path / "answers"),
            {"kind": "recorded", "path": str(folder), "pattern": pattern}, "all", "2024-09-01T04:00:00.000Z", 0, accept,
            "2026-01-01T00:00:00.000Z", False, {"contact": ""}, None, str(tmp_path / "quarantine"),
        )  # fmt: skip
        return Store(tmp_path / "answers", month).read()

    return scraped


def hourly(folder: Path, label: str, content: str | bytes) -> Path:
    path = folder / f"{label}.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def entry(when: Any, rows: Any = None, **more: Any) -> dict[str, Any]:
    return {"success": True, "fecha_consultada": when, "data": [row_a()] if rows is None else rows} | more


def year_file(folder: Path, *entries: Any, name: str = "checkpoint_2024.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"metadata": {"n": len(entries)}, "data": list(entries)}, ensure_ascii=False))
    return path


def wide(count: int) -> str:
    """A body of so many communes."""
    return body(*(row_b(f"commune {n}") for n in range(count)))


def test_hourly_files_by_pattern(folder: Path) -> None:
    hourly(folder, "2024-08-02T12", body(row_a()))
    hourly(folder, "2024-08-02T00", "[]")
    hourly(folder, "2024-09-01T00", "[]")
    hourly(folder, "notes", "not an hour")
    found = list(read_recorded(folder, PATTERN, MONTH))
    assert [one.label for one in found] == [Label(DAY, 0), Label(DAY, 12)]
    assert found[1].body == body(row_a()).encode()
    assert (found[1].origin, found[1].asked_at, found[1].server_date) == ("2024-08-02T12.json", None, None)


def test_other_patterns_and_folders_within(folder: Path) -> None:
    (folder / "2024").mkdir()
    (folder / "2024" / "sec_02-08_7.txt").write_text("[]")
    pattern = "{fecha:%Y}/sec_{fecha:%d-%m}_{hora}.txt"
    assert hour_name(pattern, Label(DAY, 7)) == "2024/sec_02-08_7.txt"
    assert [one.label for one in read_recorded(folder, pattern, MONTH)] == [Label(DAY, 7)]


@pytest.mark.parametrize("pattern", ["{day}.json", "{}.json", "{hora:x:y}", "{fecha", "{fecha}.json", "{hora}.json"])
def test_patterns_that_name_no_hour_are_refused(folder: Path, pattern: str) -> None:
    with pytest.raises(OutagesError) as caught:
        list(read_recorded(folder, pattern, MONTH))
    assert caught.value.code == "RECORDED_PATTERN"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutagesError, match="nowhere") as caught:
        list(read_recorded(tmp_path / "nowhere", PATTERN, MONTH))
    assert caught.value.code == "RECORDED_FOLDER"


NOON = Label(DAY, 12)
DATES = [
    "2024-08-02 12:00", "2024-08-02 12:00:00", "2024-08-02 12:59", "2024-08-02T12:00:00", "2024-08-02T12:00",
    "2024-08-02T12:00:00.123456", "2024-08-02T12:00:00-04:00", "2024-08-02T16:00:00Z", "2024-08-02T16:00:00+00:00",
    "02/08/2024 12:00", "2/8/2024 12:00", " 2024-08-02 12:00 ", {"anho": 2024, "mes": 8, "dia": 2, "hora": 12},
    {"anho": 2024, "mes": 8, "dia": 2, "hora": 12, "minuto": 5},
]  # fmt: skip


@pytest.mark.parametrize("when", DATES)
def test_every_way_of_writing_an_hour(folder: Path, when: Any) -> None:
    assert parse_label(when, "here") == NOON
    year_file(folder, entry(when))
    assert [one.label for one in read_recorded(folder, PATTERN, MONTH)] == [NOON]


BAD_DATES = [
    None, "", "yesterday", "2024-08-02", "20240802", "02/08/2024", "08/25/2024 12:00", "2024-08-32 12:00",
    "2024-08-02 24:30", "2024-09-08 00:00", "2024-09-08T00:30:00", {"anho": 2024, "mes": 8, "dia": 2},
    {"anho": 2024, "mes": 13, "dia": 2, "hora": 1}, {"anho": 2024, "mes": 8, "dia": 2, "hora": 24},
    {"anho": 2024, "mes": 8, "dia": 2, "hora": -1}, {"anho": 2024, "mes": 9, "dia": 8, "hora": 0},
    {"anho": 10**30, "mes": 8, "dia": 2, "hora": 0}, {"anho": 9999, "mes": 12, "dia": 31, "hora": 23}, {},
]  # fmt: skip


@pytest.mark.parametrize("when", BAD_DATES)
def test_hours_that_never_happened_are_refused_with_their_place(folder: Path, when: Any) -> None:
    year_file(folder, entry("2024-08-02 06:00"), entry(when))
    with pytest.raises(OutagesError, match=r"checkpoint_2024\.json|is no year file") as caught:
        list(read_recorded(folder, PATTERN, MONTH))
    assert caught.value.code in ("RECORDED_HOUR", "RECORDED_FILE")
    if caught.value.code == "RECORDED_HOUR":
        assert "checkpoint_2024.json#1" in caught.value.message


def test_an_hourly_file_of_an_hour_that_never_happened_is_refused(folder: Path) -> None:
    hourly(folder, "2024-09-08T00", "[]")
    with pytest.raises(OutagesError, match=r"2024-09-08T00\.json") as caught:
        list(read_recorded(folder, PATTERN, "2024-09"))
    assert caught.value.code == "RECORDED_HOUR"


def test_failed_entries_and_both_names_of_the_servers_hour(folder: Path) -> None:
    year_file(
        folder,
        entry("2024-08-02 00:00", hora_server="02/08/2024 00:05"),
        "Error: timeout",
        {"success": False, "fecha_consultada": "2024-08-02 06:00", "error": "500"},
        {"success": False},
        entry("2024-08-02 12:00", hora_server_scraping=[{"FECHA": "02/08/2024 12:04"}]),
        entry("2024-07-31 18:00"),
    )
    found = list(read_recorded(folder, PATTERN, MONTH))
    assert [(one.label.hora, one.origin) for one in found] == [
        (0, "checkpoint_2024.json#0"), (12, "checkpoint_2024.json#4"),
    ]  # fmt: skip
    assert [one.server_date for one in found] == ["02/08/2024 00:05", "[{'FECHA': '02/08/2024 12:04'}]"]
    assert [one.label.fecha.month for one in read_recorded(folder, PATTERN, "2024-07")] == [7]


def test_rows_stay_the_bytes_of_the_file(folder: Path) -> None:
    rows = '[ {"NOMBRE_REGION":"Ays\\u00e9n", "CLIENTES_AFECTADOS" : 1.0e0 } ]'
    (folder / "checkpoint_2024.json").write_text(
        f'{{"data": [{{"success": true, "fecha_consultada": "2024-08-02 12:00", "data": {rows}}}]}}'
    )
    assert next(read_recorded(folder, PATTERN, MONTH)).body == rows.encode()


def test_an_entry_of_another_year_is_an_error_and_never_lost(folder: Path) -> None:
    year_file(folder, entry("2024-08-02 12:00"), entry("2023-12-31 18:00"))
    for month in (MONTH, "2024-01"):
        with pytest.raises(OutagesError, match=r"checkpoint_2024\.json#1: 2023-12-31T18"):
            list(read_recorded(folder, PATTERN, month))


def test_whole_files(folder: Path) -> None:
    years = {
        "2023": {"metadata": {}, "data": [entry("2023-08-02 12:00")]},
        "2024": {"metadata": {}, "data": ["failed", entry("2024-08-02 12:00"), entry("2024-08-02 18:00")]},
    }
    (folder / "dataset_2017_2024.json").write_text(json.dumps({"metadata": 1, "data_by_year": years}))
    found = list(read_recorded(folder, PATTERN, MONTH))
    assert [(one.label.hora, one.origin) for one in found] == [
        (12, "dataset_2017_2024.json#2024/1"), (18, "dataset_2017_2024.json#2024/2"),
    ]  # fmt: skip
    assert len(list(read_recorded(folder, PATTERN, "2023-08"))) == 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{", r"checkpoint_2024\.json is no year file"),
        ("[]", r"checkpoint_2024\.json is no year file"),
        ("{}", r"`data`"),
        ('{"data": [null]}', r"\$\.data\[0\]|\$\.data\[\.\.\.\]"),
        ('{"data": [{"fecha_consultada": "2024-08-02 12:00"}]}', r"`success`"),
        ('{"data": [{"success": true, "fecha_consultada": 5}]}', r"fecha_consultada"),
    ],
)
def test_bad_year_files_are_named(folder: Path, content: str, place: str) -> None:
    (folder / "checkpoint_2024.json").write_text(content)
    with pytest.raises(OutagesError, match=place) as caught:
        list(read_recorded(folder, PATTERN, MONTH))
    assert caught.value.code == "RECORDED_FILE"
    assert "checkpoint_2024.json" in caught.value.message


def test_an_entry_without_rows_is_no_empty_answer(folder: Path, bring_in: Callable[..., list[Answer]]) -> None:
    year_file(folder, {"success": True, "fecha_consultada": "2024-08-02 12:00"})
    with pytest.raises(OutagesError, match=r"checkpoint_2024\.json#0.*no content"):
        bring_in()


def test_bronze_of_someone_else(folder: Path) -> None:
    lines = [
        answer("2024-08-02", 12, row_a(comuna="Hualañé"), encoding="cp1252", asked_at="2024-08-04T01:00:00.000Z",
               answered_at="2024-08-04T01:00:01.000Z", server_date="now"),
        answer("2024-08-02", 13),
        answer("2024-08-02", 14, outcome="failed", body=""),
        answer("2024-08-02", 15, row_a(), outcome="implausible"),
    ]  # fmt: skip
    seal(lines, folder / "2024-08.jsonl.zst")
    found = list(read_recorded(folder, PATTERN, MONTH))
    assert [one.label.hora for one in found] == [12, 13, 15]
    first = found[0]
    assert first.body == body(row_a(comuna="Hualañé")).encode("cp1252")
    assert (first.asked_at, first.answered_at, first.server_date, first.origin) == (
        "2024-08-04T01:00:00.000Z", "2024-08-04T01:00:01.000Z", "now", "2024-08.jsonl.zst",
    )  # fmt: skip


@pytest.mark.parametrize("line", [answer("2024-07-02", 12, row_a()), answer("2024-09-08", 0, row_a())])
def test_bronze_with_hours_that_are_not_of_its_month_is_refused(folder: Path, line: Answer) -> None:
    seal([line], folder / "2024-08.jsonl.zst")
    with pytest.raises(OutagesError, match=r"2024-08\.jsonl\.zst, line 1") as caught:
        list(read_recorded(folder, PATTERN, MONTH))
    assert caught.value.code == "RECORDED_HOUR"


def test_bronze_of_the_replica_does_not_become_recorded(folder: Path) -> None:
    seal([answer("2024-08-02", 12, row_a(), source="replica")], folder / "2024-08.jsonl.zst")
    with pytest.raises(OutagesError, match="replica") as caught:
        list(read_recorded(folder, PATTERN, MONTH))
    assert caught.value.code == "MIXED_SOURCES"


def test_bronze_that_is_cut_off_is_refused(folder: Path) -> None:
    path = folder / "2024-08.jsonl.zst"
    seal([answer("2024-08-02", hora, row_a()) for hora in range(24)], path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(OutagesError, match="cut off") as caught:
        list(read_recorded(folder, PATTERN, MONTH))
    assert caught.value.code == "STORE_DAMAGED"


def test_importing_twice_adds_nothing(folder: Path, tmp_path: Path, bring_in: Callable[..., list[Answer]]) -> None:
    hourly(folder, "2024-08-02T12", body(row_a()))
    hourly(folder, "2024-08-02T13", "[]")
    year_file(folder, entry("2024-08-02 18:00"), entry("2024-08-02 18:00"))
    seal([answer("2024-08-02", 20, row_a(), asked_at="2024-08-04T01:00:00.000Z")], folder / "2024-08.jsonl.zst")
    first = bring_in()
    bronze = (tmp_path / "bronze" / "2024-08.jsonl.zst").read_bytes()
    assert [one.hora for one in first] == [12, 13, 20, 18]
    assert {one.source for one in first} == {"recorded"}
    assert [one.outcome for one in first] == ["observed", "empty", "observed", "observed"]
    assert bring_in() == first
    assert (tmp_path / "bronze" / "2024-08.jsonl.zst").read_bytes() == bronze
    assert json.loads((tmp_path / "answers" / "2024-08.state.json").read_text()) == {"open": {}, "turn": 0}


def test_a_changed_file_counts_as_later_and_nothing_is_forgotten(
    folder: Path, bring_in: Callable[..., list[Answer]]
) -> None:
    path = hourly(folder, "2024-08-02T12", body(row_a(clientes=1)))
    before = Listing(folder, PATTERN).digest(MONTH)
    bring_in()
    path.write_text(body(row_a(clientes=24)))
    assert Listing(folder, PATTERN).digest(MONTH) != before
    kept = bring_in()
    assert [(one.version, json.loads(one.body)[0]["CLIENTES_AFECTADOS"]) for one in kept] == [(0, 1), (1, 24)]
    path.unlink()
    assert bring_in() == kept


def test_answers_of_someone_else_that_went_back_and_forth_are_all_kept(
    folder: Path, bring_in: Callable[..., list[Answer]]
) -> None:
    told = [
        answer("2024-08-02", 12, row_a(clientes=count), asked_at=f"2024-08-0{day}T00:00:00.000Z")
        for day, count in ((3, 1), (4, 2), (5, 1))
    ]
    seal(told, folder / "2024-08.jsonl.zst")
    assert len(bring_in()) == len(bring_in()) == 3


def test_the_listing_tells_new_files_of_the_month_only(folder: Path) -> None:
    hourly(folder, "2024-08-02T12", "[]")
    before = Listing(folder, PATTERN).digest(MONTH)
    hourly(folder, "2024-09-02T12", "[]")
    year_file(folder, name="checkpoint_2023.json")
    assert Listing(folder, PATTERN).digest(MONTH) == before
    touched = hourly(folder, "2024-08-02T13", "[]")
    after = Listing(folder, PATTERN).digest(MONTH)
    assert after != before
    os.utime(touched, ns=(1, 1))
    assert Listing(folder, PATTERN).digest(MONTH) not in (before, after)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (PATTERN, "2024-08-02T12.json"),
        ("sec-{fecha}-{hora}.json", "sec-2024-08-02-12.json"),
        ("{fecha:%Y%m%d}{hora:02d}.json", "2024080212.json"),
        ("{fecha:%Y}/{fecha}_{hora}.json", "2024/2024-08-02_12.json"),
        ("{fecha:%D}-{hora}.json", "08/02/24-12.json"),
    ],
)
def test_the_first_file_of_an_hour_is_noticed_under_any_pattern(folder: Path, pattern: str, name: str) -> None:
    year_file(folder, name="checkpoint_2024.json")
    before = Listing(folder, pattern).digest(MONTH)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("[]")
    assert Listing(folder, pattern).digest(MONTH) != before
    assert Listing(folder, pattern).digest("2024-09") == Listing(folder, pattern).digest("2024-10")


def test_a_bad_body_stops_the_import_names_its_place_and_is_kept(
    folder: Path, tmp_path: Path, bring_in: Callable[..., list[Answer]]
) -> None:
    hourly(folder, "2024-08-02T11", body(row_a()))
    bad = body(row_a(), row_a(clientes=-1))
    hourly(folder, "2024-08-02T12", bad)
    with pytest.raises(OutagesError, match=r"2024-08-02T12\.json, hour 2024-08-02T12: row 1, field CLIENTES") as caught:
        bring_in()
    assert Path(str(caught.value.facts["quarantine"])).read_text() == bad
    assert not (tmp_path / "bronze").exists()
    assert [one.hora for one in Store(tmp_path / "answers", MONTH).read()] == [11]


def test_a_body_in_cp1252_is_decoded_and_said(folder: Path, bring_in: Callable[..., list[Answer]]) -> None:
    hourly(folder, "2024-08-02T12", body(row_a(comuna="Peñaflor")).encode("cp1252"))
    kept = bring_in()[0]
    assert (kept.encoding, json.loads(kept.body)[0]["NOMBRE_COMUNA"]) == ("cp1252", "Peñaflor")


def test_tiny_answers_are_judged_by_what_was_imported_before(
    folder: Path, bring_in: Callable[..., list[Answer]]
) -> None:
    hourly(folder, "2024-07-31T23", wide(100))
    hourly(folder, "2024-08-01T00", wide(5))
    for hora in range(4, 8):
        hourly(folder, f"2024-08-01T{hora:02d}", wide(60))
    outcomes = {one.label.hora: one.outcome for one in bring_in()}
    assert outcomes == {0: "implausible", 4: "observed", 5: "observed", 6: "observed", 7: "observed"}
    hourly(folder, "2024-08-03T06", wide(100))
    assert bring_in()[-1].outcome == "observed"
    hourly(folder, "2024-08-03T07", wide(4))  # judged by an hour of an earlier import
    assert bring_in()[-1].outcome == "implausible"


def test_accepted_months_have_no_implausible_answer(folder: Path, bring_in: Callable[..., list[Answer]]) -> None:
    for hora, count in enumerate((300, 300, 3, 3, 300)):
        hourly(folder, f"2024-08-01T{hora:02d}", wide(count))
    assert {one.outcome for one in bring_in(accept=True)} == {"observed"}


def test_what_was_imported_is_what_bronze_holds(
    folder: Path, tmp_path: Path, bring_in: Callable[..., list[Answer]]
) -> None:
    year_file(folder, *(entry(f"2024-08-{day:02d} {hora:02d}:00") for day in (3, 2) for hora in (18, 0, 12, 6)))
    kept = bring_in()
    sealed = list(read_lines(tmp_path / "bronze" / "2024-08.jsonl.zst"))
    assert sorted(kept, key=lambda one: one.label) == sealed
    assert len(sealed) == 8
