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
DOCS_READY := $(VENV)/.docs-installed

# Install requirements; $(1) is their file. uv takes a few seconds. Where it cannot be installed or fails, pip takes about a
# minute. uv does not read the settings of pip: an index other than PyPI is named by UV_DEFAULT_INDEX. Modules are compiled
# here, as pip does too: where Python may not write bytecode, every start would take three seconds longer.
define install
@$(PIP) uv==$(UV_VERSION) && $(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python -r $(1) \
	|| { echo "uv cannot install $(1); installing it with pip, which takes longer" >&2; $(PIP) -r $(1); }
endef
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run_server data dask run_tests soak bench bench_quick bench_scaling bench_coverage docs screenshots lint clean

help: ## list the targets
	@grep -E '^[a-z_]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z_]+):.*## /\1\t/' | expand -t 14

run_server: $(SERVER_READY) ## run the server, http://127.0.0.1:5000
	@exec $(BIN)/python api_server.py

data: $(SERVER_READY) ## download CDC's current table, which the server prefers to the bundled one; options: URL=, FORCE=yes
	@$(BIN)/python -m tools.download_table $(if $(URL),--url '$(URL)') $(if $(FORCE),--force)

dask: $(DASK_READY) ## install the packages for tables larger than memory and tables on the web

# Hundreds of servers start in the tests; compiling the server for each would take longer than many tests.
run_tests: export PYTHONDONTWRITEBYTECODE :=
run_tests: $(DEV_READY) ## run all tests: most on all cores, then those that need the machine alone one by one
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not alone"
	$(BIN)/python -m pytest -m alone

soak: $(DEV_READY) ## run the tests of faults and figures in their long form, about two hours
	SOAK=1 $(BIN)/python -m pytest -s tests/faults tests/statistics tests/table/test_confidence_limits.py

bench: $(BENCH_READY) ## measure against rivals and targets, about four minutes; needs wrk and redis-server
	PYTHONPATH=tests $(BIN)/python -m benchmarks.run

bench_quick: $(BENCH_READY) ## the same in about a minute; fails if a ratio misses half of its target twice
	PYTHONPATH=tests $(BIN)/python -m benchmarks.run --quick --check

bench_scaling: $(BENCH_READY) ## measure reading large tables, also under load, about a quarter of an hour; needs wrk, 2.3 GB of disk
	PYTHONPATH=tests $(BIN)/python -m benchmarks.respondents
	PYTHONPATH=tests $(BIN)/python -m benchmarks.loading
	PYTHONPATH=tests $(BIN)/python -m benchmarks.replicas

bench_coverage: $(DEV_READY) ## simulate how often confidence limits hold the true figure, about a minute
	$(BIN)/python -m benchmarks.coverage

docs: $(DOCS_READY) ## build the documentation as a site in site/; npm adds the drawing of diagrams
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

screenshots: $(DEV_READY) ## retake the screenshots in docs/images; ALL=folder takes every page and chart instead; needs chromium
	PYTHONPATH=tests $(BIN)/python -m tools.take_screenshots $(ALL)

lint: $(DEV_READY) ## check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove the virtual environment and caches; results and logs stay
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

$(DOCS_READY): requirements-docs.txt requirements.txt client/pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-docs.txt)
	@if command -v npm >/dev/null; then npm install --silent --no-fund --no-audit --prefix $(VENV)/node mermaid@11.17.2 >/dev/null; \
	else echo "npm is not installed: diagrams stay text"; fi
	@touch $@ $(SERVER_READY)

$(BENCH_READY): requirements-bench.txt requirements-dev.txt requirements-dask.txt requirements.txt client/pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-bench.txt)
	@touch $@ $(DEV_READY) $(DASK_READY) $(SERVER_READY)
