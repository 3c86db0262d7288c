"""A replica in a process of its own, for tests and the demo: `with replica_process(log) as replica: replica.url`."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 20.0
_opener = build_opener(ProxyHandler({}))  # loopback: never through a proxy


class ReplicaHandle:
    """A running replica: its URL, its log, and its control."""

    def __init__(self, url: str, log: Path, process: "subprocess.Popen[bytes]") -> None:
        self.url = url
        self.log = log
        self.process = process
        parts = urlsplit(url)
        self._control = f"{parts.scheme}://{parts.netloc}/control"

    def requests(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """Lines of the log, or those of one endpoint."""
        lines: list[dict[str, Any]] = self._call("GET", "log")
        return [line for line in lines if endpoint is None or line["endpoint"] == endpoint]

    def counts(self) -> dict[str, Any]:
        """Requests by endpoint, status, fault and hour; the most in flight at one time."""
        counts: dict[str, Any] = self._call("GET", "counts")
        return counts

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Append rules."""
        self._call("POST", "faults", rules)

    def clear(self) -> None:
        """Forget every rule."""
        self._call("DELETE", "faults")

    def set_now(self, now: datetime | str | None) -> None:
        """Fix the clock (UTC), or let it follow the computer's again."""
        self._call("POST", "now", {"now": now.isoformat() if isinstance(now, datetime) else now})

    def _call(self, method: str, path: str, value: Any = None) -> Any:
        data = None if value is None else json.dumps(value).encode()
        request = Request(
            f"{self._control}/{path}", data=data, method=method, headers={"Content-Type": "application/json"}
        )
        with _opener.open(request, timeout=30) as response:
            return json.load(response)


def command_line(options: dict[str, Any]) -> list[str]:
    """Options as arguments: `latency_ms=5` becomes `--latency-ms 5`; None is left out."""
    words = []
    for name, value in options.items():
        if value is not None:
            text = value.isoformat() if hasattr(value, "isoformat") else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    return words


@contextmanager
def replica_process(log: Path, **options: Any) -> Iterator[ReplicaHandle]:
    """Run `python -m replica` with the options of its command line; ready on entry, ended on exit."""
    with tempfile.TemporaryDirectory() as folder:
        url_file, errors = Path(folder) / "url", Path(folder) / "stderr"
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "replica", *command_line(options | {"log": log, "url_file": url_file})],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"PYTHONPATH": path},
            )
        try:
            _wait_for(url_file, process, errors)
            yield ReplicaHandle(url_file.read_text(encoding="utf-8").strip(), log, process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url_file: Path, process: "subprocess.Popen[bytes]", errors: Path) -> None:
    """Wait until the replica has written its URL; say why when it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while not url_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the replica did not start: {errors.read_text(encoding='utf-8', errors='replace')}")
        time.sleep(0.02)
