"""Two things at once in one job: what the database does, and what is computed or written meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection


@contextmanager
def beside(conn: Connection) -> Iterator[Callable[..., Callable[[], Any]]]:
    """Call a function in a thread beside this one, while the database is at work; what is given back waits for it.

    One of the two threads uses `conn` at a time. An error or an interrupt here ends the statements there, which would
    be waited for otherwise.
    """
    from psycopg import Error

    with ThreadPoolExecutor(1) as thread:

        def start(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
            future = thread.submit(function, *arguments)

            def result() -> Any:
                # Piece by piece: Polars lets no interrupt end a longer wait.
                while wait([future], timeout=0.1).not_done:
                    pass
                return future.result()

            return result

        try:
            yield start
        except BaseException:
            rest = thread.submit(lambda: None)
            while wait([rest], timeout=0.1).not_done:
                with suppress(Error):
                    conn.cancel()
            raise
