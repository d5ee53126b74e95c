# Everything a newcomer runs. Each target sets up what it needs; a second run is quick.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check unit fmt bench requirements openapi sam-local clean

PYTHON ?= python3
# How many test processes at once, for the tests that share nothing.
JOBS ?= 2
# The SAM command line is a tool of its own with its own dependencies, so it runs apart from the environment.
SAM_CLI := aws-sam-cli==1.170.0

export UV_SYSTEM_CERTS ?= 1
export SAM_CLI_TELEMETRY := 0
unexport VIRTUAL_ENV

READY := .venv/.ready
BIN := .venv/bin
SAM = $(BIN)/uv tool run --quiet --from $(SAM_CLI) sam

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with everything that uv.lock names

$(READY): uv.lock pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py
	@touch $@

demo: $(READY) ## watch a small broken shop being repaired, and check what is said about it
	@$(BIN)/python scripts/demo.py

test: check unit ## every check and every test

# Folders whose tests share nothing run side by side; the others start whole stacks, so one after another.
ALONE := tests/unit tests/contract tests/template

unit: $(READY)
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(ALONE)
	$(BIN)/pytest -q --doctest-modules --ignore-glob='*/guest/*' layers/core/python/maestro
	$(BIN)/pytest -q $(ALONE:%=--ignore=%) tests

check: $(READY) ## lint, format, types, layers, generated files, template
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/mypy scripts/*.py
	$(BIN)/lint-imports
	$(BIN)/uv lock --check --offline --quiet
	$(BIN)/python scripts/requirements.py --check
	$(BIN)/python scripts/openapi.py --check
	$(SAM) validate --lint --region us-east-1

fmt: $(READY) ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## the benchmarks; each prints a ratio measured in this one run
	@set -e; for file in tests/benchmarks/[a-z]*.py; do echo "== $$file"; PYTHONPATH=tests $(BIN)/python "$$file"; done

requirements: $(READY) ## write the layer's requirements.txt from uv.lock
	$(BIN)/python scripts/requirements.py

openapi: $(READY) ## write docs/api/openapi.json from the code
	$(BIN)/python scripts/openapi.py

sam-local: $(READY) ## sam build and sam local invoke, with a private Docker daemon where there is none
	$(BIN)/python scripts/sam_local.py --sam '$(SAM)'

clean: ## remove what the targets made; .maestro (the local stack's state) stays
	rm -rf .venv build .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
