# A fresh machine needs Python 3.11+ and make; everything else comes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Sphinx has an environment of its own.
DOCS := .venvs/docs
WORKERS ?= 2
# Seconds for each of the three fuzz targets.
FUZZ_SECONDS ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo test lint types floors yang release check unit faults coverage bench fuzz man wheel docs clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

demo: $(READY) ## simulated routers of several releases: show, assess, plan, push, poll
	@$(BIN)/xr-agent demo

test: check unit faults ## the whole check, the same as CI

check: lint types floors yang ## everything that needs no test run

lint: $(READY) ## ruff
	$(BIN)/ruff check .

types: $(READY) ## mypy --strict on agent, scripts, tests, bench and docs/examples
	$(BIN)/mypy

floors: $(READY) ## import-linter: floors, and the home of each third-party library
	$(BIN)/lint-imports

# A second variant of one revision has a letter in its name, which pyang accepts only from standard input.
LETTERED := $(wildcard yang/*@????-??-??-[b-z].yang)
yang: $(READY) ## pyang, strict, on every file of yang/
	$(BIN)/pyang -Werror -p yang $(filter-out $(LETTERED),$(wildcard yang/*.yang))
	@for file in $(LETTERED); do \
	    $(BIN)/pyang -Werror -p yang < $$file || { echo "in $$file" >&2; exit 1; }; done

release: $(READY) ## make release RELEASE=26.3.1 FROM=FOLDER: a new release into yang/ and docs/support.md
	$(BIN)/python -m scripts.release '$(RELEASE)' '$(FROM)'

unit: $(READY) ## pytest, all of it: real servers, packaging and ncclient versions as well
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --ignore tests/faults

# No cell waits for a time-out: where a router does not answer, its clock is moved on.
faults: $(READY) ## the fault matrix: every fault at every step of a push, as a table
	$(BIN)/python -m pytest -n $(WORKERS) --dist load -q tests/faults

coverage: $(READY) ## pytest with branch coverage
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov

bench: $(READY) ## the comparisons of bench/, each printing its table
	@for file in rpc job flights fleet poll; do $(BIN)/python -m bench.$$file || exit 1; done

fuzz: $(READY) ## the fuzz targets of tests/fuzz, a minute in all; what they find stays in .fuzz
	@for target in reply console files; do \
	    echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
	    $(BIN)/python -m tests.fuzz.run $$target .fuzz/$$target -max_total_time=$(FUZZ_SECONDS) || exit 1; done

man: $(READY) ## the manual pages, into build/man; man -l build/man/xr-agent.1
	@$(BIN)/python -m scripts.man build/man

wheel: man ## a wheel with the manual pages, into dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

docs: $(READY) $(DOCS)/.ready ## the site, into build/site: no page needs the network; a link that leads nowhere is an error
	@$(BIN)/python -m scripts.site build/pages
	$(DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky -c docs build/pages build/site
	@echo build/site/index.html

clean: ## remove what make, the tools and the tests made
	rm -rf $(VENV) .venvs build dist *.egg-info .coverage* htmlcov
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): setup.cfg pyproject.toml scripts/venv.sh
	@sh scripts/venv.sh '$(PYTHON)' '$(VENV)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(DOCS)/.ready: docs/requirements.txt scripts/venv.sh
	@sh scripts/venv.sh '$(PYTHON)' '$(DOCS)'
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/requirements.txt
	@touch $@
