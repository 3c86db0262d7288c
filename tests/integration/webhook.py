"""A webhook on loopback, for tests of what a failed run tells."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "s3cr3t-t0ken"


@dataclass
class Receiver:
    """A webhook on loopback that keeps what it is told."""

    url: str
    status: int = 200
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append((self.path, json.loads(body)))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook/{TOKEN}?key={TOKEN}")
        yield found
        server.shutdown()
