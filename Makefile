# Two commands do everything: `make demo` and `make test`. Each sets up .venv by itself, with the versions of constraints.txt.
PYTHON ?= python3
# The lowest versions that pyproject.toml allows have wheels for the lowest Python.
OLDEST_PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
NOTEBOOKS := $(wildcard notebooks/[0-9]*.py)
# The installed pip is enough; what builds the package is held too, by old pips and by new ones.
PIP := -m pip --disable-pip-version-check install --quiet
HELD = PIP_CONSTRAINT=$(1) PIP_BUILD_CONSTRAINT=$(1)
# A shell that a notebook started names the notebook's backend, which is not installed here.
unexport MPLBACKEND

.PHONY: demo test test-oldest test-newest constraints lint bench notebooks docs fuzz clean
.DEFAULT_GOAL := demo

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(call HELD,constraints.txt) $(BIN)/python $(PIP) -c constraints.txt -e ".[dev]"
	touch $@

demo: $(VENV)/.ready
	$(BIN)/adl-opt demo --plot demo.png --force

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n $(WORKERS)

# The suite with the lowest versions that pyproject.toml allows, in an environment of its own.
test-oldest:
	$(OLDEST_PYTHON) -m venv --clear $(VENV)-oldest
	$(VENV)-oldest/bin/python .ci/versions.py lowest > $(VENV)-oldest/lowest.txt
	$(call HELD,$(VENV)-oldest/lowest.txt) $(VENV)-oldest/bin/python $(PIP) -e ".[dev]"
	$(VENV)-oldest/bin/python -m pytest -n $(WORKERS)

# The suite with the newest versions of everything, in an environment of its own.
test-newest:
	$(PYTHON) -m venv --clear $(VENV)-newest
	$(VENV)-newest/bin/python $(PIP) -e ".[dev]"
	$(VENV)-newest/bin/python -m pytest -n $(WORKERS)

# Renews constraints.txt: what pip takes today for every Python of pyproject.toml. Run `make test` after it.
constraints:
	$(PYTHON) -m venv --clear $(VENV)-constraints
	$(VENV)-constraints/bin/python $(PIP) --upgrade pip
	$(VENV)-constraints/bin/python .ci/versions.py newest > $(VENV)-constraints/new.txt
	mv $(VENV)-constraints/new.txt constraints.txt

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks

notebooks: $(VENV)/.ready
	$(BIN)/python notebooks/render.py $(NOTEBOOKS)
	$(BIN)/python notebooks/pictures.py

# The guide, the reference and all else to read, as one site: open build/docs/index.html.
docs: $(VENV)/.ready
	$(BIN)/python -m notebooks.website build/docs

# The full counts of random books; `make test` runs a tenth of each.
fuzz: $(VENV)/.ready
	ADL_OPT_FUZZ=1 $(BIN)/python -m pytest -n $(WORKERS) -m "fuzz"

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-newest $(VENV)-constraints demo.png build dist
