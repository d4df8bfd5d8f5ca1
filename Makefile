# make quickstart   install into .venv and run the whole way once, on CPU
# make test         the whole suite            make quick   what takes under a minute
# make check        format, lint, types, the shape of the house, quick tests
#
# PIP_ARGS adds arguments to every install, for example an index with CPU builds of torch.

SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) -c constraints.txt
PYTEST := $(VENV)/bin/python -m pytest

.PHONY: help quickstart install test quick check format clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

quickstart: $(VENV)/.demo
	$(VENV)/bin/omma run quickstart

install: $(VENV)/.demo

test: $(VENV)/.dev
	$(PYTEST) -n 2 --dist worksteal $(PYTEST_ARGS)

quick: $(VENV)/.dev
	$(PYTEST) -n 2 --dist worksteal -m "not slow" $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PYTEST) tests/house -m "not slow"
	$(MAKE) quick

format: $(VENV)/.dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

clean:
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist

# torch comes first and alone, so that nothing else can draw in another build of it
$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "omma needs Python 3.11 or newer; give one with PYTHON=...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[demo]"
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[demo,dev]"
	@touch $@
