"""Where payloads are published: `dashboard_stats` of the warehouse, or of Supabase through its REST interface.

Each target has a `name`, a `host` that anyone may be told, and two calls: `read` gives what is public now, `write`
sends payloads all together, all or none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from .errors import OutagesError

if TYPE_CHECKING:
    import httpx
    from postgrest import APIError
    from psycopg import Connection

TABLE = "dashboard_stats"
SETUP = "what make supabase-sql prints"
ATTEMPTS = 3
TIMEOUT = 60.0  # seconds without a sign of life; all payloads together are a few MB
PAUSED = 540  # Supabase's own status
#: SQLSTATE and PostgREST's codes: no such table, no such column, no key to upsert by, no such function.
TABLE_CODES = {"42P01", "42703", "42P10", "42883", "PGRST202", "PGRST204", "PGRST205"}
NOT_ALLOWED = "42501"

ADVICE = {
    "PUBLISH_KEY": "the key is not accepted. SUPABASE_KEY must be the service (secret) key of this very project.",
    "PUBLISH_URL": "no Supabase answers there. SUPABASE_URL must be the project's address, https://….supabase.co.",
    "PUBLISH_PAUSED": "the project is paused. Resume it in Supabase's dashboard and run again.",
    "PUBLISH_TABLE": f"the table {TABLE} is missing or another one. Run {SETUP} in Supabase's SQL editor.",
    "PUBLISH_SIZE": "the payloads are too large for one request. Publish fewer months, or raise the server's limit.",
    "PUBLISH_REFUSED": f"this key may not write {TABLE}. SUPABASE_KEY must be the service key, not the anonymous one; "
    f"the rights are those of {SETUP}.",
    "PUBLISH_FAILED": "the request failed. Run again later: only what still differs is sent.",
}

T = TypeVar("T")


class Secret:
    """A value that nothing prints: logs and tracebacks may show the variables of a frame."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def of(cls, value: str | None) -> Secret | None:
        """The secret in an environment variable; None when that is unset or empty."""
        return cls(value.strip()) if value and value.strip() else None

    def reveal(self) -> str:
        """The value itself, for the call that needs it."""
        return self._value

    def hide(self, text: str) -> str:
        """A text without the value."""
        return text.replace(self._value, "[hidden]")

    def __repr__(self) -> str:
        return "Secret(...)"


class Target(Protocol):
    """What publishing needs of a place."""

    @property
    def name(self) -> str:
        """Kind of the target."""

    @property
    def host(self) -> str:
        """Where it is, without anything secret."""

    def read(self) -> dict[str, Any]:
        """What is public now: data by id."""

    def write(self, payloads: Mapping[str, Any]) -> None:
        """Insert or replace payloads, all or none."""

    def rpc(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Call a function of the target by its named arguments; what it answers, one JSON value."""


def refuse_half(url: str | None, key: Secret | None) -> None:
    """Refuse an environment that names a Supabase project by half."""
    if bool(url) != bool(key):
        missing = "SUPABASE_KEY" if url else "SUPABASE_URL"
        message = f"{missing} is not set: set both SUPABASE_URL and SUPABASE_KEY, or neither."
        raise OutagesError("PUBLISH_ENVIRONMENT", message, missing=missing)


def refuse_synthetic(synthetic: bool, url: str | None, allow: bool) -> None:
    """Refuse data of the replica for a real Supabase, unless `allow`."""
    if synthetic and url and not allow:
        message = "These data come from the replica and are refused by a real Supabase (allow_synthetic is false)."
        raise OutagesError("SYNTHETIC", message)


class WarehouseTarget:
    """`dashboard_stats` of the warehouse. The connection is in autocommit, its schema up to date (`migrate`)."""

    name = "warehouse"

    def __init__(self, conn: Connection) -> None:
        self.connection = conn

    @property
    def host(self) -> str:
        """Host of the server, "local" when it is reached through a socket."""
        host = self.connection.info.host
        return "local" if not host or host.startswith("/") else host

    def read(self) -> dict[str, Any]:
        """What is in the table now: data by id."""
        with _database_errors():
            return dict(self.connection.execute(f"SELECT id, data FROM {TABLE} ORDER BY id".encode()).fetchall())

    def write(self, payloads: Mapping[str, Any]) -> None:
        """Insert or replace payloads in one statement; as binary parameters, whose texts need no escaping."""
        statement = f"""
            INSERT INTO {TABLE} (id, data, updated_at)
            SELECT id, data::jsonb, now() FROM unnest(%b::text[], %b::text[]) AS sent (id, data)
            ON CONFLICT (id) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at
        """
        texts = [json.dumps(data, ensure_ascii=False, allow_nan=False) for data in payloads.values()]
        with _database_errors():
            self.connection.execute(statement.encode(), [list(payloads), texts])

    def rpc(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Call a function of the schema, in the transaction that the connection is in."""
        from psycopg.types.json import Jsonb

        named = ", ".join(f"{argument} => %s" for argument in arguments)
        values = [Jsonb(value) if isinstance(value, dict | list) else value for value in arguments.values()]
        with _database_errors():
            found = self.connection.execute(f"SELECT {name}({named})".encode(), values).fetchone()
        assert found is not None
        return found[0]


@contextmanager
def _database_errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error)
        if error.sqlstate == NOT_ALLOWED:
            message = f"This account of DATABASE_URL may not write {TABLE}: {said}."
            raise OutagesError("PUBLISH_REFUSED", message, server_code=error.sqlstate) from error
        message = f"The warehouse did not take the payloads: {said}. What was public is unchanged."
        raise OutagesError("PUBLISH_FAILED", message, server_code=error.sqlstate) from error


class _Transient(Exception):
    def __init__(self, failure: OutagesError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class SupabaseTarget:
    """`dashboard_stats` of a Supabase project, by its URL and service key."""

    name = "supabase"

    def __init__(self, url: str, key: Secret, timeout: float = TIMEOUT) -> None:
        """Send nothing yet; refuse an address or a key that cannot be one."""
        self._key = key
        host = _host(url)
        self.host = host or "SUPABASE_URL"
        if host is None:
            raise self._error("PUBLISH_URL", "not the address of a project")
        if not (key.reveal().isascii() and key.reveal().isprintable()) or " " in key.reveal():
            raise self._error("PUBLISH_KEY", "it holds characters that no key has")
        import httpx
        from supabase import ClientOptions, create_client

        # A client of our own, for the status: supabase's errors lose it when the answer is JSON. No redirects are
        # followed: the key goes to the host that was named and to no other.
        self._status: int | None = None
        self._answers = False
        self._http = httpx.Client(timeout=timeout, event_hooks={"response": [self._remember]})
        options = ClientOptions(httpx_client=self._http, postgrest_client_retry=False)
        self._client = create_client(url.rstrip("/"), key.reveal(), options)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self) -> dict[str, Any]:
        """What is public now: data by id."""
        rows = self._send(lambda: self._client.table(TABLE).select("id,data").order("id").execute().data)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and {"id", "data"} <= set(row) for row in rows):
            raise self._error("PUBLISH_URL", "the answer is no list of payloads")
        self._answers = True
        return {str(row["id"]): row["data"] for row in rows if isinstance(row, dict)}

    def write(self, payloads: Mapping[str, Any]) -> None:
        """Insert or replace payloads in one request, which PostgREST makes one transaction."""
        from postgrest.types import ReturnMethod

        # "now" is read by PostgreSQL: its clock, not ours.
        rows = [{"id": name, "data": data, "updated_at": "now"} for name, data in payloads.items()]
        self._send(
            lambda: (
                self._client.table(TABLE).upsert(rows, on_conflict="id", returning=ReturnMethod.minimal).execute().data
            )
        )

    def rpc(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Call a function; one that is sent twice must do no harm."""
        return self._send(lambda: self._client.rpc(name, dict(arguments)).execute().data)

    def _remember(self, response: httpx.Response) -> None:
        self._status = response.status_code

    def _send(self, request: Callable[[], T]) -> T:
        """Send a request, again after time-outs and 5xx; an upsert that is sent twice does no harm."""
        import stamina

        try:
            for attempt in stamina.retry_context(
                on=_Transient, attempts=ATTEMPTS, timeout=None, wait_initial=1, wait_max=10, wait_jitter=1
            ):
                with attempt:
                    return self._once(request)
        except _Transient as error:
            failure = error.failure
        raise failure

    def _once(self, request: Callable[[], T]) -> T:
        """One request. Whatever goes wrong, no traceback leaves from within the client: its frames hold the key."""
        import httpx
        from postgrest import APIError

        failure: BaseException
        self._status = None
        try:
            return request()
        except APIError as error:
            failure = self._answered(error)
        except httpx.ConnectTimeout:
            failure = _Transient(self._error("PUBLISH_URL", "no connection in time"))
        except httpx.TimeoutException:
            failure = _Transient(self._error("PUBLISH_FAILED", "no answer in time"))
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            failure = self._error("PUBLISH_URL", str(error) or type(error).__name__)
        except httpx.TransportError as error:
            failure = self._error("PUBLISH_FAILED", f"the connection broke: {str(error) or type(error).__name__}")
        except Exception as error:  # noqa: BLE001  (an error all the same, without its frames)
            failure = self._error("PUBLISH_FAILED", f"{type(error).__name__}: {error}")
        except BaseException as error:  # noqa: BLE001  (an interrupt goes on, without its frames)
            failure = error.with_traceback(None)
        raise failure

    def _answered(self, error: APIError) -> Exception:
        """What an answer other than success means."""
        status = self._status or 0
        words = [str(part) for part in (error.code, error.message) if part and str(part) != str(status)]
        said = ", ".join([f"HTTP {status}", *words])
        code = _code_of(status, error.code or "", self._answers)
        failure = self._error(code, said, status=status, server_code=error.code)
        return _Transient(failure) if status >= 500 and status != PAUSED else failure

    def _error(self, code: str, said: str, **facts: object) -> OutagesError:
        hide = self._key.hide
        facts = {name: hide(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        # Hidden first and cut then: what is left of a key that was cut is not recognized.
        message = f"Supabase ({hide(self.host)}): {ADVICE[code]} ({hide(said)[:300]})"
        return OutagesError(code, message, host=hide(self.host), **facts)


def _host(url: str) -> str | None:
    """The host in the address of a project; None where that is no address."""
    import httpx

    try:
        parts = urlsplit(url)
        _ = httpx.URL(url).host, parts.port  # checked where they are read, and by each differently
    except (ValueError, httpx.InvalidURL):
        return None
    plain = parts.scheme in ("http", "https") and re.fullmatch(r"[\w.:-]+", parts.hostname or "")
    return parts.hostname if plain and "@" not in parts.netloc else None


def _code_of(status: int, server_code: str, known: bool) -> str:
    """Our code of an answer. PostgREST's own code counts before the status, which gateways also give.

    Where payloads were read before (`known`) is a Supabase: 404 is of a table that PostgREST has not heard of yet.
    """
    if server_code == NOT_ALLOWED:
        return "PUBLISH_REFUSED"
    if server_code in TABLE_CODES or (known and status == 404):
        return "PUBLISH_TABLE"
    if status in (401, 403):
        return "PUBLISH_KEY"
    if status == 404 or 300 <= status < 400:  # a missing table has a code of its own: this is another server
        return "PUBLISH_URL"
    return {PAUSED: "PUBLISH_PAUSED", 413: "PUBLISH_SIZE"}.get(status, "PUBLISH_FAILED")
