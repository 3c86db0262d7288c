"""The shell of a run with a warm process: a Python script is handed over to it, everything else to bash.

Run by the plain interpreter with as little of the standard library as can be, since every job pays for it, as
`shell -c COMMAND`; see warm.py.
"""

import os
import signal
import socket
import sys

QUOTED = set("'\"\\ ;&|$`\n\t<>()*?#~")


def main(command: str) -> int:
    """Run the command; its exit code, and never anything in between."""
    python, _, script = command.strip().partition(" ")
    if python != sys.executable or not script.endswith(".py") or set(script) & QUOTED:
        return bash(command)
    warm = socket.socket(socket.AF_UNIX)
    try:
        warm.connect(os.environ.get("OUTAGES_WARM", ""))
    except OSError:
        return bash(command)
    environment = [name + b"=" + value for name, value in os.environb.items()]
    socket.send_fds(warm, [b"\0"], [0, 1, 2])
    # None of these holds a NUL, and none is empty.
    folder = os.getcwdb()  # noqa: PTH109  (to import pathlib takes as long as all the rest)
    warm.sendall(b"\0".join([os.fsencode(script), folder, *environment]) + b"\0\0")
    answers = warm.makefile("rb")
    process = int(answers.readline() or 0)
    if not process:
        return bash(command)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, _: os.kill(process, signum))
    ended = answers.readline()
    if not ended:
        print("the warm process of this run is gone", file=sys.stderr)
        os.kill(process, signal.SIGKILL)
        return 1
    code = int(ended)
    return code if code >= 0 else 128 - code


def bash(command: str) -> int:
    """Become what Snakemake would have started."""
    os.execvp("bash", ["bash", "-c", f"set -euo pipefail; {command}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[2]))
