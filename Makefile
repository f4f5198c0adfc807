# The project's commands; each prepares .venv by itself, and does nothing twice.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input -q
CATALOGUES := $(wildcard locale/*/LC_MESSAGES/django.po locale/packages/*/LC_MESSAGES/django.po)
COMPILED := $(CATALOGUES:.po=.mo)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test lint bench bench-backtest soak
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/runtime.stamp $(COMPILED)  ## make .venv from the lock and compile the translations

setup-dev: $(VENV)/dev.stamp $(COMPILED)  ## the same with what tests and linters need

demo: setup  ## a running desk with simulated data; ARGS=--check tries it out and stops by itself
	@$(PY) manage.py demo $(ARGS)

test: setup-dev  ## all tests on PostgreSQL and Redis, the smoke tests on SQLite, coverage
	@$(PY) -m quantsite.testing.run $(ARGS)

lint: setup-dev  ## style, types, layers, migrations, deployment files, translations
	@$(PY) -m quantsite.testing.lint $(ARGS)

bench: setup-dev  ## how fast it is; ARGS=--json prints one JSON object a line
	@$(PY) -m benchmarks $(ARGS)

bench-backtest: setup-dev  ## a backtest beside its limit; ARGS="--peers" beside four other engines too
	@$(PY) benchmarks/backtest.py $(ARGS)

soak: setup-dev  ## the long tests
	@$(PY) -m pytest -m soak $(ARGS)

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("%s is Python %d.%d: version 3.11 or newer is needed; name one with  make PYTHON=python3.12 ..." % (sys.executable, *sys.version_info[:2]))'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/runtime.stamp: requirements.txt | $(VENV)/pyvenv.cfg
	@echo "installing requirements.txt"
	@$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt | $(VENV)/pyvenv.cfg
	@echo "installing requirements-dev.txt"
	@$(PIP) install -r requirements-dev.txt
	@touch $(VENV)/runtime.stamp $@

%.mo: %.po | $(VENV)/runtime.stamp
	@$(PY) -m babel.messages.frontend -q compile -i $< -o $@ -l $(notdir $(patsubst %/LC_MESSAGES/,%,$(dir $<)))
