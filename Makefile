# Short targets only; what each does is in CONTRIBUTING.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
export UV_PROJECT_ENVIRONMENT := $(VENV)
export OMP_NUM_THREADS ?= 1
HOME_DIR ?= demo-home

.PHONY: help setup demo serve test lint bench fuzz chaos accuracy docs clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(UV): tools/bootstrap.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not here"; echo "hint: install Python 3.11, or: make PYTHON=/path/to/python3.11 ..."; exit 5; }
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tools/bootstrap.txt
	@touch $@

$(VENV)/.stamp: pyproject.toml uv.lock $(UV)
	$(UV) sync --quiet --frozen --inexact --python $(PYTHON)
	$(BIN)/wayseal models install
	@touch $@

setup: $(VENV)/.stamp ## environment from the lock into .venv

demo: setup ## the main job on a rendered lane video, from empty directory to table
	@mkdir -p .cache/demo
	@[ -f .cache/demo/faces/faces.csv ] || $(BIN)/python tools/fetch_demo_faces.py .cache/demo/faces
	$(BIN)/wayseal --home $(HOME_DIR) demo lane --faces .cache/demo/faces/faces.csv

serve: setup ## the console on loopback
	WAYSEAL_PASSPHRASE_FILE=$${WAYSEAL_PASSPHRASE_FILE:-.cache/demo/passphrase} $(BIN)/wayseal --home $(HOME_DIR) serve

test: setup ## everything: lint, types, import contract, and the whole suite in its short form
	tools/setup-system
	tools/setup-browser
	tools/setup-oracles
	$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n 2 --dist loadfile -q -m "not slow"

lint: setup ## ruff, mypy --strict, import-linter, deptry, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry src
	$(BIN)/codespell src tests docs tools README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md

bench: setup ## side-by-side benchmarks into bench/results
	$(UV) sync --quiet --frozen --inexact --python $(PYTHON) --group bench
	$(BIN)/python -m bench

fuzz: setup ## coverage-guided fuzzing of every parser (FUZZ_SECONDS each, 300 by default)
	$(UV) sync --quiet --frozen --inexact --python $(PYTHON) --group fuzz
	$(BIN)/python tools/fuzz.py --seconds $${FUZZ_SECONDS:-300}
	for round in 1 2 3; do $(BIN)/pytest -q --hypothesis-profile=fresh $$(grep -rl "from hypothesis" tests) || exit 1; done

chaos: setup ## the long form of the suites that kill processes
	$(BIN)/pytest -q -m slow tests

accuracy: setup ## accuracy tables over the test data folder
	$(BIN)/python tools/accuracy.py

docs: setup ## the documentation, warnings as errors
	$(UV) sync --quiet --frozen --inexact --python $(PYTHON) --group docs
	$(BIN)/mkdocs build --strict --quiet

clean: ## remove the environment and everything made
	rm -rf $(VENV) .tools .cache site demo-home .pytest_cache .mypy_cache .ruff_cache
