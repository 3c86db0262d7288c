"""Customers of the regions, asked of a replica over real HTTP."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ask import ask
from customers import customers
from outages.errors import OutagesError

from replica.process import ReplicaHandle

from .scrapes import CONTACT, NOW, Scrapes, breaker, refused


@pytest.fixture
def count(scrapes: Scrapes, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    def count(
        asked: str | None = "2025-07", kind: str = "replica", contact: str = CONTACT, **http: Any
    ) -> pl.DataFrame:
        table, files = tmp_path / "customers.parquet", []
        if asked:
            files = [tmp_path / f"{asked}.json"]
            ask(files[0], asked, str(scrapes.answers), kind, NOW, True, scrapes.manners() | {"contact": contact} | http)
        customers(table, files, ["2025-05", "2025-07"], None)
        return pl.read_parquet(table)

    return count


def test_customers_are_asked_once_a_month_of_running(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    table = count()
    lines = scrapes.requests()
    assert Counter(line["endpoint"] for line in lines) == {"GetClientesRegional": 16, "GetClientesNacional": 1}
    assert {line["status"] for line in lines} == {200}
    assert table.height == 34
    own = table.filter(pl.col("mes") == "2025-07")
    assert own["estado"].to_list() == ["own"] * 17
    country = own.filter(pl.col("codigo_region") == "CL")["clientes"].item()
    assert own.filter(pl.col("codigo_region") != "CL")["clientes"].sum() == country
    assert set(table.filter(pl.col("mes") == "2025-05")["estado"]) == {"carried"}
    assert count().equals(table)
    assert scrapes.requests() == []
    count("2025-08")
    assert len(scrapes.requests()) == 17


def test_nobody_is_asked_for_customers_without_a_month(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    table = count(None)
    assert scrapes.requests() == []
    assert set(table["estado"]) == {"none"}
    assert table["clientes"].null_count() == 34


def test_customers_of_a_torn_write_are_asked_again(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    whole = count()
    path = scrapes.answers / "customers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]) + lines[9][:20])
    scrapes.requests()
    assert count().equals(whole)
    assert len(scrapes.requests()) == 17
    assert count().equals(whole)
    assert scrapes.requests() == []


def test_the_service_is_not_asked_for_customers_without_a_contact(
    scrapes: Scrapes, count: Callable[..., pl.DataFrame]
) -> None:
    with pytest.raises(OutagesError) as caught:
        count(kind="sec", contact=" ")
    assert caught.value.code == "CONTACT"
    assert scrapes.requests() == []


def test_customers_of_the_replica_meet_no_other_source(scrapes: Scrapes, count: Callable[..., pl.DataFrame]) -> None:
    count()
    scrapes.requests()
    for month, kind in (("2025-08", "sec"), ("2025-07", "recorded")):
        with pytest.raises(OutagesError) as caught:
            count(month, kind)
        assert caught.value.code == "MIXED_SOURCES"
    assert scrapes.requests() == []


def test_customers_that_cannot_be_had_leave_the_store_as_it_was(
    scrapes: Scrapes, count: Callable[..., pl.DataFrame], replica: ReplicaHandle
) -> None:
    match = {"endpoint": "GetClientesNacional"}
    for fault, code in (("html", "CUSTOMERS_DRIFT"), ("500", "SOURCE_FAILED")):
        replica.faults([{"fault": fault, "match": match}])
        with pytest.raises(OutagesError) as caught:
            count(attempts=2)
        assert caught.value.code == code
        assert breaker(scrapes).state()["failures"] == 1
        assert not (scrapes.answers / "customers.jsonl").exists()
        replica.clear()
    replica.faults([{"fault": "500", "match": match, "times": 1}])
    assert count()["estado"].to_list()[-1] == "own"


def test_a_block_while_asking_for_customers_opens_the_breaker_for_all(
    scrapes: Scrapes, count: Callable[..., pl.DataFrame], replica: ReplicaHandle
) -> None:
    replica.faults([{"fault": "block", "match": {"endpoint": "GetClientesRegional"}}])
    with pytest.raises(OutagesError) as caught:
        count()
    assert caught.value.code == "SOURCE_BLOCKED"
    assert len(scrapes.requests()) == 1
    refused(scrapes, "BREAKER_OPEN")
    assert scrapes.requests() == []
