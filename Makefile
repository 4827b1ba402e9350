# Two commands do everything: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
NOTEBOOKS := $(wildcard notebooks/[0-9]*.py)

.PHONY: demo test lint bench notebooks fuzz clean
.DEFAULT_GOAL := demo

# --upgrade-deps would reach for the network twice; the installed pip is enough.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

demo: $(VENV)/.ready
	$(BIN)/adl-opt demo --plot demo.png --force

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks

notebooks: $(VENV)/.ready
	$(BIN)/python notebooks/render.py $(NOTEBOOKS)
	$(BIN)/python notebooks/pictures.py

# The full counts of random books; `make test` runs a tenth of each.
fuzz: $(VENV)/.ready
	ADL_OPT_FUZZ=1 $(BIN)/python -m pytest -n $(WORKERS) -m "fuzz"

clean:
	rm -rf $(VENV) demo.png build dist
