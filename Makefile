# Two commands for a newcomer: make demo, make test. Each makes what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test quick check pages bench clean

$(BIN)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(BIN)/.dev: $(BIN)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[blake3,dev]"
	@touch $@

demo: $(BIN)/.run
	$(BIN)/filehaul demo

check: $(BIN)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

quick: $(BIN)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

pages: $(BIN)/.dev
	$(BIN)/python tests/write_pages.py

bench: $(BIN)/.dev
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist filehaul-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
