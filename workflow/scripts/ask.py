"""Stage 2a: the regions' customers of one calendar month of running, asked once and kept.

Source: SEC GetClientesRegional and GetClientesNacional, which tell today's values only. They are kept in
`answers/customers.jsonl`, which no rule owns. Unit: customers.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from outages.acquire import only_one_asks, refuse_no_contact, simulated
from outages.clock import iso, parse_iso
from outages.denominators import COUNTRY, Asked, read_asked, sum_of_regions
from outages.errors import OutagesError
from outages.files import write_json
from outages.fingerprint import REPOSITORY
from outages.names import Names
from outages.reporting import log, run, say, tell
from outages.store import refuse_mixed


def ask(values: Path, asked: str, store: str, kind: str, now: str, pretend: bool, http: dict[str, Any]) -> None:
    """Write what the source told in the calendar month `asked`; ask first when the store does not know it whole.

    `now` is the run's UTC time, at which a pretended clock starts when `pretend` is set.
    """
    kept = Path(store) / "customers.jsonl"
    names = Names.load(REPOSITORY / "resources")
    known = read_asked(kept)
    refuse_mixed({line.source for line in known} | {kind}, str(kept))
    own = [line for line in known if line.mes == asked]
    if ({code for code, _ in names.query_names()} | {COUNTRY}) - {line.codigo_region for line in own}:
        refuse_no_contact(kind, http["contact"])
        clock = simulated(parse_iso(now)) if pretend else lambda: datetime.now(UTC)
        with only_one_asks(Path(store)):
            own = _ask(Path(store), names, asked, kind, clock, http)
            _keep(kept, own)
    _compare(own)
    tell(f"customers of {len(own) - 1} regions and the country")
    write_json([msgspec.to_builtins(line) for line in own], values)


def _ask(
    store: Path, names: Names, month: str, kind: str, clock: Callable[[], datetime], http: dict[str, Any]
) -> list[Asked]:
    from outages.breaker import Breaker
    from outages.client import Client, Manners

    questions = [(code, "GetClientesRegional", {"region": name}) for code, name in names.query_names()]
    say(f"  {month}: {len(questions) + 1} requests for the regions' customers to {http['url']}")

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
        [item] = msgspec.json.decode(content, type=list[dict[str, Any]])
        value = item["CLIENTES"]
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    except (msgspec.MsgspecError, LookupError, ValueError) as error:
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
    """Warn when the regions' sum is not the national value; `_meta` publishes both."""
    [told] = sum_of_regions(msgspec.to_builtins(line) for line in asked)
    log().info("sum_of_regions", **told)
    if told["agrees"] is False:
        message = f"the regions have {told['regions']:,} customers together, the country {told['country']:,}"
        log().warning("sum_of_regions_differs", code="CUSTOMERS_SUM", message=message, **told)
        say(f"  customers of {told['first']}: {message} ({told['difference']:+.1%})")


if "snakemake" in globals():
    _config = snakemake.config
    _http = {key: value for key, value in _config["source"].items() if key not in ("kind", "path", "pattern")}
    run(ask, snakemake, http=_http, now=os.environ["OUTAGES_NOW"], pretend=_config["now"] is not None)
