# Targets for developers and CI; `make test` is all a newcomer needs.

PYTHON ?= python3
BIN := .venv/bin
PYTHON27 := $(shell PYENV_VERSION=2.7.18 python2.7 -c 'import sys; print(sys.executable)' 2>/dev/null)
RUN27 := PYTHONPATH=$(CURDIR)/.py27 MPLBACKEND=Agg OPENBLAS_NUM_THREADS=1 $(PYTHON27)

.PHONY: install demo test lint interop bench fixtures dist clean

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

# Convert the fixtures and show what a user wants to see.
demo: install
	rm -rf build/demo && mkdir -p build/demo
	for model in fixtures/models/*; do \
		$(BIN)/pyrnn2hdf5 convert $$model -o build/demo/$$(basename $$model).hdf5 || exit 1; \
	done
	$(BIN)/pyrnn2hdf5 verify fixtures/models build/demo
	@ls -l build/demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest --cov --cov-report=term

# The real kraken 0.5.0 under Python 2.7 reads what we write, and writes the same.
interop: install .py27/installed
	PYRNN2HDF5=$(CURDIR)/$(BIN)/pyrnn2hdf5 $(RUN27) tests/interop/kraken_py27.py

# Ratios to the real peers, measured in turn; needs Python 2.7.18 for most of them.
bench: install .py27/installed
	PYTHON27=$(PYTHON27) $(BIN)/python -m tests.benchmarks.bench

.py27/installed: fixtures/requirements-py27.txt
	test -n '$(PYTHON27)' # needs Python 2.7.18
	$(PYTHON27) -m pip install --quiet --disable-pip-version-check --no-deps --target .py27 --upgrade -r $<
	touch $@

# Train and pickle the fixtures again with the real ocropy (about ten minutes).
fixtures: .py27/installed
	$(RUN27) fixtures/make.py

dist: install
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf .venv .py27 build dist .coverage*
