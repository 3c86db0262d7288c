"""Chile's power outages, rebuilt month by month from the regulator's hourly answers.

    snakemake --cores 8                              everything that is pending
    snakemake --cores 8 results/gold/all.done        the same without the figures for print
    snakemake -n                                     what would be done, without a request to anyone

Result paths: results/{stage}/{month}.*, months as YYYY-MM (local, America/Santiago); one rule file per stage.
`answers/` is the store of record: it is never an output of a rule, and nothing here can delete it.
"""

from snakemake.utils import min_version

from workflow.scripts.outages.settings import check

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


check(config)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/scrape.smk"
include: "workflow/rules/customers.smk"
include: "workflow/rules/dedupe.smk"
include: "workflow/rules/load.smk"
include: "workflow/rules/events.smk"
include: "workflow/rules/window.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/plot.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/publish.smk"


if config["bucket"]:

    include: "workflow/rules/upload.smk"


rule all:
    input:
        "results/gold/all.done",
        expand(
            "results/figures/{figure}.{lang}.{kind}",
            figure=BY_ID,
            lang=["es", "en"],
            kind=["svg", "png"],
        ),
