"""Many readers while the publisher writes: each read is one whole set, that of the `_meta` read with it."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from .postgrest_server import Supabase
from .publish_stage import Stage, unlike_their_meta, with_digests
from .published import replica_run

READERS, SECONDS = 200, 30


@pytest.fixture(scope="module")
def sets(place: Path) -> list[dict[str, Any]]:
    """The payloads of a whole run, and the same with other figures in each."""
    with replica_run(place) as work:
        work.must()
        gold = work.folder / "results/gold"
        names = json.loads((gold / "_meta.json").read_text())[0]["payloads"]
        payloads = {name: json.loads((gold / f"{name}.json").read_text()) for name in names}
    other = copy.deepcopy(payloads)
    for items in other.values():
        items.insert(0, {"another": 0.1})
    return [with_digests(payloads), with_digests(other)]


class Readers:
    """What 200 anonymous readers saw."""

    def __init__(self, supabase: Supabase) -> None:
        self.address = f"{supabase.url}/rest/v1/dashboard_stats?select=*"
        self.headers = {"apikey": supabase.anon_key, "Authorization": f"Bearer {supabase.anon_key}"}
        self.failed: list[str] = []
        self.seen: dict[str, bytes] = {}
        self.reads = 0

    async def read_for(self, seconds: float) -> None:
        """Every reader reads again and again until the time is over."""
        until = time.monotonic() + seconds
        everybody = TCPConnector(limit=READERS)
        async with ClientSession(connector=everybody, headers=self.headers, timeout=ClientTimeout(60)) as session:
            await asyncio.gather(*(self._reader(session, until) for _ in range(READERS)))

    async def _reader(self, session: ClientSession, until: float) -> None:
        while time.monotonic() < until:
            async with session.get(self.address) as answer:
                body = await answer.read()
            if answer.status != 200:
                self.failed.append(f"{answer.status} {body[:200]!r}")
            # Most reads between two publications are equal byte by byte: each is judged once.
            self.seen.setdefault(sha256(body).hexdigest(), body)
            self.reads += 1


@pytest.mark.slow
def test_no_reader_fails_or_sees_half_a_set(
    stage: Stage,
    supabase: Supabase,
    owner: psycopg.Connection,
    named: dict[str, str],
    sets: list[dict[str, Any]],
) -> None:
    for path in stage.folder.glob("*.json"):
        path.unlink()
    stage.put(sets[0])
    stage(**named)
    readers = Readers(supabase)

    async def scene() -> int:
        reading = asyncio.ensure_future(readers.read_for(SECONDS))
        published = 0
        while not reading.done():
            stage.put(sets[(published + 1) % 2])
            receipt = await asyncio.to_thread(stage, **named)
            assert receipt["sent"] == sorted(sets[0])
            published += 1
        await reading
        return published

    published = asyncio.run(scene())
    assert readers.failed == []
    assert published > 1
    assert readers.reads >= READERS
    found = []
    for body in readers.seen.values():
        public = {row["id"]: row["data"] for row in json.loads(body)}
        assert public.keys() == sets[0].keys()
        assert unlike_their_meta(public) == []
        assert len({row["updated_at"] for row in json.loads(body)}) == 1
        found.append(public["_meta"][0]["payloads"])
    assert all(one["_meta"][0]["payloads"] in found for one in sets)
