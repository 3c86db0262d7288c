"""The replica's HTTP server: the service's endpoints, a log of every request, and control over faults and clock."""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from replica import answers
from replica.faults import PAGES, STATUS, Rule, alter, choose
from replica.generate import World

PREFIX = "/INTONLINEv1/ClientesAfectados"
ENDPOINTS = ("GetPorFecha", "Get", "GetClientesNacional", "GetClientesRegional", "GetHoraServer")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def parse_instant(text: str) -> datetime:
    """UTC instant of an ISO text; without an offset it is taken as UTC."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class Replica:
    """State of one server: the world, the clock, the rules, and the log."""

    def __init__(
        self, world: World, log: Path | None = None, now: datetime | None = None, latency_ms: float = 0.0
    ) -> None:
        self.world = world
        self.fixed_now = now
        self.latency_ms = latency_ms
        self.rules: list[Rule] = []
        self.lines: list[dict[str, Any]] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._file = None if log is None else log.open("a", encoding="utf-8")

    def now(self) -> datetime:
        """The replica's clock: fixed when it was set, else the computer's."""
        return self.fixed_now or datetime.now(UTC)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line to the log, at once."""
        self.lines.append(line)
        if self._file is not None:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the log file."""
        if self._file is not None:
            self._file.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request to the service; its log line is written on arrival, before any delay."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        endpoint, arrived = request.match_info["endpoint"], datetime.now(UTC)
        raw = await request.read()
        body, error = _parse(raw)
        fecha: str | None = None
        hora: int | None = None
        if endpoint == "GetPorFecha" and error is None:
            try:
                day, hora = answers.asked_hour(body)
                fecha = day.isoformat()
            except answers.BadRequestError as bad:
                error = str(bad)
        rule, delay = choose(self.rules, endpoint, fecha, hora)
        response = self._respond(endpoint, body, error, rule)
        self.write(
            {
                "time": arrived.isoformat(),
                "endpoint": endpoint,
                "body": body if error is None else raw.decode("utf-8", "replace"),
                "fecha": fecha,
                "hora": hora,
                "status": None if response is None else response.status,
                "fault": rule.fault if rule else ("latency" if delay else None),
                "user_agent": request.headers.get("User-Agent"),
            }
        )
        if delay + self.latency_ms > 0:
            await asyncio.sleep((delay + self.latency_ms) / 1000)
        if response is not None:
            return response
        if rule is not None and rule.fault == "hang":
            await asyncio.sleep(float(rule.options.get("seconds", 3600)))
        return _drop(request, rule)

    def _respond(self, endpoint: str, body: Any, error: str | None, rule: Rule | None) -> web.Response | None:
        """The response to send; None when the connection ends without one."""
        fault = rule.fault if rule else None
        now = self.now()
        if rule is not None and fault == "clock_skew":
            now += timedelta(minutes=float(rule.options.get("minutes", 15)))
        headers = {"Date": format_datetime(now, usegmt=True)}
        if rule is not None and fault in STATUS:
            retry_after = rule.options.get("retry_after", 1 if fault == "429" else None)
            if retry_after is not None:
                headers["Retry-After"] = str(retry_after)
            page = PAGES["block" if fault == "block" else "error"]
            return web.Response(status=STATUS[fault], text=page, content_type="text/html", headers=headers)
        if fault in ("html", "challenge"):
            return web.Response(text=PAGES[fault], content_type="text/html", headers=headers)
        if fault in ("hang", "reset"):
            return None
        if error is not None:
            return web.json_response({"Message": error}, status=400, headers=headers)
        values = self._values(endpoint, body, now)
        if rule is not None and endpoint == "GetPorFecha":
            values = alter(rule, values)
        content = orjson.dumps(values)
        if rule is not None and fault == "truncated":
            if rule.options.get("kind") == "connection":
                return None
            content = content[: max(1, len(content) * 2 // 3)]
        headers["Content-Type"] = "application/json; charset=utf-8"
        if fault == "cp1252":
            content, headers["Content-Type"] = content.decode().encode("cp1252"), "application/json"
        return web.Response(body=content, headers=headers)

    def _values(self, endpoint: str, body: Any, now: datetime) -> list[dict[str, Any]]:
        if endpoint == "GetPorFecha":
            return answers.por_fecha(self.world, now, body)
        if endpoint == "Get":
            return answers.series(self.world, now)
        if endpoint == "GetClientesNacional":
            return answers.clientes_nacional()
        if endpoint == "GetClientesRegional":
            return answers.clientes_regional(body)
        return answers.hora_server(now)

    async def add_faults(self, request: web.Request) -> web.Response:
        """POST /control/faults: append rules."""
        try:
            rules = [Rule.parse(rule) for rule in await request.json()]
        except (ValueError, KeyError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"not a list of rules: {error}") from error
        self.rules += rules
        return web.json_response({"rules": len(self.rules)})

    async def clear_faults(self, _: web.Request) -> web.Response:
        """DELETE /control/faults: forget every rule."""
        self.rules.clear()
        return web.json_response({"rules": 0})

    async def set_now(self, request: web.Request) -> web.Response:
        """POST /control/now {"now": ISO or null}: set the clock, or let it follow the computer's again."""
        try:
            text = (await request.json())["now"]
            self.fixed_now = None if text is None else parse_instant(text)
        except (ValueError, KeyError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"not an instant: {error}") from error
        return web.json_response({"now": self.now().isoformat()})

    async def get_log(self, _: web.Request) -> web.Response:
        """GET /control/log: every line so far."""
        return web.json_response(self.lines)

    async def get_counts(self, _: web.Request) -> web.Response:
        """GET /control/counts: requests by endpoint, status, fault and hour, and the most at one time."""
        counts: dict[str, Any] = {"total": len(self.lines), "max_in_flight": self.max_in_flight}
        for key in ("endpoint", "status", "fault"):
            counts[key] = Counter(str(line[key]) for line in self.lines)
        counts["hour"] = Counter(
            f"{line['fecha']}T{line['hora']:02d}" for line in self.lines if line["fecha"] is not None
        )
        return web.json_response(counts)

    def application(self) -> web.Application:
        """The aiohttp application with every route."""
        app = web.Application(client_max_size=2**24)
        app.router.add_post(f"{PREFIX}/{{endpoint:{'|'.join(ENDPOINTS)}}}", self.answer)
        app.router.add_post("/control/faults", self.add_faults)
        app.router.add_delete("/control/faults", self.clear_faults)
        app.router.add_post("/control/now", self.set_now)
        app.router.add_get("/control/log", self.get_log)
        app.router.add_get("/control/counts", self.get_counts)
        return app


def _parse(raw: bytes) -> tuple[Any, str | None]:
    """Body of a request, and what is wrong with it."""
    try:
        body = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        return None, f"Invalid JSON: {error}"
    return (body, None) if isinstance(body, dict) else (body, "Invalid JSON: not an object")


def _drop(request: web.Request, rule: Rule | None) -> web.StreamResponse:
    """End the connection without an answer: at once with a reset, or amid an announced answer."""
    transport = request.transport
    if transport is not None:
        if rule is not None and rule.fault == "truncated":
            transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 90000\r\n\r\n"
                b'[{"NOMBRE_REGION":"Metropo'
            )
            transport.close()
        else:
            sock: socket.socket | None = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
    return web.Response()


async def start(replica: Replica, port: int = 0, host: str = "127.0.0.1") -> tuple[web.AppRunner, str]:
    """Serve on loopback; the runner, to be cleaned up, and the base URL of the service."""
    runner = web.AppRunner(replica.application(), handler_cancellation=True, shutdown_timeout=0.2, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    bound = runner.addresses[0][1]
    return runner, f"http://{host}:{bound}{PREFIX}"
