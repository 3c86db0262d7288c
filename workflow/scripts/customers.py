"""Stage 2: customers per region and month, the denominators of every rate.

Source: SEC GetClientesRegional and GetClientesNacional, today's values only: asked once per calendar month in
which the workflow runs, kept in `answers/customers.jsonl`; official values of a configured table count first.
Unit: customers.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from outages.acquire import only_one_asks, refuse_no_contact, simulated
from outages.clock import iso, parse_iso
from outages.denominators import COUNTRY, Asked, Value, read_asked, read_official, table
from outages.errors import OutagesError
from outages.files import write_parquet
from outages.fingerprint import REPOSITORY
from outages.names import Names
from outages.reporting import log, run, say
from outages.store import refuse_mixed

SCHEMA = {
    "mes": pl.String, "codigo_region": pl.String, "nombre_region": pl.String, "clientes": pl.Int64,
    "estado": pl.String, "mes_valor": pl.String, "fuente": pl.String,
}  # fmt: skip


def customers(
    customers: Path,
    months: list[str],
    store: str,
    ask_month: str | None,
    kind: str,
    official: str | None,
    now: str,
    pretend: bool,
    http: dict[str, Any],
) -> None:
    """Write one row per month and region; ask the source first when `ask_month` is not in the store yet.

    `ask_month` is the calendar month of the run (None: nobody is asked). Without any known value a row has
    null customers and the state "none".
    """
    kept = Path(store) / "customers.jsonl"
    names = Names.load(REPOSITORY / "resources")
    asked = read_asked(kept)
    refuse_mixed({line.source for line in asked} | {kind}, str(kept))
    regions = {code: names.region_name(code) for code, _ in names.query_names()} | {COUNTRY: "CHILE"}
    if ask_month and regions.keys() - {line.codigo_region for line in asked if line.mes == ask_month}:
        refuse_no_contact(kind, http["contact"])
        clock = simulated(parse_iso(now)) if pretend else lambda: datetime.now(UTC)
        with only_one_asks(Path(store)):
            new = _ask(Path(store), names, ask_month, kind, clock, http)
            _keep(kept, new)
        asked += new
    values = [Value(line.mes, line.codigo_region, line.clientes, f"SEC, {line.asked_at[:10]}", False) for line in asked]
    if official:
        values += read_official(Path(official), regions)
    _compare(asked)
    write_parquet(pl.DataFrame(table(months, regions, values), schema=SCHEMA), customers)


def _ask(
    store: Path, names: Names, month: str, kind: str, clock: Callable[[], datetime], http: dict[str, Any]
) -> list[Asked]:
    from outages.breaker import Breaker
    from outages.client import Client, Manners

    questions = [(code, "GetClientesRegional", {"region": name}) for code, name in names.query_names()]
    say(f"  {len(questions) + 1} requests for the regions' customers to {http['url']}")

    async def talk() -> list[Asked]:
        async with Client(Manners(**http), Breaker(store / "breaker.json"), clock) as client:
            told = []
            for code, endpoint, body in [*questions, (COUNTRY, "GetClientesNacional", {})]:
                reply = await client.ask(endpoint, body)
                try:
                    number = number_of_customers(reply.body, endpoint, body)
                except OutagesError as drift:
                    client.disapprove(drift.code)
                    raise
                client.approve()
                told.append(Asked(month, code, number, kind, iso(clock())))
            return told

    return asyncio.run(talk())


def number_of_customers(content: bytes, endpoint: str, body: dict[str, str]) -> int:
    """The customers in an answer `[{"CLIENTES": n, ...}]`, n a number or a string of digits; else CUSTOMERS_DRIFT."""
    try:
        value = msgspec.json.decode(content)[0]["CLIENTES"]
        number = int(value) if isinstance(value, str) else value
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        raise OutagesError("CUSTOMERS_DRIFT", f"{endpoint} {body}: no CLIENTES in {content[:80]!r}") from error
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise OutagesError(
            "CUSTOMERS_DRIFT", f"{endpoint} {body}: {value!r} is no number of customers", value=repr(value)
        )
    return number


def _keep(path: Path, lines: list[Asked]) -> None:
    """Append the month's lines in one write, on disk before it returns; a torn last line is cut first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as opened:
        opened.truncate(opened.read().rfind(b"\n") + 1)
        opened.seek(0, os.SEEK_END)
        opened.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        opened.flush()
        os.fsync(opened.fileno())


def _compare(asked: list[Asked]) -> None:
    """Report how the regions' sum compares with the national value of each month asked."""
    for month in sorted({line.mes for line in asked}):
        known = {line.codigo_region: line.clientes for line in asked if line.mes == month}
        country = known.pop(COUNTRY, None)
        if country:
            log().info("sum_of_regions", mes=month, regions=sum(known.values()), country=country)


if "snakemake" in globals():
    _config = snakemake.config
    _http = {key: value for key, value in _config["source"].items() if key not in ("kind", "path", "pattern")}
    run(customers, snakemake, http=_http, now=os.environ["OUTAGES_NOW"], pretend=_config["now"] is not None)
