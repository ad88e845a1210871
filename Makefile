# make demo    search the standard library's docstrings with misspelt questions
# make test    run the tests
# make check   lint, formatting and types
# make wheel   build the wheel and try it, with the README's own lines, in an empty environment
# make lowest  run the tests with the lowest versions that pyproject.toml allows (torch's too with CONSTRAINTS=)
# make benchmarks DATA=DIR  measure everything again: tables into benchmarks/RESULTS.md, plots into benchmarks/plots
# make clean   remove everything that make made
#
# Each sets up its own .venv on first use, and again when pyproject.toml or constraints.txt change.

PYTHON      ?= python3
VENV        := .venv
CONSTRAINTS ?= -c constraints.txt
BIN         := $(VENV)/bin
INSTALLED   := $(VENV)/.installed
LOWEST      := .venv-lowest
WORKERS     ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test check wheel lowest benchmarks clean install

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(INSTALLED)
	@HF_HUB_OFFLINE=1 $(BIN)/python -m tiered_st.demo $(ARGS)

test: $(INSTALLED)
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(INSTALLED)
	.ci/try_wheel

lowest: $(LOWEST)/.installed
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n $(WORKERS) $(ARGS)

$(LOWEST)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install -q uv
	$(PYTHON) -m venv --clear $(LOWEST)
	$(if $(CONSTRAINTS),$(LOWEST)/bin/pip install -q $(CONSTRAINTS) torch)
	$(BIN)/uv pip install -q --python $(LOWEST)/bin/python --resolution lowest-direct \
		$(CONSTRAINTS) -e '.[faiss,onnx,train]' 'pytest>=8' 'pytest-xdist>=3.6' 'pytest-timeout>=2.3' 'hypothesis>=6.100' 'scikit-learn>=1.3'
	@touch $@

benchmarks: $(INSTALLED)
	@test -d "$(DATA)" || { echo "make benchmarks DATA=DIR: DIR is the folder of the data kit's parquet files"; exit 2; }
	$(BIN)/pip install -q $(CONSTRAINTS) -e '.[dev,benchmarks]'
	$(BIN)/python -m benchmarks --data "$(DATA)" $(ARGS)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 10) and "tiered-st needs Python 3.10 or newer: make PYTHON=/path/to/python")'
	$(BIN)/pip install $(CONSTRAINTS) -e '.[dev]'
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) $(LOWEST) .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find tiered_st training benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +
