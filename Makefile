# Every target sets up what it needs: a virtual environment in .venv with the versions of
# constraints.txt, for test-oldest one in .venv-oldest with those of constraints-oldest.txt. The
# stamp makes the second call instant; a change of either file renews it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OLDEST := .venv-oldest
WORKERS ?= 2
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-gpu test-oldest check format bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up .venv

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Lesion needs Python 3.11 or newer, and $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12 install" % sys.version_info[:2])'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## damage a small model and show what survives
	@$(BIN)/lesion demo

test: $(STAMP)  ## the tests that take seconds
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) -m "not slow and not gpu"

test-slow: $(STAMP)  ## the tests that take minutes
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) -m "slow and not gpu"

test-gpu: $(STAMP)  ## the tests that need a CUDA device
	@$(BIN)/python -m pytest -m gpu

test-oldest: $(OLDEST)/.installed  ## the quick tests, with the oldest versions that pyproject.toml allows
	@$(OLDEST)/bin/python -m pytest --numprocesses $(WORKERS) -m "not slow and not gpu"

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "The oldest versions need Python 3.11, and $(PYTHON) is %d.%d; name another one: make PYTHON=python3.11 test-oldest" % sys.version_info[:2])'
	@$(OLDEST)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(OLDEST)
	@echo "Setting up $(OLDEST) (some minutes and gigabytes the first time) ..."
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints-oldest.txt --editable '.[dev,ray,app]'
	@touch $@

check: $(STAMP)  ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)  ## repair what can be repaired by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## measure the speed (three hours; BENCH=--quick shortens the longest, --data GLUE for MRPC)
	@set -e; for script in $(filter-out %/bench_device.py,$(wildcard benchmarks/bench_*.py)); do \
		echo "== $$script"; $(BIN)/python "$$script"; done
	@for script in limit against_article; do echo "== benchmarks/$$script.py $(BENCH)"; \
		$(BIN)/python benchmarks/$$script.py $(BENCH) || exit 1; done

clean:  ## remove the environments and every tool's cache
	rm -rf $(VENV) $(OLDEST) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
