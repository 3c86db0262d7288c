"""`python -m replica`: serve the replica on loopback until SIGTERM or SIGINT; the URL is the only line printed."""

import argparse
import asyncio
import signal
from datetime import date
from pathlib import Path

from replica.server import Replica, parse_instant, start
from replica.worlds import DEMO_SWITCH, demo_world, plain_world


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m replica", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same answers")
    parser.add_argument("--world", choices=("demo", "plain"), default="demo")
    parser.add_argument("--switch", type=date.fromisoformat, help="first local date of shape B")
    parser.add_argument("--now", type=parse_instant, help="fixed clock, ISO, UTC (default: the computer's)")
    parser.add_argument("--log", type=Path, help="file for one JSON line a request")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of every answer")
    parser.add_argument("--url-file", type=Path, help="file to write the URL to, once it serves")
    return parser.parse_args(argv)


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal says stop."""
    if options.world == "demo":
        world = demo_world(options.seed, options.switch or DEMO_SWITCH)
    else:
        world = plain_world(options.seed, options.switch)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    replica = Replica(world, options.log, options.now, options.latency_ms)
    runner, url = await start(replica, options.port)
    if options.url_file is not None:
        partial = options.url_file.with_name(options.url_file.name + ".part")
        partial.write_text(url + "\n", encoding="utf-8")
        partial.replace(options.url_file)
    print(url, flush=True)
    await stop.wait()
    await runner.cleanup()
    replica.close()


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
