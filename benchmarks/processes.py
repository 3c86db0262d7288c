"""Whole commands, measured from outside: wall time, and of every process its peak memory and how long it lived.

The process tree is looked at ten times a second in /proc (Linux). The kernel keeps each process's high-water mark,
so a peak between two looks is not lost; only of a process that lives shorter than a look nothing is known.
The embedded PostgreSQL is nobody's child and is found by its folder. Units: seconds, MB (10^6 bytes).
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

INTERVAL = 0.1
_SCRIPT = re.compile(r"\.snakemake/scripts/[^/\0]*?\.(\w+)\.py\Z")
_HERTZ = os.sysconf("SC_CLK_TCK")


@dataclass
class Seen:
    """Processes of one name: how many, the largest peak, and their lives added up."""

    processes: int = 0
    peak_mb: float = 0.0
    seconds: float = 0.0


@dataclass
class Measured:
    """One command: its wall time, what it printed, and its processes by name (stage, snakemake, postgres, other)."""

    seconds: float
    output: str
    seen: dict[str, Seen] = field(default_factory=dict)

    @property
    def peak_mb(self) -> float:
        """The largest peak of any process."""
        return max((one.peak_mb for one in self.seen.values()), default=0.0)


class Watch(threading.Thread):
    """Looks at a process and what comes of it until told to stop."""

    def __init__(self, pid: int, cluster: Path) -> None:
        super().__init__(daemon=True)
        self._roots = {pid}
        self._pidfile = cluster / "data/postmaster.pid"
        self._found: dict[int, tuple[str, float, float]] = {}  # name, begin, end (seconds since boot)
        self._peaks: dict[int, float] = {}
        self._done = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self._done.wait(INTERVAL):
            self._look()

    def stop(self) -> dict[str, Seen]:
        """End, and tell what was seen."""
        self._done.set()
        self.join()
        seen: dict[str, Seen] = defaultdict(Seen)
        for pid, (name, begin, end) in self._found.items():
            one = seen[name]
            one.processes += 1
            one.seconds += end - begin
            one.peak_mb = max(one.peak_mb, self._peaks.get(pid, 0.0))
        return dict(sorted(seen.items()))

    def _look(self) -> None:
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        parents: dict[int, tuple[int, float]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                stat = _text(entry / "stat").rpartition(")")[2].split()
                if len(stat) > 19:
                    parents[int(entry.name)] = int(stat[1]), int(stat[19]) / _HERTZ
        head = _text(self._pidfile).partition("\n")[0].strip()
        roots = self._roots | ({int(head)} if head.isdigit() else set())
        for pid, (_, begin) in parents.items():
            if _descends(pid, roots, parents):
                words = _text(Path(f"/proc/{pid}/cmdline")).split("\0")
                if not words[0]:  # ended, but nobody has asked how
                    continue
                self._found[pid] = (_name(words, _text(Path(f"/proc/{pid}/comm")).strip()), begin, now)
                peak = re.search(r"^VmHWM:\s+(\d+) kB", _text(Path(f"/proc/{pid}/status")), re.MULTILINE)
                if peak:
                    self._peaks[pid] = int(peak[1]) * 1024 / 1e6


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def _descends(pid: int, roots: set[int], parents: Mapping[int, tuple[int, float]]) -> bool:
    while pid in parents:
        if pid in roots:
            return True
        pid = parents[pid][0]
    return False


def _name(words: Sequence[str], title: str) -> str:
    """What a process is, by its command line; a job forked from the warm process has its stage as its title."""
    if any("outages.warm" in word for word in words):
        return "warm" if title.startswith("python") else title
    if any("warm_client" in word or word == "-IS" for word in words):
        return "client"
    program = Path(words[0]).name if words else ""
    if program in ("bash", "sh"):
        return "shell"
    if program.startswith("postgres"):
        return "postgres"
    for word in words:
        if script := _SCRIPT.search(word):
            return script[1]
    return "snakemake" if any("snakemake" in word for word in words) else "other"


def measure(command: Sequence[str], cluster: Path, cwd: Path, hide: Sequence[str] = (), check: bool = True) -> Measured:
    """Run a command and measure it; with `check` one that fails is an error that shows what it printed."""
    # The path of modules is that of the benchmark itself.
    environment = {name: value for name, value in os.environ.items() if name not in (*hide, "PYTHONPATH")}
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watch = Watch(process.pid, cluster)
        watch.start()
        output = process.communicate()[0]
        seconds = time.perf_counter() - began
        seen = watch.stop()
    if check and process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-4000:]}")
    return Measured(round(seconds, 2), output, seen)
