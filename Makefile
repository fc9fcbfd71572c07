# darkpy: everything starts from here.  Each target makes what it needs; nothing else has to be set up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHARED := $(if $(DARKPY_SHARED),$(DARKPY_SHARED),../shared)

.PHONY: help setup dev demo test lint bench bench-training bench-xnor docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/installed

setup: $(VENV)/installed  ## make .venv and install darkpy into it

dev: $(VENV)/installed-dev  ## the same with what tests and lint need

demo: setup  ## detect the things in a picture, offline, and save it with boxes; PHOTO=my.jpg: in yours
	PATH="$(CURDIR)/$(BIN):$$PATH" DARKPY_SHARED="$(SHARED)" sh docs/demo.sh

test: dev lint  ## lint, then all tests
	$(BIN)/python -m pytest

lint: dev  ## style, types, and that imports run only downwards
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

docs: setup  ## bring docs/commands.md up to date
	$(BIN)/darkpy help --markdown > docs/commands.md.new
	mv docs/commands.md.new docs/commands.md

.venv-bench/installed: bench/requirements.txt setup.cfg
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

bench: .venv-bench/installed  ## measure against the peers; ARGS="--quick" and others: see ARGS="--help"
	DARKPY_SHARED="$(SHARED)" .venv-bench/bin/python -m bench.run $(ARGS)

bench-training: .venv-bench/installed  ## the same for training steps; ARGS as for bench
	DARKPY_SHARED="$(SHARED)" .venv-bench/bin/python -m bench.training $(ARGS)

bench-xnor: .venv-bench/installed  ## binary convolutions and networks against floats; ARGS as for bench
	OPENBLAS_NUM_THREADS=1 .venv-bench/bin/python -m bench.xnor $(ARGS)

clean:  ## remove caches, built kernels and the environment
	rm -rf $(VENV) .venv-bench build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
