"""The replica's world has the proportions of the source (docs: what a faithful generator looks like)."""

import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean

import orjson
import pytest

from replica.faults import DRIFT, VALUES, Rule, alter, choose
from replica.generate import Ghost, World, hours_between, utc_of
from replica.places import REGION_ACTIVITY, places
from replica.worlds import demo_world, plain_world

KEYS_A = [
    *("DIA_INT", "MES_INT", "ANHO_INT", "HORA", "DIA", "MES", "ANHO"),
    *("NOMBRE_REGION", "NOMBRE_COMUNA", "NOMBRE_EMPRESA"),
    *("CLIENTES_AFECTADOS", "ACTUALIZADO_HACE", "FECHA_INT_STR"),
]
KEYS_B = ["NOMBRE_REGION", "NOMBRE_COMUNA", "CLIENTES_AFECTADOS"]
CALM = [(date(2025, 9, day), hora) for day in (9, 10, 11) for hora in range(24)]
SHAPE_B = date(2017, 1, 1)

Rows = list[dict]


def group(row: dict) -> tuple[str, str, str]:
    return row["NOMBRE_COMUNA"], row["NOMBRE_EMPRESA"], row["FECHA_INT_STR"]


def sums(rows: Rows) -> Counter:
    found: Counter = Counter()
    for row in rows:
        found[group(row)] += row["CLIENTES_AFECTADOS"]
    return found


def communes(rows: Rows) -> set[tuple[str, str]]:
    return {(row["NOMBRE_REGION"], row["NOMBRE_COMUNA"]) for row in rows}


@pytest.fixture(scope="module")
def calm() -> list[Rows]:
    world = World(seed=11)
    return [world.rows(*hour) for hour in CALM]


@pytest.fixture(scope="module")
def demo() -> World:
    return demo_world(seed=1)


def test_places_are_all_communes_with_the_spellings_of_the_source() -> None:
    table = places()
    assert len({place.code for place in table}) == 346
    assert {place.region for place in table} == set(REGION_ACTIVITY)
    assert sum(place.customers for place in table) == pytest.approx(8_100_000, rel=0.01)
    names = {place.code: place.commune for place in table}
    assert names["02103"] == "Sierra;rda"
    assert names["04304"] == "Punitagui"
    assert names["12201"] == "Cabo de Hornos (ex-Navarino)"
    assert names["05502"] == "La Calera"
    assert names["08202"] == "Arauco "
    assert 25 <= sum(len(place.companies) > 1 for place in table) <= 35


def test_shape_a_has_thirteen_keys_and_its_constants(calm: list[Rows]) -> None:
    for rows, (fecha, _) in zip(calm, CALM, strict=True):
        for row in rows:
            assert list(row) == KEYS_A
            assert row["HORA"] == row["DIA"] == row["MES"] == row["ANHO"] == 0
            assert row["FECHA_INT_STR"] == f"{row['DIA_INT']}/{row['MES_INT']}/{row['ANHO_INT']}"
            assert date(row["ANHO_INT"], row["MES_INT"], row["DIA_INT"]) <= fecha
            assert type(row["CLIENTES_AFECTADOS"]) is int
            assert row["CLIENTES_AFECTADOS"] >= 1
            assert row["ACTUALIZADO_HACE"].startswith("0 Dias ")
            assert row["ACTUALIZADO_HACE"].endswith(" Minutos ")


def test_calm_answers_have_the_proportions_of_the_source() -> None:
    world = World(seed=11)
    calm = [world.rows(date(2025, 9, day), hora) for day in range(8, 29, 2) for hora in (0, 6, 12, 18)]
    values = [sorted(row["CLIENTES_AFECTADOS"] for row in rows) for rows in calm]
    assert 400 <= mean(len(v) for v in values) <= 540
    assert all(0.56 <= mean(x == 1 for x in v) <= 0.73 for v in values)
    assert 6 <= mean(v[int(0.9 * len(v))] for v in values) <= 60
    assert 5_000 <= mean(sum(v) for v in values) <= 20_000
    assert max(v[-1] for v in values) <= 2600
    assert 130 <= mean(len(communes(rows)) for rows in calm) <= 210
    companies = Counter(row["NOMBRE_EMPRESA"] for rows in calm for row in rows)
    assert companies.most_common(1)[0][0] == "CGE"
    assert 0.3 <= companies["CGE"] / companies.total() <= 0.5
    assert 14 <= len(companies) <= 17
    assert 3 <= mean(len({row["ACTUALIZADO_HACE"] for row in rows}) for rows in calm) <= 9


def test_equal_rows_repeat_and_groups_are_far_more_spread_than_poisson(calm: list[Rows]) -> None:
    for rows in calm:
        assert 0.15 <= 1 - len({tuple(row.values()) for row in rows}) / len(rows) <= 0.55
    noon = calm[12]
    sizes = Counter(Counter(map(group, noon)).values())
    assert 0.4 <= sizes[1] / sizes.total() <= 0.7
    assert max(sizes) >= 8


def test_rows_are_in_no_order(calm: list[Rows]) -> None:
    names = [row["NOMBRE_REGION"] for row in calm[12]]
    assert names != sorted(names)


def test_most_groups_are_unchanged_from_hour_to_hour(calm: list[Rows]) -> None:
    totals = [sums(rows) for rows in calm]
    unchanged = [mean(after.get(key) == value for key, value in before.items()) for before, after in pairwise(totals)]
    assert 0.8 <= mean(unchanged) <= 0.95
    kept = [mean(key in after for key in before) for before, after in pairwise(totals)]
    assert mean(kept) >= 0.88


def test_at_noon_most_outages_started_today_or_yesterday(calm: list[Rows]) -> None:
    for day in (0, 1, 2):
        fecha, rows = CALM[24 * day + 12][0], calm[24 * day + 12]
        ages = [(fecha - date(row["ANHO_INT"], row["MES_INT"], row["DIA_INT"])).days for row in rows]
        assert 0.6 <= mean(age == 0 for age in ages) <= 0.92
        assert mean(age <= 1 for age in ages) >= 0.88
        assert max(ages) <= 7


def test_shape_b_is_shape_a_summed_by_commune_in_order() -> None:
    a, b = World(seed=11, ghosts=()), World(seed=11, ghosts=(), switch=SHAPE_B)
    ones = []
    for hour in CALM[::5]:
        rows = b.rows(*hour)
        assert all(list(row) == KEYS_B for row in rows)
        order = [(row["NOMBRE_REGION"], row["NOMBRE_COMUNA"]) for row in rows]
        assert order == sorted(set(order))
        assert not any(commune != commune.strip() for _, commune in order)
        assert all(row["CLIENTES_AFECTADOS"] > 0 for row in rows)
        totals: Counter = Counter()
        for row in a.rows(*hour):
            totals[row["NOMBRE_REGION"], row["NOMBRE_COMUNA"].strip()] += row["CLIENTES_AFECTADOS"]
        assert {(r["NOMBRE_REGION"], r["NOMBRE_COMUNA"]): r["CLIENTES_AFECTADOS"] for r in rows} == totals
        ones.append(mean(row["CLIENTES_AFECTADOS"] == 1 for row in rows))
    assert 0.2 <= mean(ones) <= 0.36


def test_same_seed_same_answers_in_any_order_and_any_process() -> None:
    hours = CALM[::7]
    forward = {hour: World(seed=5).body(*hour) for hour in hours}
    world = World(seed=5)
    assert {hour: world.body(*hour) for hour in reversed(hours)} == forward
    assert World(seed=6).body(*hours[0]) != forward[hours[0]]
    fecha, hora = hours[1]
    code = (
        "import sys; from datetime import date; from replica.generate import World; "
        f"sys.stdout.buffer.write(World(5).body(date.fromisoformat('{fecha}'), {hora}))"
    )
    root = Path(__file__).resolve().parents[2]
    other = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True).stdout
    assert other == forward[fecha, hora]


def test_a_month_of_bodies_has_every_local_hour_once() -> None:
    world = World(seed=3, switch=SHAPE_B)
    hours = [(fecha, hora) for fecha, hora, _ in world.months(date(2025, 9, 6), date(2025, 9, 8))]
    assert len(hours) == len(set(hours)) == 71
    assert (date(2025, 9, 7), 0) not in hours
    body = next(iter(world.months(date(2025, 9, 6), date(2025, 9, 6), [12])))[2]
    assert orjson.loads(body) == world.rows(date(2025, 9, 6), 12, asked=1)


def test_utc_of_labels() -> None:
    assert utc_of(date(2024, 8, 2), 12) == datetime(2024, 8, 2, 16, tzinfo=UTC)
    assert utc_of(date(2026, 9, 30), 0) == datetime(2026, 9, 30, 3, tzinfo=UTC)
    assert utc_of(date(2025, 4, 5), 23) == datetime(2025, 4, 6, 2, tzinfo=UTC)  # the first of two
    assert utc_of(date(2025, 9, 7), 0) is None
    assert World().rows(date(2025, 9, 7), 0) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_storm_of_august_2024(seed: int) -> None:
    world = plain_world(seed, switch=SHAPE_B)
    peak = world.rows(date(2024, 8, 2), 12)
    assert sum(row["CLIENTES_AFECTADOS"] for row in peak) == pytest.approx(1_176_000, rel=0.15)
    assert 285 <= len(peak) <= 320
    by_region: Counter = Counter()
    for row in peak:
        by_region[row["NOMBRE_REGION"]] += row["CLIENTES_AFECTADOS"]
    assert by_region.most_common(1)[0][0] == "Metropolitana"
    assert by_region["Arica y Parinacota"] < 2_000
    every = {(p.region, p.commune.strip()) for p in places() if p.region in ("Metropolitana", "O`Higgins", "Maule")}
    assert every <= communes(peak)
    limits = {(p.region, p.commune.strip()): p.customers for p in places()}
    assert all(
        row["CLIENTES_AFECTADOS"] <= limits[row["NOMBRE_REGION"], row["NOMBRE_COMUNA"]]
        for row in peak
        if row["NOMBRE_REGION"]
    )
    course = [world.customers(date(2024, 8, day), 12) or 0 for day in (1, 2, 4, 8)]
    assert 250_000 < course[0] < course[1] > course[2] > course[3] < 60_000


def test_blank_rows_about_once_in_twenty_hours() -> None:
    world = World(seed=2, switch=SHAPE_B)
    bodies = [rows for _, _, rows in world.months(date(2025, 5, 1), date(2025, 5, 15))]
    blank = sum(b'"NOMBRE_REGION":"","NOMBRE_COMUNA":""' in body for body in bodies)
    assert 6 <= blank <= 36
    assert not any(b'"NOMBRE_REGION":""' in World(2, blank_every=0).body(*hour) for hour in CALM[:24])


def test_holes_tiny_answers_and_revisions() -> None:
    hour = (date(2025, 9, 10), 6)
    usual = World(seed=4).rows(*hour)
    assert World(seed=4, holes={hour}).rows(*hour, asked=3) == []
    assert 2 <= len(communes(World(seed=4, tiny={hour}).rows(*hour))) <= 3
    revised = World(seed=4, revisions={hour})
    first, later = revised.rows(*hour, asked=0), revised.rows(*hour, asked=1)
    assert later == usual == revised.rows(*hour, asked=2)
    assert sum(sums(first).values()) > sum(sums(later).values())
    assert communes(first) == communes(later)


def test_ghosts_stay_between_their_days() -> None:
    ghost = Ghost("Valparaiso", "Quilpue", "CHILQUINTA", 63, date(2024, 2, 19), date(2025, 9, 9))
    world = World(seed=4, ghosts=[ghost])
    for hour in CALM[:48]:
        found = [row for row in world.rows(*hour) if row["FECHA_INT_STR"] == "19/2/2024"]
        assert [row["CLIENTES_AFECTADOS"] for row in found] == ([63] if hour[0] <= ghost.until else [])


def test_hours_between_counts_both_ends() -> None:
    hours = hours_between((date(2025, 3, 14), 22), (date(2025, 3, 15), 1))
    assert sorted(hours) == [(date(2025, 3, day), hora) for day, hora in ((14, 22), (14, 23), (15, 0), (15, 1))]


def test_demo_world_has_what_it_promises(demo: World) -> None:
    assert list(demo.rows(date(2025, 4, 30), 23)[0]) == KEYS_A
    assert list(demo.rows(date(2025, 5, 1), 0)[0]) == KEYS_B
    assert [hora for hora in range(24) if not demo.rows(date(2025, 3, 14), hora)] == [3, 4, 5, 6, 7]
    assert len(demo.rows(date(2025, 5, 17), 2)) <= 3
    ghosts = [row for row in demo.rows(date(2025, 4, 2), 12) if row["FECHA_INT_STR"] == "19/2/2024"]
    assert sorted((row["NOMBRE_COMUNA"], row["CLIENTES_AFECTADOS"]) for row in ghosts) == [
        ("Quilpue", 63),
        ("Viña del Mar", 511),
    ]
    assert (demo.customers(date(2025, 6, 12), 3) or 0) > 300_000
    assert (demo.customers(date(2025, 3, 20), 18) or 0) > 40_000
    assert (demo.customers(date(2025, 4, 15), 12) or 0) < 30_000
    assert demo.rows(date(2025, 6, 20), 12, asked=0) != demo.rows(date(2025, 6, 20), 12, asked=1)


def test_an_hour_is_fast_once_its_day_is_warm() -> None:
    world = World(seed=9)
    world.body(*CALM[0])
    begin = time.process_time()
    for hour in CALM[:24]:
        world.body(*hour)
    assert time.process_time() - begin < 24 * 0.02  # measured: below 1 ms each


def test_the_first_rule_left_acts_and_latency_adds_up() -> None:
    rules = [
        Rule.parse({"fault": "latency", "ms": 20}),
        Rule.parse({"fault": "500", "match": {"hora": 3}, "times": 1}),
        Rule.parse({"fault": "503", "match": {"endpoint": "GetPorFecha"}}),
    ]
    chosen = [choose(rules, "GetPorFecha", "2025-05-01", 3) for _ in range(2)]
    assert [(rule.fault if rule else None, delay) for rule, delay in chosen] == [("500", 20), ("503", 20)]
    assert choose(rules, "Get", None, None) == (None, 20)


@pytest.mark.parametrize(
    "rule",
    [{"fault": "flood"}, {"fault": "500", "match": {"hour": 3}}, {"fault": "drift"}, {"fault": "value", "kind": "x"}],
)
def test_unknown_rules_are_refused(rule: dict) -> None:
    with pytest.raises(ValueError, match=r"unknown|needs a kind"):
        Rule.parse(rule)


@pytest.mark.parametrize("fault", ["drift", "value"])
def test_every_kind_changes_both_shapes_and_leaves_the_original(fault: str) -> None:
    for world in (World(seed=1), World(seed=1, switch=SHAPE_B)):
        rows = world.rows(*CALM[0])
        before = orjson.dumps(rows)
        for kind in DRIFT if fault == "drift" else VALUES:
            only_a = kind in ("nobody", "future", "unparsable", "disagree") and len(rows[0]) == 3
            changed = alter(Rule.parse({"fault": fault, "kind": kind, "row": 0}), rows)
            assert (orjson.dumps(changed) == before) is only_a, kind
        assert orjson.dumps(rows) == before
