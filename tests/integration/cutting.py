"""A proxy of connections that breaks each POST when so many bytes of it, or of its answer, have gone through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .postgrest_server import WAIT_SECONDS, looping

Side = Literal["request", "answer"]


@dataclass
class Cutter:
    """What has gone through since the last POST began, and where to cut; None lets everything through."""

    upstream: Path | int
    passed: dict[Side, bytes] = field(default_factory=dict)
    cut: tuple[Side, int] | None = None
    cuts: int = 0
    posting: bool = False
    port: int = 0

    def let(self, side: Side, data: bytes) -> tuple[bytes, bool]:
        """What of the data may pass, and whether the connection ends with it."""
        if side == "request" and data.startswith((b"POST ", b"GET ")):
            self.posting = data.startswith(b"POST ")
            self.passed = {"request": b"", "answer": b""} if self.posting else self.passed
        if not self.posting:
            return data, False
        before = len(self.passed[side])
        self.passed[side] += data
        if self.cut is None or self.cut[0] != side or before + len(data) < self.cut[1]:
            return data, False
        self.cuts += 1
        return data[: self.cut[1] - before], True

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, with one of its own to the server; where one ends, both do."""
        if isinstance(self.upstream, Path):
            far_reader, far_writer = await asyncio.open_unix_connection(str(self.upstream))
        else:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        ways = (self._pump("request", reader, far_writer), self._pump("answer", far_reader, writer))
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        far_writer.close()

    async def _pump(self, side: Side, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = False
        while not ends and (data := await reader.read(4096)):
            kept, ends = self.let(side, data)
            writer.write(kept)
            await writer.drain()


@contextmanager
def cutting(upstream: Path | int, socket: Path | None = None) -> Iterator[Cutter]:
    """The proxy in front of a port or a unix socket; it listens on `socket`, else on a port of its own."""
    cutter = Cutter(upstream)

    async def start() -> asyncio.Server:
        if socket:
            return await asyncio.start_unix_server(cutter.handle, str(socket))
        return await asyncio.start_server(cutter.handle, "127.0.0.1", 0)

    with looping() as loop:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(WAIT_SECONDS)
        cutter.port = 0 if socket else server.sockets[0].getsockname()[1]
        try:
            yield cutter
        finally:
            loop.call_soon_threadsafe(server.close)
