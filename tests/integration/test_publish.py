"""Publishing to a real PostgREST through the supabase client, and to the warehouse: all or nothing, and no key told."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from outages.errors import OutagesError
from outages.payloads import write_payload
from outages.targets import Secret, SupabaseTarget, WarehouseTarget
from publish import same

from .postgrest_server import Fault, Supabase, setup, until
from .publish_stage import FAILURES, META, PAYLOADS, REPOSITORY, Stage, unlike_their_meta


def table(conn: psycopg.Connection) -> dict[str, Any]:
    return {row[0]: row[1:] for row in conn.execute("SELECT id, data, updated_at FROM dashboard_stats")}


def methods(supabase: Supabase) -> list[str]:
    return [request.split()[0] for request in supabase.requests]


def test_what_is_published_is_what_anonymous_readers_get(
    stage: Stage, supabase: Supabase, named: dict[str, str]
) -> None:
    receipt = stage(**named)
    assert receipt["sent"] == ["_meta", "company_ranking", "investment_roi", "time_series"]
    assert (receipt["target"], receipt["host"], receipt["synthetic"]) == ("supabase", "127.0.0.1", False)
    assert sorted(receipt["sha256"]) == receipt["sent"]
    assert methods(supabase) == ["GET", "POST", "GET"]
    answer = httpx.get(f"{supabase.url}/rest/v1/dashboard_stats?select=*", headers={"apikey": supabase.anon_key})
    assert {row["id"]: row["data"] for row in answer.json()} == PAYLOADS | {"_meta": [META]}


def test_unchanged_payloads_are_not_sent(stage: Stage, supabase: Supabase, named: dict[str, str]) -> None:
    stage(**named)
    supabase.reset()
    receipt = stage(**named)
    assert methods(supabase) == ["GET"]
    assert receipt["sent"] == []
    assert receipt["unchanged"] == ["_meta", "company_ranking", "investment_roi", "time_series"]


def test_only_what_changed_is_sent(
    stage: Stage, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection
) -> None:
    owner.execute("INSERT INTO dashboard_stats VALUES ('of_another', '[1]', now())")
    stage(**named)
    before = table(owner)
    supabase.reset()
    stage.put({"company_ranking": [{"nombre_empresa": "CGE"}]})
    assert stage(**named)["sent"] == ["_meta", "company_ranking"]
    after = table(owner)
    assert methods(supabase) == ["GET", "POST", "GET"]
    assert after["company_ranking"][0] == [{"nombre_empresa": "CGE"}]
    assert {name for name in after if after[name] != before[name]} == {"_meta", "company_ranking"}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_has_its_code_and_leaves_what_was_public(
    case: str,
    stage: Stage,
    supabase: Supabase,
    named: dict[str, str],
    owner: psycopg.Connection,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stage(**named)
    before = table(owner)
    code, break_it = FAILURES[case]
    break_it(supabase, named)
    stage.put({"company_ranking": [{"nombre_empresa": "CGE"}], "new": []})
    supabase.requests.clear()
    told = stage.fails(code, **named)
    assert table(owner) == before
    # Only 5xx and time-outs are asked again, and no request follows one that was refused.
    asked = methods(supabase)
    if case == "down":
        assert asked == ["GET", "POST", "POST", "POST"]
    elif case == "said to be written":
        assert asked == ["GET", "POST", "GET"]
    else:
        assert asked in ([], ["GET"], ["GET", "POST"])
    captured = capfd.readouterr()
    told += captured.err + captured.out
    for secret in {*named["SUPABASE_KEY"].split(), supabase.service_key}:
        assert secret not in told
        assert secret.rpartition(".")[2] not in told


def test_one_bad_payload_keeps_all_of_them_back(
    stage: Stage, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection
) -> None:
    stage(**named)
    before = table(owner)
    stage.put({"company_ranking": [1], "time_series": ["\u0000, which jsonb cannot hold"]})
    stage.fails("PUBLISH_FAILED", **named)
    assert table(owner) == before


def test_a_limit_of_postgresql(
    stage: Stage, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection
) -> None:
    stage(**named)
    before = table(owner)
    owner.execute(
        "CREATE FUNCTION limits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE program_limit_exceeded; END $$;"
        "CREATE TRIGGER limits BEFORE UPDATE ON dashboard_stats FOR EACH ROW EXECUTE FUNCTION limits()"
    )
    stage.put({"company_ranking": [1]})
    try:
        assert "54000" in stage.fails("PUBLISH_SIZE", **named)
    finally:
        owner.execute("DROP FUNCTION limits CASCADE")
    assert table(owner) == before


def test_a_reader_computes_the_digests_of_the_files(
    stage: Stage, supabase: Supabase, named: dict[str, str], tmp_path: Path
) -> None:
    numbers = [-0.0, 0.0, 1.0, 0.1 + 0.2, 1e-7, 5e-324, 123456789.125, 1e15, 2**53 + 1, -1]
    items = [{"mes": "2025-05-01", "nombre_region": "MAULE", "afectados": 0}]
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "numbers.schema.json").write_text('{"type": "array"}')
    digest = write_payload(
        "numbers", [{"é": numbers, "a": items, "z": '\u2028 \\ "'}], stage.folder / "numbers.json", schemas
    )
    stage.put({"_meta": [META | {"payloads": {"numbers": digest}}]})
    stage(**named)
    rows = httpx.get(f"{supabase.url}/rest/v1/dashboard_stats?select=*", headers={"apikey": supabase.anon_key}).json()
    assert unlike_their_meta({row["id"]: row["data"] for row in rows}) == []


def test_a_missing_table(stage: Stage, supabase: Supabase, named: dict[str, str], owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE dashboard_stats RENAME TO elsewhere")
    try:
        assert "make supabase-sql" in stage.fails("PUBLISH_TABLE", **named)
    finally:
        owner.execute("ALTER TABLE elsewhere RENAME TO dashboard_stats")


def test_an_answer_that_was_lost_is_asked_for_again(stage: Stage, supabase: Supabase, named: dict[str, str]) -> None:
    supabase.faults.append(Fault(504, "<html>", "text/html", method="POST", after=True))
    assert len(stage(**named)["sent"]) == 4
    assert methods(supabase) == ["GET", "POST", "POST", "GET"]


def test_no_answer_in_time(stage: Stage, supabase: Supabase) -> None:
    supabase.faults.append(Fault(0, times=9))
    target = SupabaseTarget(supabase.url, Secret(supabase.service_key), timeout=0.5)
    with pytest.raises(OutagesError, match=r"PUBLISH_FAILED.*no answer in time"):
        target.read()
    target.close()
    until(lambda: len(supabase.requests) >= 3)
    assert len(supabase.requests) == 3


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_a_crash_within_the_client_tells_no_key(
    kind: type[BaseException], stage: Stage, named: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(self: httpx.Client, request: httpx.Request, **more: Any) -> None:
        header = request.headers["Authorization"]
        raise kind(header if kind is RuntimeError else "")

    monkeypatch.setattr(httpx.Client, "send", crash)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as caught:
        stage(**named)
    told = "".join(traceback.format_exception(caught.value)) + stage.log.read_text() + repr(Secret(""))
    assert stage.log.read_text()
    assert named["SUPABASE_KEY"][:40] not in told


@pytest.mark.parametrize("before", [150, 230, 290])
def test_a_key_that_the_server_repeats_is_hidden_before_the_answer_is_cut(
    before: int, stage: Stage, supabase: Supabase, named: dict[str, str]
) -> None:
    said = {"code": f"key {named['SUPABASE_KEY']}", "message": f"{'x' * before} {named['SUPABASE_KEY']} is no good"}
    supabase.faults.append(Fault(400, json.dumps(said)))
    told = stage.fails("PUBLISH_FAILED", **named)
    assert named["SUPABASE_KEY"][:8] not in told


@pytest.mark.parametrize(
    "address",
    [
        "https://[abc",
        "https://x.supabase.co:port",
        "https://x.supabase.co:99999",
        "https://x y.supabase.co",
        "https://x\ty.supabase.co",
        "https://x%20y.supabase.co",
        "https://xn--a.supabase.co",
        "https://x.supabase.co@elsewhere.invalid",
    ],
)
def test_what_is_no_address_has_its_code(address: str, stage: Stage) -> None:
    told = stage.fails("PUBLISH_URL", SUPABASE_URL=address, SUPABASE_KEY="key")
    assert "not the address of a project" in told
    assert "ValueError" not in told and "InvalidURL" not in told


def test_snakemake_runs_it_and_stores_no_key(stage: Stage, supabase: Supabase, named: dict[str, str]) -> None:
    told = stage.by_snakemake(**named)
    assert stage.done.exists(), told
    stage.put({"company_ranking": [1]})
    told += stage.by_snakemake(SUPABASE_URL=supabase.url, SUPABASE_KEY=supabase.anon_key)
    assert "PUBLISH_REFUSED" in told
    assert not stage.done.exists()
    for secret in (supabase.service_key, supabase.anon_key):
        assert secret.rpartition(".")[2] not in told


def test_the_replicas_data_are_refused_by_supabase(stage: Stage, supabase: Supabase, named: dict[str, str]) -> None:
    stage.put({}, synthetic=True)
    stage.fails("SYNTHETIC", **named)
    assert supabase.requests == []
    stage.params["allow_synthetic"] = True
    assert stage(**named)["synthetic"] is True


@pytest.mark.parametrize("alone", ["SUPABASE_URL", "SUPABASE_KEY"])
def test_half_of_the_environment_is_refused(alone: str, stage: Stage) -> None:
    stage.fails("PUBLISH_ENVIRONMENT", **{alone: "https://project.invalid"})


@pytest.mark.parametrize("meta", [[], [{}], [{"synthetic": None}], {"synthetic": False}])
def test_a_meta_that_does_not_tell_is_refused(meta: Any, stage: Stage) -> None:
    (stage.folder / "_meta.json").write_text(json.dumps(meta))
    stage.fails("PUBLISH_PAYLOAD")


def test_setting_up_again_closes_what_was_open(supabase: Supabase, owner: psycopg.Connection) -> None:
    owner.execute("GRANT ALL ON dashboard_stats TO anon; CREATE POLICY anyone ON dashboard_stats USING (true)")
    owner.execute("INSERT INTO dashboard_stats VALUES ('kept', '[1]', now())")
    before = table(owner)
    owner.execute(setup())
    address = f"{supabase.url}/rest/v1/dashboard_stats"
    headers = {"apikey": supabase.anon_key, "Authorization": f"Bearer {supabase.anon_key}"}
    row = {"id": "kept", "data": [2], "updated_at": "now"}
    assert httpx.get(address, headers=headers).json()[0]["data"] == [1]
    for answer in (
        httpx.post(address, headers=headers, json=[row | {"id": "mine"}]),
        httpx.patch(f"{address}?id=eq.kept", headers=headers, json=row),
        httpx.delete(f"{address}?id=eq.kept", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "42501")
    assert table(owner) == before


def test_the_warehouse_takes_what_no_supabase_is_named_for(
    stage: Stage, warehouse_url: str, warehouse: psycopg.Connection
) -> None:
    stage.put({}, synthetic=True)
    first = stage(DATABASE_URL=warehouse_url)
    assert (first["target"], first["host"], len(first["sent"])) == ("warehouse", "local", 4)
    assert WarehouseTarget(warehouse).read() == PAYLOADS | {"_meta": [META | {"synthetic": True}]}
    before = table(warehouse)
    assert stage(DATABASE_URL=warehouse_url)["sent"] == []
    stage.put({"company_ranking": [1]}, synthetic=True)
    assert stage(DATABASE_URL=warehouse_url)["sent"] == ["_meta", "company_ranking"]
    assert table(warehouse)["time_series"] == before["time_series"]


def test_the_warehouse_takes_all_or_nothing(stage: Stage, warehouse_url: str, warehouse: psycopg.Connection) -> None:
    stage(DATABASE_URL=warehouse_url)
    before = table(warehouse)
    stage.put({"company_ranking": [1], "time_series": ["\u0000"]})
    stage.fails("PUBLISH_FAILED", DATABASE_URL=warehouse_url)
    assert table(warehouse) == before


def test_the_embedded_warehouse_is_made_when_it_is_not_there(stage: Stage, reachable: Path) -> None:
    stage.params["cluster"] = str(reachable / "postgres")
    assert len(stage()["sent"]) == 4
    assert stage()["sent"] == []


def test_a_database_that_cannot_be_reached_tells_no_password(stage: Stage) -> None:
    told = stage.fails("DATABASE_UNREACHABLE", DATABASE_URL="postgresql://someone:tell-nobody@127.0.0.1:1/db")
    assert "tell-nobody" not in told


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ([1, {"a": None}], [1.0, {"a": None}], True),
        ([1e300], [10**300], True),
        ([True], [1], False),
        ([0], [False], False),
        ([0], [None], False),
        (["1"], [1], False),
        ([1, 2], [2, 1], False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([], {}, False),
    ],
)
def test_equality_of_json(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


def test_the_lock_of_npm_names_no_address() -> None:
    lock = json.loads((REPOSITORY / "tests/package-lock.json").read_text())
    asked = json.loads((REPOSITORY / "tests/package.json").read_text())
    wanted = asked["optionalDependencies"] | asked.get("dependencies", {})
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert {name.removeprefix("node_modules/"): package["version"] for name, package in packages.items()} == wanted
    for package in packages.values():
        assert "resolved" not in package
        assert package["integrity"].startswith("sha512-")
