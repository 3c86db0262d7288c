"""The HTTP side of the source: one identified session, a rate, time limits, retries on named errors, the breaker."""

from __future__ import annotations

import asyncio
import email.utils
import math
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
import stamina
from aiolimiter import AsyncLimiter

from . import breaker as breakers
from .clock import iso
from .errors import OutagesError
from .fingerprint import workflow_version

#: A longer Retry-After is not waited for: the request fails now and is asked in a later run.
LONGEST_RETRY_AFTER = 900.0
_RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Manners:
    """How the source is asked: base URL, contact told, requests a second (0 = no limit), at once, seconds, tries."""

    url: str
    contact: str
    rate: float
    concurrency: int
    timeout: float
    attempts: int
    wait: float
    wait_max: float


@dataclass(frozen=True)
class Reply:
    """What came back with status 200: the bytes, and the UTC times of asking and answering."""

    body: bytes
    status: int
    server_date: str | None
    asked_at: str
    answered_at: str
    ms: int


class Failed(OutagesError):
    """A request that brought no answer after all tries; `facts` hold status (or null), asked_at, reason."""


class Blocked(OutagesError):
    """The source refuses us (403 or a challenge page): nothing more may be asked."""


class _Retry(Exception):
    """A try that failed: `after` are the seconds that the server named; a `probe` is not tried again."""

    def __init__(self, reason: str, status: int | None = None, after: float = 0.0, probe: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.status, self.after, self.probe = reason, status, after, probe


def _again(error: Exception) -> bool:
    """Whether stamina tries again, after its own growing, jittered pauses."""
    return isinstance(error, _Retry) and not error.probe and error.after <= LONGEST_RETRY_AFTER


class Client(AbstractAsyncContextManager["Client"]):
    """One session with the source; `now` gives the UTC time that is written beside each answer."""

    def __init__(self, manners: Manners, breaker: breakers.Breaker, now: Callable[[], datetime]) -> None:
        self._manners = manners
        self._breaker = breaker
        self._now = now
        self._limit = AsyncLimiter(1, 1 / manners.rate) if manners.rate else nullcontext()
        self._not_before = 0.0

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._manners.concurrency),
            timeout=aiohttp.ClientTimeout(total=self._manners.timeout),
            headers={
                "User-Agent": f"chile-outages/{workflow_version()} (+{self._manners.contact})",
                "Content-Type": "application/json; charset=UTF-8",
                "Accept": "application/json",
            },
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        await self._session.close()

    async def ask(self, endpoint: str, body: dict[str, Any]) -> Reply:
        """POST one question.

        Connection errors, time-outs, 429 and 5xx are tried again with growing, jittered pauses, and not before
        the server's Retry-After is over, for which every other request waits too; another 4xx never. Raises
        `Failed` when no try brought an answer, `Blocked` on 403, `BreakerOpen` when the breaker keeps requests
        back. The breaker learns of failures and blocks here; of successes by `approve`, after the answer's shape
        has been checked.
        """
        asked_at = iso(self._now())
        try:
            async for attempt in stamina.retry_context(
                on=_again,
                attempts=self._manners.attempts,
                timeout=None,
                wait_initial=self._manners.wait,
                wait_max=self._manners.wait_max,
                wait_jitter=self._manners.wait,
            ):
                with attempt:
                    return await self._once(endpoint, body)
        except _Retry as error:
            self._breaker.failure(error.reason)
            facts = {"status": error.status, "asked_at": asked_at, "reason": error.reason}
            raise Failed("SOURCE_FAILED", f"{endpoint} {body}: {error.reason}", **facts) from error
        raise AssertionError("stamina ended without an answer or an error")

    def approve(self) -> None:
        """The answer had a known shape: failures in a row are over."""
        self._breaker.success()

    def disapprove(self, reason: str) -> None:
        """The answer had no known shape: it counts as a failure."""
        self._breaker.failure(reason)

    def block(self, reason: str) -> None:
        """The answer was a refusal in disguise: the breaker opens at once."""
        self._breaker.failure(reason, block=True)

    def suspect(self) -> bool:
        """Whether the breaker is not closed: then the next request is the probe, or none may leave."""
        return self._breaker.state()["state"] != "closed"

    async def _slot(self) -> None:
        """Wait for the rate, and until the server's Retry-After is over."""
        while True:
            async with self._limit:
                pause = self._not_before - asyncio.get_running_loop().time()
            if pause <= 0:
                return
            await asyncio.sleep(pause)

    async def _once(self, endpoint: str, body: dict[str, Any]) -> Reply:
        loop = asyncio.get_running_loop()
        await self._slot()
        probe = self._breaker.permit()
        started, asked_at = loop.time(), iso(self._now())
        try:
            url = f"{self._manners.url.rstrip('/')}/{endpoint}"
            # A redirect would turn the question into a GET of another page, past rate and breaker.
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                content = await response.read()
        except TimeoutError as error:
            raise _Retry(f"no answer within {self._manners.timeout:g} s", probe=probe) from error
        except aiohttp.ClientError as error:
            raise _Retry(f"connection: {type(error).__name__}: {_printable(str(error))}", probe=probe) from error
        if response.status == 403:
            reason = "the source answered 403: it blocks us"
            self._breaker.failure(reason, block=True)
            raise Blocked(
                "SOURCE_BLOCKED", f"{reason}; the breaker is open for 30 minutes", asked_at=asked_at, status=403
            )
        if response.status in _RETRIED:
            after = retry_after(response.headers.get("Retry-After")) or 0.0
            if after <= LONGEST_RETRY_AFTER:
                self._not_before = max(self._not_before, loop.time() + after)
            raise _Retry(f"status {response.status}", response.status, after, probe)
        if response.status != 200:
            self._breaker.failure(f"status {response.status}")
            raise Failed(
                "SOURCE_REFUSED",
                f"{endpoint} {body}: status {response.status}, which is not asked again",
                status=response.status,
                asked_at=asked_at,
                reason=f"status {response.status}",
            )
        took = loop.time() - started
        told = response.headers.get("Date")
        return Reply(
            content,
            response.status,
            None if told is None else _printable(told),
            asked_at,
            iso(self._now()),
            math.ceil(took * 1000),
        )


def _printable(text: str) -> str:
    """A text of the other side without the half surrogate pairs that aiohttp makes of bytes that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def retry_after(header: str | None) -> float | None:
    """Seconds to wait by a Retry-After header, given in seconds or as an HTTP date; None without a usable one."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]+", header.strip()):
        return float(header.strip())
    try:
        moment = email.utils.parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
