"""A warm process that runs the jobs of one run without importing everything anew.

Of a job of 108 months most of the time is Python's start, Snakemake's preamble and imports (0.3 to 0.5 s, against
0.1 to 0.3 s of work). So a run starts one process that has imported them, and its jobs are forked from it. Snakemake
knows nothing of it: it hands each script to a shell, and that shell is `warm_client.py`, which passes the script on
with its own environment, folder and standard streams, and ends as the job does. Each job stays a process of its own:
killed by itself, and when its client or the whole run is killed. Without a warm process (another system than Linux, a
job on another node, one that is no Python script) the client is not used, or runs bash as ever.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

#: Where clients find the socket; unset when there is none.
SOCKET = "OUTAGES_WARM"
CLIENT = Path(__file__).with_name("warm_client.py")
#: The kernel reads no longer first line of a script than 255 bytes.
LONGEST_SHEBANG = 200
#: What stages import, what every one does first. None may leave a thread behind that holds a lock: jobs are forked.
MODULES = (
    *("snakemake.script", "outages.reporting", "outages.ledger", "zstandard", "polars", "outages.silver", "psycopg"),
    *("outages.event_loading", "aggregate"),
)


class Warm:
    """The warm process of a run, from its begin to its end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def start(self) -> str | None:
        """Start it; the shell that Snakemake is to use, or None where there can be no warm process."""
        if sys.platform != "linux" or os.environ.get(SOCKET) == "off":
            return None
        if len(sys.executable) > LONGEST_SHEBANG or " " in sys.executable:
            return None
        self._folder = Path(tempfile.mkdtemp(prefix="outages-"))  # for its owner only
        shell, path = self._folder / "shell", str(self._folder / "socket")
        shell.write_text(f"#!{sys.executable} -IS\n{CLIENT.read_text()}")
        shell.chmod(0o700)
        scripts = str(CLIENT.parents[1])
        code = f"import sys; sys.path.insert(0, {scripts!r}); from outages.warm import main; main({path!r})"
        with socket.socket(socket.AF_UNIX) as listener:
            try:
                subprocess.run([shell, "-c", "exit 0"], check=True)
                listener.bind(path)
            except (OSError, subprocess.CalledProcessError):  # a folder that runs no programs, or with a long name
                rmtree(self._folder, ignore_errors=True)
                return None
            listener.listen(128)
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, str(listener.fileno())],
                stdin=subprocess.PIPE,  # when its other end closes, however this process ends, so does that one
                pass_fds=[listener.fileno()],
                start_new_session=True,  # an interrupt from the keyboard reaches jobs through their clients, once
            )
        os.environ[SOCKET] = path
        return str(shell)

    def stop(self) -> None:
        """End it; no job is at work any more."""
        os.environ.pop(SOCKET, None)
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
        if self._folder:
            rmtree(self._folder, ignore_errors=True)


def main(path: str) -> None:
    """Fork jobs for the clients of the socket until standard input closes and no job is left."""
    try:
        _serve(socket.socket(fileno=int(sys.argv[1])))
    finally:
        rmtree(Path(path).parent, ignore_errors=True)


def _serve(listener: socket.socket) -> None:
    # A forked job must not end like an interpreter of its own: Polars' threads, which it lacks, would be waited for.
    # multiprocessing ends it as it should be.
    fork = get_context("fork")
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, "listener")
    selector.register(sys.stdin, selectors.EVENT_READ, "run")
    jobs: dict[socket.socket, ForkProcess] = {}
    missing = list(MODULES)
    running = True
    while running or jobs:
        # A job that is there need not wait for what it may not need: it imports that itself.
        while running and missing and not selector.select(timeout=0):
            importlib.import_module(missing.pop(0))
            gc.freeze()  # what is here stays shared by all jobs
        for key, _ in selector.select():
            if key.data == "run":
                running = False
                selector.unregister(sys.stdin)
            elif key.data == "listener":
                client, _ = listener.accept()
                order, descriptors = _receive(client)
                if order is None:
                    client.close()
                    continue
                job = fork.Process(target=_work, args=(order, descriptors))
                job.start()
                for descriptor in descriptors:
                    os.close(descriptor)
                jobs[client] = job
                selector.register(job.sentinel, selectors.EVENT_READ, client)
                selector.register(client, selectors.EVENT_READ, client)
                _tell(client, job.pid)
            elif key.data in jobs:
                client, job = key.data, jobs[key.data]
                if key.fileobj is client:  # it says nothing after its order: it is gone, and its job goes with it
                    job.kill()
                selector.unregister(client)
                selector.unregister(job.sentinel)
                job.join()
                _tell(client, job.exitcode)
                client.close()
                del jobs[client]


def _tell(client: socket.socket, number: int | None) -> None:
    with suppress(OSError):  # a client that is gone is noticed by its closed socket
        client.sendall(b"%d\n" % (number or 0))


def _receive(client: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The order of a client: script, folder and environment, and its standard streams; None when it is gone."""
    text, descriptors, _, _ = socket.recv_fds(client, 1, 3)
    while not text.endswith(b"\0\0"):
        more = client.recv(1 << 16)
        if not more:
            return None, descriptors
        text += more
    script, folder, *environment = map(os.fsdecode, text.strip(b"\0").split(b"\0"))
    return {
        "script": script,
        "folder": folder,
        "environment": dict(entry.split("=", 1) for entry in environment),
    }, descriptors


def _work(order: dict[str, Any], descriptors: list[int]) -> None:
    """Run a script as a fresh process started by the client would: its streams, folder, environment and signals."""
    import runpy

    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    Path("/proc/self/comm").write_text(Path(order["script"]).stem.rpartition(".")[2])  # what ps and top show
    sys.argv = [order["script"]]
    runpy.run_path(order["script"], run_name="__main__")
