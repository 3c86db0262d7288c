"""The replica over real HTTP: endpoints, clock, log, and every fault."""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from replica.places import LONG_NAMES
from replica.process import ReplicaHandle, replica_process
from replica.worlds import demo_world

NOW = "2025-07-05T12:00:00Z"
NOON = {"anho": 2025, "mes": 5, "dia": 10, "hora": 12}
AGENT = "replica-test/1.0 (tests)"


class Answer:
    def __init__(self, status: int, headers: http.client.HTTPMessage, content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content

    def json(self) -> Any:
        return json.loads(self.content)


def ask(replica: ReplicaHandle, endpoint: str, body: Any, timeout: float = 5) -> Answer:
    parts = urlsplit(replica.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": AGENT}
        connection.request("POST", f"{parts.path}/{endpoint}", data, headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaHandle]:
    with replica_process(tmp_path_factory.mktemp("replica") / "log.jsonl", seed=1, now=NOW) as replica:
        yield replica


@pytest.fixture
def replica(server: ReplicaHandle) -> Iterator[ReplicaHandle]:
    yield server
    server.clear()
    server.set_now(NOW)


def test_an_hour_is_what_the_world_says(replica: ReplicaHandle) -> None:
    assert replica.url.endswith("/INTONLINEv1/ClientesAfectados")
    answer = ask(replica, "GetPorFecha", NOON)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Date"] == "Sat, 05 Jul 2025 12:00:00 GMT"
    assert answer.content == demo_world(1).body(date(2025, 5, 10), 12, asked=1)
    assert len(ask(replica, "GetPorFecha", NOON | {"mes": 4}).json()[0]) == 13


def test_without_hora_it_answers_midnight(replica: ReplicaHandle) -> None:
    midnight = ask(replica, "GetPorFecha", NOON | {"hora": 0}).content
    assert ask(replica, "GetPorFecha", {k: v for k, v in NOON.items() if k != "hora"}).content == midnight
    assert ask(replica, "GetPorFecha", NOON).content != midnight


@pytest.mark.parametrize("body", [{}, NOON | {"mes": 13}, NOON | {"hora": 24}, NOON | {"dia": "x"}, b"{", b"[]"])
def test_nonsense_is_a_client_error(replica: ReplicaHandle, body: Any) -> None:
    assert ask(replica, "GetPorFecha", body).status == 400


def test_future_hours_are_empty_and_the_clock_can_be_set(replica: ReplicaHandle) -> None:
    future = {"anho": 2025, "mes": 7, "dia": 5, "hora": 9}  # 13:00Z
    assert ask(replica, "GetPorFecha", future).json() == []
    replica.set_now("2025-07-05T13:00:00Z")
    assert len(ask(replica, "GetPorFecha", future).json()) > 50


def test_hora_server_and_its_skew(replica: ReplicaHandle) -> None:
    assert ask(replica, "GetHoraServer", {}).json() == [{"FECHA": "05/07/2025 08:00"}]
    replica.faults([{"fault": "clock_skew", "minutes": 25, "match": {"endpoint": "GetHoraServer"}}])
    assert ask(replica, "GetHoraServer", {}).json() == [{"FECHA": "05/07/2025 08:25"}]


def test_an_hour_under_two_days_old_has_its_first_version(replica: ReplicaHandle) -> None:
    hour, world = {"anho": 2025, "mes": 6, "dia": 20, "hora": 12}, demo_world(1)
    replica.set_now("2025-06-22T15:59:00Z")  # 47 h 59 min
    first = ask(replica, "GetPorFecha", hour).content
    assert ask(replica, "GetPorFecha", hour).content == first == world.body(date(2025, 6, 20), 12, asked=0)
    replica.set_now("2025-06-22T16:00:00Z")
    assert ask(replica, "GetPorFecha", hour).content == world.body(date(2025, 6, 20), 12, asked=1) != first


def test_national_series_of_seven_days(replica: ReplicaHandle) -> None:
    series = ask(replica, "Get", {}).json()
    assert len(series) == 168
    assert set(series[0]) == {"anho", "mes", "dia", "hora", "clientes_afectados"}
    last = series[-1]
    assert (last["anho"], last["mes"], last["dia"], last["hora"]) == (2025, 7, 5, 8)
    rows = ask(replica, "GetPorFecha", {key: last[key] for key in ("anho", "mes", "dia", "hora")}).json()
    assert sum(row["CLIENTES_AFECTADOS"] for row in rows) == last["clientes_afectados"]


def test_customers_of_the_regions_add_up_to_the_country(replica: ReplicaHandle) -> None:
    national = ask(replica, "GetClientesNacional", {}).json()[0]["CLIENTES"]
    answers = [ask(replica, "GetClientesRegional", {"region": name}).json()[0] for name in LONG_NAMES]
    assert len(answers) == len({answer["REGION_ID"] for answer in answers}) == 16
    assert sum(int(answer["CLIENTES"]) for answer in answers) == national
    assert {type(answer["CLIENTES"]) for answer in answers} == {int, str}
    assert ask(replica, "GetClientesRegional", {"region": "Metropolitana"}).json() == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_as_often_as_told(replica: ReplicaHandle, status: int) -> None:
    replica.faults([{"fault": str(status), "times": 2}])
    assert [ask(replica, "GetPorFecha", NOON).status for _ in range(3)] == [status, status, 200]


def test_too_many_requests_in_seconds_or_as_a_date(replica: ReplicaHandle) -> None:
    moment = "Sat, 05 Jul 2025 12:00:30 GMT"
    replica.faults([{"fault": "429", "retry_after": wait, "times": 1} for wait in (7, moment)])
    answers = [ask(replica, "GetPorFecha", NOON) for _ in range(2)]
    assert [(answer.status, answer.headers["Retry-After"]) for answer in answers] == [(429, "7"), (429, moment)]


def test_rules_match_hours_and_days(replica: ReplicaHandle) -> None:
    replica.faults([{"fault": "500", "match": {"fecha": "2025-05-10", "hora": 12}}])
    bodies = [NOON, NOON | {"hora": 13}, NOON | {"dia": 11}]
    assert [ask(replica, "GetPorFecha", body).status for body in bodies] == [500, 200, 200]
    assert ask(replica, "GetHoraServer", {}).status == 200


def test_pages_instead_of_data(replica: ReplicaHandle) -> None:
    replica.faults([{"fault": fault, "times": 1} for fault in ("html", "challenge", "block")])
    answers = [ask(replica, "GetPorFecha", NOON) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 403]
    assert all(answer.headers["Content-Type"].startswith("text/html") for answer in answers)
    assert all(answer.content.startswith(b"<html>") for answer in answers)
    assert b"captcha" in answers[1].content


def test_latency_and_a_hanging_connection(replica: ReplicaHandle) -> None:
    replica.faults([{"fault": "latency", "ms": 150, "times": 1}, {"fault": "hang", "times": 1, "match": {"hora": 1}}])
    begin = time.monotonic()
    assert ask(replica, "GetPorFecha", NOON).status == 200
    assert time.monotonic() - begin >= 0.15
    with pytest.raises(TimeoutError):
        ask(replica, "GetPorFecha", NOON | {"hora": 1}, timeout=1)
    assert replica.requests()[-1]["status"] is None


def test_reset_and_cut_off_answers(replica: ReplicaHandle) -> None:
    whole = ask(replica, "GetPorFecha", NOON).content
    replica.faults(
        [
            {"fault": "reset", "times": 1},
            {"fault": "truncated", "times": 1},
            {"fault": "truncated", "kind": "connection", "times": 1},
        ]
    )
    with pytest.raises(ConnectionResetError):
        ask(replica, "GetPorFecha", NOON)
    cut = ask(replica, "GetPorFecha", NOON)
    assert cut.status == 200
    assert whole.startswith(cut.content)
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    with pytest.raises(http.client.IncompleteRead):
        ask(replica, "GetPorFecha", NOON)


def test_tiny_empty_and_revised_answers(replica: ReplicaHandle) -> None:
    whole = ask(replica, "GetPorFecha", NOON).json()
    replica.faults([{"fault": fault, "times": 1} for fault in ("tiny", "empty")])
    replica.faults([{"fault": "revision", "delta": 24, "times": 1}])
    assert ask(replica, "GetPorFecha", NOON).json() == whole[:3]
    assert ask(replica, "GetPorFecha", NOON).json() == []
    revised = ask(replica, "GetPorFecha", NOON).json()
    assert revised[0]["CLIENTES_AFECTADOS"] == whole[0]["CLIENTES_AFECTADOS"] + 24
    assert revised[1:] == whole[1:]


def test_drift(replica: ReplicaHandle) -> None:
    kinds = ["added", "removed", "renamed", "retyped", "nested", "wrapped", "negative", "fraction"]
    replica.faults([{"fault": "drift", "kind": kind, "times": 1} for kind in kinds])
    seen = {kind: ask(replica, "GetPorFecha", NOON).json() for kind in kinds}
    assert len(seen["added"][0]) == 4
    assert len(seen["removed"][0]) == 2
    assert "CLIENTES" in seen["renamed"][0]
    assert seen["retyped"][0]["NOMBRE_COMUNA"] == 13101
    assert isinstance(seen["nested"][0]["CLIENTES_AFECTADOS"], dict)
    assert isinstance(seen["wrapped"], dict)
    assert seen["negative"][0]["CLIENTES_AFECTADOS"] < 0
    assert seen["fraction"][0]["CLIENTES_AFECTADOS"] % 1 == 0.5


def test_a_body_in_another_encoding(replica: ReplicaHandle) -> None:
    whole = ask(replica, "GetPorFecha", NOON)
    replica.faults([{"fault": "cp1252", "times": 1}])
    other = ask(replica, "GetPorFecha", NOON)
    with pytest.raises(UnicodeDecodeError):
        other.content.decode("utf-8")
    assert json.loads(other.content.decode("cp1252")) == whole.json()


def test_unknown_faults_are_refused(replica: ReplicaHandle) -> None:
    with pytest.raises(OSError, match="400"):
        replica.faults([{"fault": "flood"}])


def test_every_request_is_logged_at_once(replica: ReplicaHandle) -> None:
    before = len(replica.requests())
    replica.faults([{"fault": "503", "times": 1}])
    ask(replica, "GetPorFecha", NOON)
    ask(replica, "GetClientesNacional", {})
    lines = [json.loads(line) for line in replica.log.read_text(encoding="utf-8").splitlines()]
    assert lines == replica.requests()
    first, second = lines[before:]
    assert (first["endpoint"], first["status"], first["fault"]) == ("GetPorFecha", 503, "503")
    assert (first["body"], first["fecha"], first["hora"]) == (NOON, "2025-05-10", 12)
    assert first["user_agent"] == AGENT
    assert (second["endpoint"], second["status"], second["fault"]) == ("GetClientesNacional", 200, None)
    assert replica.requests("GetClientesNacional")[-1] == second


def test_counts_tell_how_many_were_in_flight(tmp_path: Path) -> None:
    with replica_process(tmp_path / "log.jsonl", world="plain", switch=date(2025, 1, 1), latency_ms=150) as replica:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda hora: ask(replica, "GetPorFecha", NOON | {"hora": hora}), range(4)))
        counts = replica.counts()
        process = replica.process
    assert all(len(answer.json()[0]) == 3 for answer in answers)
    assert counts["total"] == counts["endpoint"]["GetPorFecha"] == counts["status"]["200"] == 4
    assert counts["hour"] == {f"2025-05-10T{hora:02d}": 1 for hora in range(4)}
    assert 2 <= counts["max_in_flight"] <= 4
    assert process.poll() == 0  # ended by SIGTERM, in order


def test_a_replica_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="invalid choice"), replica_process(tmp_path / "log.jsonl", world="none"):
        pass
