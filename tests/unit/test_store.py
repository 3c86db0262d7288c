"""The store of record: what is kept, in which order, and what happens when a write is torn, refused or has no room."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from outages.errors import OutagesError
from outages.store import Answer, Store, read_lines, seal

from .answers import answer, row_b

MONTH = "2025-06"
SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
#: Bytes that do not compress, so that a few answers fill a small disk.
NOISE = random.Random(1)


def hour(number: int, clients: int = 1, **more: Any) -> Answer:
    return answer(f"2025-06-{1 + number // 24:02d}", number % 24, row_b(clientes=clients), **more)


def noisy(number: int, size: int) -> Answer:
    return answer("2025-06-01", number, row_b(NOISE.randbytes(size).hex()))


def write(store: Store, *batches: list[Answer], source: str = "sec") -> None:
    """One frame for each batch."""
    with store.writing(source) as (writer, _, _):
        for batch in batches:
            for one in batch:
                writer.append(one)
            writer.flush()


def frames(path: Path) -> list[int]:
    """Where each frame of a file ends."""
    data = path.read_bytes()
    ends: list[int] = []
    while not ends or ends[-1] < len(data):
        reader = zstandard.ZstdDecompressor().decompressobj()
        reader.decompress(data[ends[-1] if ends else 0 :])
        assert reader.eof
        ends.append(len(data) - len(reader.unused_data))
    return ends


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "answers", MONTH)


def test_what_was_flushed_is_read_back(store: Store) -> None:
    told = hour(3, asked_at="2025-06-01T08:00:00.000Z", status=200, ms=12, encoding="cp1252", version=1)
    assert store.read() == []
    write(store, [hour(0), hour(1)], [], [told])
    assert store.read() == [hour(0), hour(1), told]
    assert list(read_lines(store.path)) == store.read()
    write(store, [hour(4)])
    with store.writing("sec") as (_, answers, torn):
        assert (answers, torn) == ([hour(0), hour(1), told, hour(4)], 0)


def test_a_flush_is_one_frame_and_nothing_waiting_writes_none(store: Store) -> None:
    write(store, [hour(0), hour(1)], [], [hour(2)])
    assert len(frames(store.path)) == 2


def test_a_frame_carries_a_checksum(store: Store) -> None:
    write(store, [hour(n) for n in range(5)])
    assert zstandard.get_frame_parameters(store.path.read_bytes()).has_checksum


def test_what_was_appended_is_kept_when_the_block_fails(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writing("sec") as (writer, _, _):
        writer.append(hour(0))
        raise RuntimeError("the job died in Python")
    assert store.read() == [hour(0)]


def test_answers_that_come_during_a_flush_wait_for_the_next(store: Store) -> None:
    count = 3000
    with store.writing("sec") as (writer, _, _):
        stop = threading.Event()

        def keep() -> None:
            while not stop.is_set():
                writer.flush()

        threads = [threading.Thread(target=keep) for _ in range(2)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for number in range(count):
                writer.append(hour(number % 700, number))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)
    kept = store.read()
    assert kept == [hour(number % 700, number) for number in range(count)]


@pytest.mark.parametrize("cut", ["1", "magic", "header", "middle", "content", "checksum", "last"])
def test_a_torn_last_frame_is_set_aside(store: Store, cut: str) -> None:
    write(store, [hour(0)], [hour(1), hour(2)], [hour(n) for n in range(3, 20)])
    data, ends = store.path.read_bytes(), frames(store.path)
    begin, length = ends[1], ends[2] - ends[1]
    kept = {"1": 1, "magic": 4, "header": 6, "middle": length // 2, "content": length - 5, "checksum": length - 4,
            "last": length - 1}[cut]  # fmt: skip
    store.path.write_bytes(data[: begin + kept])
    assert store.read() == [hour(0), hour(1), hour(2)]  # a reader needs no repair
    with store.writing("sec") as (writer, answers, torn):
        assert (answers, torn) == ([hour(0), hour(1), hour(2)], kept)
        writer.append(hour(3))
    assert store.path.with_name(f"{store.path.name}.torn-{begin}").read_bytes() == data[begin : begin + kept]
    assert store.read() == [hour(0), hour(1), hour(2), hour(3)]
    with store.writing("sec") as (_, _, torn):
        assert torn == 0


def test_every_cut_of_the_only_frame_leaves_an_empty_store(store: Store) -> None:
    write(store, [hour(0)])
    data = store.path.read_bytes()
    for cut in range(1, len(data)):
        store.path.write_bytes(data[:cut])
        with store.writing("sec") as (_, answers, torn):
            assert (answers, torn) == ([], cut)


@pytest.mark.parametrize("garbage", [b"\0" * 4096, b"\n", b"garbage", b"\x28\xb5\x2f\xfd", NOISE.randbytes(5000)])
def test_garbage_at_the_end_is_set_aside(store: Store, garbage: bytes) -> None:
    write(store, [hour(0)], [hour(1)])
    data = store.path.read_bytes()
    store.path.write_bytes(data + garbage)
    with store.writing("sec") as (_, answers, torn):
        assert (answers, torn) == ([hour(0), hour(1)], len(garbage))
    assert store.path.read_bytes() == data


def test_damage_before_whole_frames_is_an_error_and_cuts_nothing(store: Store) -> None:
    write(store, [hour(0)], [hour(1), hour(2)], [hour(3)])
    data, (first, second, _) = store.path.read_bytes(), frames(store.path)
    for place in (1, first // 2, first - 1, first + 5, second - 1):
        damaged = data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]
        store.path.write_bytes(damaged)
        for use in (store.read, store.writing("sec").__enter__):
            with pytest.raises(OutagesError, match="restore it from a backup") as caught:
                use()
            assert caught.value.code == "STORE_DAMAGED"
        assert store.path.read_bytes() == damaged
    assert list(store.path.parent.glob("*.torn-*")) == []


def test_whole_frames_that_hold_no_answers_are_an_error(store: Store) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(b'{"fecha":1}\n'))
    for use in (store.read, lambda: list(read_lines(store.path)), store.writing("sec").__enter__):
        with pytest.raises(OutagesError) as caught:
            use()
        assert caught.value.code == "STORE_DAMAGED"


def test_a_sealed_file_that_is_cut_is_an_error(tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.zst"
    seal([hour(n, n) for n in range(700)], sealed)
    data = sealed.read_bytes()
    for cut in (3, 6, len(data) // 2, len(data) - 4, len(data) - 1):
        sealed.write_bytes(data[:cut])
        with pytest.raises(OutagesError) as caught:
            list(read_lines(sealed))
        assert caught.value.code == "STORE_DAMAGED"
    middle = len(data) // 2
    sealed.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    with pytest.raises(OutagesError, match="damaged after line"):
        list(read_lines(sealed))


def test_a_second_writer_is_refused(store: Store) -> None:
    code = """
import sys
from pathlib import Path
from outages.store import Store
with Store(Path(sys.argv[1]), "2025-06").writing("sec"):
    pass
"""
    with store.writing("sec") as (writer, _, _):
        writer.append(hour(0))
        other = run_python(code, store.path.parent)
        assert other.returncode != 0
        assert "STORE_BUSY: another process is writing" in other.stderr
    assert run_python(code, store.path.parent).returncode == 0
    assert store.read() == [hour(0)]


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [("sec", "recorded", False), ("recorded", "sec", False), ("replica", "replica", False), ("sec", "replica", True),
     ("replica", "sec", True), ("recorded", "replica", True), ("replica", "recorded", True)],
)  # fmt: skip
def test_sources_that_may_meet(store: Store, first: str, second: str, refused: bool) -> None:
    write(store, [hour(0, source=first)], source=first)
    data = store.path.read_bytes()
    if refused:
        with pytest.raises(OutagesError, match="working directory of its own") as caught, store.writing(second):
            pass
        assert caught.value.code == "MIXED_SOURCES"
        assert store.path.read_bytes() == data
    else:
        write(store, [hour(1, source=second)], source=second)
        assert len(store.read()) == 2


def test_the_seal_is_sorted_and_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    answers = [hour(n) for n in range(100)]
    answers += [hour(5, 2, asked_at="2025-06-03T00:00:00.000Z", version=1), hour(5, 9, version=2)]
    answers += [answer("2025-06-01", 7, outcome="failed", body="", sha256="", version=v) for v in (1, 2)]
    seal(answers, tmp_path / "a.zst")
    shuffled = random.Random(2).sample(answers, len(answers))
    seal(shuffled, tmp_path / "b.zst")
    assert (tmp_path / "a.zst").read_bytes() == (tmp_path / "b.zst").read_bytes()
    lines = list(read_lines(tmp_path / "a.zst"))
    keys = [(one.fecha, one.hora, one.asked_at or "", one.sha256) for one in lines]
    assert keys == sorted(keys)
    assert len(lines) == len(answers)
    assert [one.asked_at for one in lines if one.hora == 5 and one.fecha == "2025-06-01"][-1] is not None


def test_an_empty_seal_is_read_as_no_answer(tmp_path: Path) -> None:
    seal([], tmp_path / "empty.zst")
    assert list(read_lines(tmp_path / "empty.zst")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB (needs root)."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_says_so_keeps_what_was_there_and_recovers(small_disk: Path) -> None:
    store, ballast = Store(small_disk, MONTH), small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    write(store, [noisy(n, 500) for n in range(5)])
    data, kept = store.path.read_bytes(), store.read()
    late = [noisy(n, 40_000) for n in range(5, 10)]  # 40 kB each: the third finds the disk full
    with pytest.raises(OutagesError, match=r"5 answers could not be written \(No space left on device\)") as caught:
        write(store, late)
    assert caught.value.code == "STORE_WRITE"
    assert str(store.path) in caught.value.message
    assert store.path.read_bytes() == data
    assert store.read() == kept
    ballast.unlink()
    write(store, late[:2])
    assert store.read() == [*kept, *late[:2]]


def test_answers_that_found_no_room_are_written_once_there_is_some(small_disk: Path) -> None:
    store, ballast = Store(small_disk, MONTH), small_disk / "ballast"
    ballast.write_bytes(b"x" * 200_000)
    late = [noisy(n, 40_000) for n in range(2)]
    with store.writing("sec") as (writer, _, _):
        for one in late:
            writer.append(one)
        with pytest.raises(OutagesError, match="2 answers could not be written"):
            writer.flush()
        ballast.unlink()
        writer.append(hour(3))
        writer.flush()
    assert store.read() == [*late, hour(3)]


def test_a_torn_frame_that_cannot_be_set_aside_is_not_cut(small_disk: Path) -> None:
    store = Store(small_disk, MONTH)
    write(store, [hour(0)], [noisy(1, 40_000)])
    torn = store.path.read_bytes()[:-1]
    store.path.write_bytes(torn)
    (small_disk / "ballast").write_bytes(b"x" * 190_000)
    with pytest.raises(OutagesError, match="make space") as caught, store.writing("sec"):
        pass
    assert caught.value.code == "STORE_WRITE"
    assert store.path.read_bytes() == torn


def test_a_file_that_may_not_grow_gives_the_same_error(store: Store) -> None:
    write(store, [hour(0)])
    code = """
import resource, signal, sys
from pathlib import Path
from outages.store import Answer, Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(sys.argv[1]), "2025-06")
with store.writing("sec") as (writer, _, _):
    resource.setrlimit(resource.RLIMIT_FSIZE, (store.path.stat().st_size + 20, resource.RLIM_INFINITY))
    writer.append(Answer(fecha="2025-06-01", hora=5, source="sec", outcome="empty", body="[]"))
"""
    data = store.path.read_bytes()
    ended = run_python(code, store.path.parent)
    assert "STORE_WRITE" in ended.stderr
    assert "File too large" in ended.stderr
    assert store.path.read_bytes() == data
    write(store, [hour(5)])
    assert store.read() == [hour(0), hour(5)]
