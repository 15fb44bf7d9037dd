# Every target works on a fresh clone with Python 3.11, 3.12 or 3.13 and make: it creates the virtual
# environment and installs what changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
SERVER_READY := $(VENV)/.server-installed
DASK_READY := $(VENV)/.dask-installed
DEV_READY := $(VENV)/.dev-installed
BENCH_READY := $(VENV)/.bench-installed

# Install requirements; $(1) is their file. uv takes a few seconds. Where it cannot be installed or fails, pip takes about a
# minute. uv does not read the settings of pip: an index other than PyPI is named by UV_DEFAULT_INDEX.
define install
@$(PIP) uv==$(UV_VERSION) && $(BIN)/python -m uv pip install --quiet --python $(BIN)/python -r $(1) \
	|| { echo "uv cannot install $(1); installing it with pip, which takes longer" >&2; $(PIP) -r $(1); }
endef
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run_server data dask run_tests soak bench bench_quick bench_scaling screenshots lint clean

help: ## list the targets
	@grep -E '^[a-z_]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z_]+):.*## /\1\t/' | expand -t 14

run_server: $(SERVER_READY) ## run the server, http://127.0.0.1:5000
	@exec $(BIN)/python api_server.py

data: $(SERVER_READY) ## download CDC's current table, to be served in place of the bundled one
	@$(BIN)/python -m tools.download_table $(if $(URL),--url '$(URL)') $(if $(FORCE),--force)

dask: $(DASK_READY) ## install what tables larger than memory, and tables at addresses, need

run_tests: $(DEV_READY) ## run all tests: those that strain a whole server by themselves, the others on all cores
	$(BIN)/python -m pytest -n auto --dist worksteal --ignore tests/faults --ignore tests/browser
	$(BIN)/python -m pytest tests/browser tests/faults

soak: $(DEV_READY) ## run the fault tests in their long form, for about half an hour
	SOAK=1 $(BIN)/python -m pytest -s tests/faults

bench: $(BENCH_READY) ## measure against rivals and targets, for about four minutes; needs wrk and redis-server
	PYTHONPATH=tests $(BIN)/python -m benchmarks.run

bench_quick: $(BENCH_READY) ## the same for about a minute; fails where a ratio is worse than half of its target twice
	PYTHONPATH=tests $(BIN)/python -m benchmarks.run --quick --check

bench_scaling: $(BENCH_READY) ## measure how large tables are read, also under load, for about a quarter of an hour; needs wrk, 2.3 GB of disk
	PYTHONPATH=tests $(BIN)/python -m benchmarks.respondents
	PYTHONPATH=tests $(BIN)/python -m benchmarks.loading
	PYTHONPATH=tests $(BIN)/python -m benchmarks.replicas

screenshots: $(DEV_READY) ## take the pictures of the pages anew, docs/images; needs chromium
	PYTHONPATH=tests $(BIN)/python -m tools.take_screenshots

lint: $(DEV_READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove what make and the tools made; results and logs stay
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find app benchmarks client tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(SERVER_READY): requirements.txt client/pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.txt)
	@touch $@

$(DASK_READY): requirements-dask.txt requirements.txt client/pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dask.txt)
	@touch $@ $(SERVER_READY)

$(DEV_READY): requirements-dev.txt requirements-dask.txt requirements.txt client/pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.txt)
	@touch $@ $(DASK_READY) $(SERVER_READY)

$(BENCH_READY): requirements-bench.txt requirements-dev.txt requirements-dask.txt requirements.txt client/pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-bench.txt)
	@touch $@ $(DEV_READY) $(DASK_READY) $(SERVER_READY)
