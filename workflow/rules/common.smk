"""What every rule file uses: the plan of this run, digests of the code, and the claim on the database.

The plan is made once, while the Snakefile is read, from the configuration, the clock and the disk; no request
leaves. A run that finds nothing stale starts nothing.
"""

from workflow.scripts.outages.files import write_json
from workflow.scripts.outages.fingerprint import code_of
from workflow.scripts.outages.lifecycle import Run
from workflow.scripts.outages.plan import make_plan
from workflow.scripts.outages.settings import LAST
from workflow.scripts.outages.spare import spare

spare()

PLAN = make_plan(config)
MONTHS = PLAN.months
# Where to, when it is not the warehouse of this very directory; for people who read a dry run.
AWAY = "" if PLAN.target == "warehouse" else f" to {PLAN.target}"
RUN = Run("results/postgres", ".snakemake/run.lock", remote=workflow.remote_exec)

# Rules whose jobs open the warehouse; the last two where it is what is published to.
OPEN_WAREHOUSE = {"load", "events", "aggregate"}
if not PLAN.target.startswith("supabase"):
    OPEN_WAREHOUSE |= {"window", "publish"}

# One scrape at a time for everyone, even when --resources on the command line replaces the profile's.
workflow.global_resources.setdefault("sec_api", 1)


# What stays here when an executor sends jobs to other machines: what asks the source or keeps the store, what hands
# results to somebody (keys need not leave this machine, nodes need no internet), and what is done in a second.
localrules:
    all,
    scrape,
    ask,
    customers,
    window,
    vega,
    plot,
    figures,
    publish,


wildcard_constraints:
    month=r"\d{4}-\d{2}",


onstart:
    # What is touched, or sent to other machines, opens no database here.
    run_here = (
        workflow.local_exec and not workflow.remote_exec and not workflow.touch
    )
    pending = workflow.dag.needrun_jobs() if run_here else ()
    needed = any(job.rule.name in OPEN_WAREHOUSE for job in pending)
    shell.executable(RUN.begin(database=needed) or "bash")
    write_json(config, LAST)  # of the run, for who asks later what it was made with
    if workflow.local_exec:
        # Cores limit the jobs here. Snakemake's limit of jobs a second would look at all jobs that are ready once more
        # a second after each job, and hold the end of the run for that second.
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    RUN.end()


onerror:
    RUN.end(failed=True, jobs=workflow.scheduler.failed, logs=log)
