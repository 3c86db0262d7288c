"""`make demo`: build gold from the replica in demo/, in three rounds of a pretended clock, and say where to look.

The rounds show how a month grows: at the first the last month is in progress, at the second recent hours are
asked again (the source revises them), at the third everything is settled. Each finished round is noted in
demo/rounds; a demo that has seen all of them finds nothing to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from .process import replica_process

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demo"
#: What the demo makes up goes to none of these.
REAL_TARGETS = {"DATABASE_URL", "SUPABASE_URL", "SUPABASE_KEY", "ALERT_WEBHOOK"}
ROUNDS = ("2025-06-22T15:00:00Z", "2025-06-24T20:00:00Z", "2025-07-03T12:00:00Z")


def main() -> int:
    """Run the rounds that are left (the last one always) and report; the exit code of the first that fails."""
    DEMO.mkdir(exist_ok=True)
    noted = DEMO / "rounds"
    done = int(noted.read_text()) if noted.exists() else 0
    log = DEMO / "replica.log"
    asked_before = _asked(log)
    began = time.monotonic()
    with replica_process(log, world="demo", now=ROUNDS[0]) as replica:
        for number, now in list(enumerate(ROUNDS, start=1))[min(done, len(ROUNDS) - 1) :]:
            replica.set_now(now)
            print(f"\nRound {number} of {len(ROUNDS)}: the clock shows {now}", flush=True)
            settings = {"now": now, "source": {"url": replica.url}}
            (DEMO / "round.yaml").write_text(json.dumps(settings) + "\n")
            failed = subprocess.run(
                [sys.executable, "-m", "snakemake", "--cores", str(os.cpu_count() or 1), "--directory", str(DEMO),
                 "--configfile", "config/demo.yaml", "demo/round.yaml", "--quiet", "all",
                 "--", "all" if number == len(ROUNDS) else "results/gold/all.done"],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if name not in REAL_TARGETS},
            ).returncode  # fmt: skip
            if failed:
                return failed
            noted.write_text(str(number))
    _report(_asked(log) - asked_before, time.monotonic() - began)
    return 0


def _asked(log: Path) -> int:
    """Requests to the source's endpoints in the replica's own log."""
    return len(log.read_text().splitlines()) if log.exists() else 0


def _report(asked: int, seconds: float) -> None:
    meta = json.loads((DEMO / "results" / "gold" / "_meta.json").read_text())[0]
    months, totals = meta["months"], meta["totals"]
    observed, gaps = (sum(month[state] for month in months) for state in ("observed", "gap"))
    rows = sum(month["rows"] for month in months)
    print(f"""
The demo is built, in {seconds:.0f} s. A stand-in on this machine played the source and was asked {asked:,} times;
nothing here is real. What came of it:

  {len(months)} months, {months[0]["month"]} to {months[-1]["month"]}
  {observed:,} hours observed, {gaps:,} gaps: hours that never got a usable answer
  {rows:,} rows of answers
  {totals["eventos"]:,} events, {totals["clientes_hora"]:,} customer-hours without supply

Open next, from the checkout:

  page       demo/results/dashboard/index.html      in a browser, no network needed
  figures    demo/results/figures/                  SVG and PNG, Spanish and English
  events     demo/results/gold/golden_interrupciones.parquet
  payloads   demo/results/gold/*.json               what the public dashboard reads
  answers    demo/answers/                          every answer, verbatim
  database   make psql DIR=demo                     then: SELECT * FROM resumen_30_dias;
  report     make report DIR=demo CONFIG="config/demo.yaml demo/round.yaml"
             then demo/results/report.html          figures, captions, how long each job took

docs/tutorial.md goes through them one by one.
""")


if __name__ == "__main__":
    sys.exit(main())
