"""A Slurm of the tests' own: munged, slurmctld and slurmd on this machine, without systemd and without accounting.

Everything lies in one folder but /etc/slurm/slurm.conf: jobs on nodes do not inherit SLURM_CONF. A file of that name
that is not ours is never touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol")
CONFIG = Path("/etc/slurm/slurm.conf")
MARK = "# Written by tests/cluster/slurm.py, which also removes it.\n"
SETTINGS = """\
ClusterName=outages
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why no Slurm can be started here, or None."""
    absent = [program for program in PROGRAMS if not _program(program)]
    if absent:
        return f"needs {', '.join(absent)}: Debian's slurm-wlm and munge"
    if os.geteuid() != 0:
        return "slurmd runs as root"
    if CONFIG.exists() and not CONFIG.read_text().startswith(MARK):
        return f"{CONFIG} is somebody else's"
    return None


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """Run one within `folder` until the block ends; its single node is ready."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.touch(mode=0o400)
    key.write_bytes(os.urandom(1024))
    with ExitStack() as stack:
        CONFIG.parent.mkdir(exist_ok=True)
        stack.callback(CONFIG.unlink)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        CONFIG.write_text(
            MARK
            + SETTINGS.format(
                host=socket.gethostname(), ports=free_ports(2), folder=folder, cpus=os.cpu_count(), memory=memory
            )
        )
        munged = ["--key-file", key, "--socket", folder / "munge.socket", "--pid-file", folder / "munge.pid"]
        munged += ["--seed-file", folder / "munge.seed", "--log-file", folder / "munge.log"]
        stack.enter_context(_daemon(folder, "munged", "--foreground", "--force", *munged))
        _wait(folder, lambda: (folder / "munge.socket").exists(), "munged")
        stack.enter_context(_daemon(folder, "slurmctld", "-D", "-c"))
        stack.enter_context(_daemon(folder, "slurmd", "-D", "-c"))
        _wait(folder, lambda: _state() == "idle", "the node")
        yield


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@contextmanager
def _daemon(folder: Path, name: str, *arguments: object) -> Iterator[None]:
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(
            [str(_program(name)), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _state() -> str:
    done = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _wait(folder: Path, condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        told = "\n".join(path.read_text() for path in sorted(folder.glob("*.out")))
        assert time.monotonic() < deadline, f"{what} is not ready:\n{told}"
        time.sleep(0.2)


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]
