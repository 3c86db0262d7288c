"""The warm process: a script run through it behaves as one run by itself, and nothing of it is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from outages.warm import SOCKET, Warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a warm process on Linux only")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv(SOCKET, raising=False)
    warm = Warm()
    path = warm.start()
    assert path
    yield path
    warm.stop()
    assert not Path(path).parent.exists()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Write a script; the command that Snakemake would give to its shell."""

    def write(text: str, name: str = "job.py") -> str:
        (tmp_path / name).write_text(text)
        return f"{sys.executable} {tmp_path / name}"

    return write


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


LOOK = """
import os, sys
print(os.getppid(), os.getcwd(), os.environ["TOLD"], "polars" in sys.modules, __name__, sys.argv[0])
print(sys.stdin.read(), file=sys.stderr)
"""


def test_a_script_sees_what_one_run_by_itself_would(shell: str, script: Callable[[str], str], tmp_path: Path) -> None:
    command = script(LOOK)

    def look() -> list[str]:
        done = subprocess.run(
            [shell, "-c", command],
            cwd=tmp_path, env=os.environ | {"TOLD": "so"}, capture_output=True, text=True, input="", check=True,
        )  # fmt: skip
        return done.stdout.split()

    # The first job does not wait until everything is imported.
    assert until(lambda: look()[3] == "True")
    parent, folder, told, _, name, itself = look()
    assert (folder, told, name, itself) == (str(tmp_path), "so", "__main__", str(tmp_path / "job.py"))
    assert b"outages.warm" in Path(f"/proc/{parent}/cmdline").read_bytes()


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason"),
        ("import sys; sys.exit(7)", 7, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, ""),
    ],
)
def test_how_a_script_ends_is_told(shell: str, script: Callable[[str], str], text: str, code: int, told: str) -> None:
    done = subprocess.run([shell, "-c", script(text)], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert told in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_job_ends_with_its_client(
    shell: str, script: Callable[[str], str], tmp_path: Path, number: signal.Signals
) -> None:
    command = script(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    client = subprocess.Popen([shell, "-c", command], stderr=subprocess.DEVNULL)
    assert until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
    client.send_signal(number)
    assert client.wait(timeout=60) != 0
    assert until(lambda: not alive(int((tmp_path / "pid").read_text())))


def test_other_commands_and_a_warm_process_that_is_gone_are_left_to_bash(
    shell: str, script: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parent_of(command: str) -> str:
        return subprocess.run([shell, "-c", command], capture_output=True, text=True, check=True).stdout.strip()

    assert parent_of("false || echo $BASH") != ""
    assert subprocess.run([shell, "-c", "false; true"], check=False).returncode == 1  # as Snakemake's bash would end
    monkeypatch.setenv(SOCKET, "/nowhere")
    assert parent_of(script("import sys; print('polars' in sys.modules)")) == "False"


def test_nothing_is_left_when_the_run_is_killed(tmp_path: Path, script: Callable[[str], str]) -> None:
    scripts = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
    code = (
        f"import sys, time; sys.path.insert(0, {str(scripts)!r})\n"
        "from outages.warm import Warm\n"
        "warm = Warm(); print(warm.start(), warm._process.pid, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout
    path, process = run.stdout.readline().split()
    assert alive(int(process))
    run.kill()
    run.wait()
    assert until(lambda: not alive(int(process)) and not Path(path).parent.exists())


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOCKET, "off")
    assert Warm().start() is None
