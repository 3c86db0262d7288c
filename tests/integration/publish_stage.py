"""The publish stage as Snakemake runs it, in a folder of its own, and the ways in which it can be refused."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from outages.files import json_bytes

from .postgrest_server import Fault, Supabase

REPOSITORY = Path(__file__).resolve().parents[2]
META: dict[str, Any] = {"synthetic": False, "months": ["2025-05"]}
PAYLOADS: dict[str, Any] = {
    "time_series": [{"mes": "2025-05-01", "nombre_region": "ÑUBLE", "afectados": 7, "share": 0.1, "none": None}],
    "investment_roi": [{"nombre_region": "O'HIGGINS", "total_inversión_mmu": 1.0, "efficiency_ratio": 1e-7}],
    "company_ranking": [],
}


SNAKEFILE = f"""
rule publish:
    input:
        ["unnamed"],
        payloads={[f"{name}.json" for name in PAYLOADS]},
        meta="_meta.json",
        page="index.html",
    output:
        done="all.done",
    log:
        "publish.log",
    params:
        repairs=0,
        allow_synthetic=False,
        cluster="postgres",
        code="x",
    script:
        "{REPOSITORY}/workflow/scripts/publish.py"
"""


def with_digests(payloads: dict[str, Any], **meta: Any) -> dict[str, Any]:
    """The payloads and a `_meta` with the sha256 of each."""
    digests = {name: sha256(json_bytes(data)).hexdigest() for name, data in payloads.items()}
    return payloads | {"_meta": [META | {"payloads": digests} | meta]}


def unlike_their_meta(public: dict[str, Any]) -> list[str]:
    """Ids whose data are not those that the `_meta` read with them tells."""
    told = public["_meta"][0]["payloads"]
    return [name for name in told if sha256(json_bytes(public.get(name))).hexdigest() != told[name]]


class Named(dict[str, Any]):
    """Like Snakemake's lists: named members by items()."""


class Stage:
    """The publish stage in a folder of its own, run as Snakemake runs it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self.done, self.log = folder / "all.done", folder / "publish.log"
        self.params = {"repairs": 0, "allow_synthetic": False, "cluster": str(folder / "postgres"), "code": "x"}
        self.put(PAYLOADS)

    def put(self, payloads: dict[str, Any], **meta: Any) -> None:
        for name, data in ({"_meta": [META | meta]} | payloads).items():
            (self.folder / f"{name}.json").write_text(json.dumps(data))

    def __call__(self, **environment: str) -> dict[str, Any]:
        """Publish; the receipt. The output is removed first, as Snakemake does."""
        self.done.unlink(missing_ok=True)
        for name in ("SUPABASE_URL", "SUPABASE_KEY", "DATABASE_URL"):
            self._monkeypatch.setenv(name, environment.get(name, ""))
        payloads = [str(path) for path in sorted(self.folder.glob("[a-z]*.json"))]
        job = SimpleNamespace(
            input=Named(payloads=payloads, meta=str(self.folder / "_meta.json"), page=str(self.folder / "index.html")),
            output=Named(done=str(self.done)),
            params=Named(self.params),
            wildcards={},
            log=[str(self.log)],
            rule="publish",
        )
        runpy.run_path(str(REPOSITORY / "workflow/scripts/publish.py"), init_globals={"snakemake": job})
        receipt: dict[str, Any] = json.loads(self.done.read_text())
        return receipt

    def by_snakemake(self, **environment: str) -> str:
        """Publish by the command; what it wrote on the screen and anywhere in the folder."""
        (self.folder / "Snakefile").write_text(SNAKEFILE)
        for name in ("index.html", "unnamed"):
            (self.folder / name).touch()
        self.done.unlink(missing_ok=True)
        command = [sys.executable, "-m", "snakemake", "-c1"]
        told = subprocess.run(command, cwd=self.folder, env=os.environ | environment, capture_output=True, text=True)
        written = [path.read_text(errors="replace") for path in self.folder.rglob("*") if path.is_file()]
        return "\n".join([told.stdout, told.stderr, *written])

    def fails(self, code: str, **environment: str) -> str:
        """Publish in vain: the code is told, there is no receipt; everything that was told."""
        with pytest.raises(SystemExit) as caught:
            self(**environment)
        assert code in str(caught.value)
        assert not self.done.exists()
        return "".join(traceback.format_exception(caught.value)) + self.log.read_text()


Break = Callable[[Supabase, dict[str, str]], None]


def key(make: Callable[[Supabase], str], gateway: bool = True) -> Break:
    def change(supabase: Supabase, named: dict[str, str]) -> None:
        named["SUPABASE_KEY"], supabase.check_keys = make(supabase), gateway

    return change


def url(make: Callable[[Supabase], str]) -> Break:
    return lambda supabase, named: named.update(SUPABASE_URL=make(supabase))


def fault(status: int, body: str = "", kind: str = "application/json", times: int = 1, method: str = "POST") -> Break:
    return lambda supabase, named: supabase.faults.append(Fault(status, body, kind, times, method))


PAGE = "<html>hello</html>"
FAILURES: dict[str, tuple[str, Break]] = {
    "anonymous key": ("PUBLISH_REFUSED", key(lambda s: s.anon_key)),
    "a user's key": ("PUBLISH_REFUSED", key(lambda s: s.key_for("authenticated"), gateway=False)),
    "another project's key": ("PUBLISH_KEY", key(lambda s: s.key_for("service_role", "z" * 40))),
    "a forged key": ("PUBLISH_KEY", key(lambda s: s.key_for("service_role", "z" * 40), gateway=False)),
    "an expired key": ("PUBLISH_KEY", key(lambda s: s.key_for("service_role", expires=-3600), gateway=False)),
    "a key of two lines": ("PUBLISH_KEY", key(lambda s: f"{s.service_key}\n{s.service_key}")),
    "a key with a dash of a word processor": ("PUBLISH_KEY", key(lambda s: f"{s.service_key}\u2013")),
    "nobody listens": ("PUBLISH_URL", url(lambda s: "http://127.0.0.1:1")),
    "no such host": ("PUBLISH_URL", url(lambda s: "https://project.invalid")),
    "no address": ("PUBLISH_URL", url(lambda s: "project")),
    "another path": ("PUBLISH_URL", url(lambda s: f"{s.url}/rest/v1")),
    "another server": ("PUBLISH_URL", url(lambda s: f"{s.url}/elsewhere")),
    "a page": ("PUBLISH_URL", fault(200, PAGE, "text/html", method="GET")),
    "a redirect": ("PUBLISH_URL", fault(302, PAGE, "text/html")),
    "paused": ("PUBLISH_PAUSED", fault(540, '{"message": "Project paused"}', times=9, method="*")),
    "too large": ("PUBLISH_SIZE", fault(413, "<html>Request Entity Too Large</html>", "text/html")),
    "too many requests": ("PUBLISH_FAILED", fault(429, '{"message": "slow down"}')),
    "down": ("PUBLISH_FAILED", fault(503, '{"code": "PGRST002", "message": "no connection"}', times=3)),
    "said to be written": ("PUBLISH_MISMATCH", fault(201)),
}
