# Targets for developers and CI; `make test` is all a newcomer needs.

PYTHON ?= python3
BIN := .venv/bin
PYTHON27 := $(shell PYENV_VERSION=2.7.18 python2.7 -c 'import sys; print(sys.executable)' 2>/dev/null)
RUN07 := PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python .venv-kraken07/bin/python -W ignore
RUN27 := PYTHONPATH=$(CURDIR)/.py27 MPLBACKEND=Agg OPENBLAS_NUM_THREADS=1 $(PYTHON27)

# The Python of a minor version such as 3.12, from pyenv or the path; nothing where there is none.
python_of = $(shell PYENV_VERSION=$(1) python$(1) -c 'import sys; print(sys.executable)' 2>/dev/null)
PYTHONS ?= 3.10 3.11 3.12 3.13
PYTHONS_HERE = $(foreach version,$(PYTHONS),$(if $(call python_of,$(version)),$(version)))
SECONDS ?= 60

.PHONY: install demo test lint hostile package lowest fuzz interop interop-pronn kraken7 javascript bench fixtures pictures dist clean

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
	# Some tests change their folder, and look for what a run leaves there.
	COVERAGE_FILE=$(CURDIR)/.coverage $(BIN)/pytest --cov --cov-report=term --ignore tests/hostile
	# Without coverage, which leaves a file for each of its thousands of processes.
	$(BIN)/pytest -q tests/hostile

# The corpus of hostile files on every Python that is here; `make -j2 hostile` runs two at a time.
hostile: $(PYTHONS_HERE:%=hostile-%)

hostile-%: .venv-%/installed
	.venv-$*/bin/python -m pytest -q -p no:cacheprovider tests/hostile

# The wheel and the source distribution as a stranger gets them, on every Python that is here.
package: dist/built $(PYTHONS_HERE:%=package-%)
	$(BIN)/python tests/packaging/check.py dist

package-%: .venv-%/installed
	.venv-$*/bin/python tests/packaging/check.py installed .venv-$*/bin/python

.PRECIOUS: .venv-%/installed
.venv-%/installed: dist/built
	$(call python_of,$*) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-$*/bin/python -m pip install --quiet "$$(ls dist/*.whl)[ocr]" --group test
	touch $@

# The lowest versions that pyproject.toml allows, on the lowest Python; old click warns of itself.
lowest: install
	$(call python_of,3.10) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python tests/packaging/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --editable . --group test --constraint .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pytest -q -p no:cacheprovider -W ignore::DeprecationWarning -m 'not real' --ignore tests/hostile

# Mutate the fixtures and read what comes out, each target for SECONDS; fails on any finding.
fuzz: install
	$(BIN)/python -m tests.fuzz.fuzz_pickle $(SECONDS)
	$(BIN)/python -m tests.fuzz.fuzz_hdf5 $(SECONDS)
	$(BIN)/python -m tests.fuzz.fuzz_protobuf pronn $(SECONDS)
	$(BIN)/python -m tests.fuzz.fuzz_protobuf onnx $(SECONDS)
	$(BIN)/python -m tests.fuzz.fuzz_images $(SECONDS)

# The real kraken 0.5.0 under Python 2.7 reads what we write, and writes the same.
interop: install .py27/installed $(if $(call python_of,3.11),interop-pronn)
	PYRNN2HDF5=$(CURDIR)/$(BIN)/pyrnn2hdf5 $(RUN27) tests/interop/kraken_py27.py

# The real kraken 0.7.2 under Python 3.11 reads and writes pronn as we read it.
interop-pronn: .venv-kraken07/installed
	$(RUN07) tests/interop/kraken_pronn.py

.venv-kraken07/installed: fixtures/requirements-pronn.txt pyproject.toml
	test -n '$(call python_of,3.11)' # needs Python 3.11
	$(call python_of,3.11) -m venv .venv-kraken07
	.venv-kraken07/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-kraken07/bin/python -m pip install --quiet --editable '.[ocr]'
	.venv-kraken07/bin/python -m pip install --quiet --no-deps -r $<
	touch $@

# kraken of today with this package beside it, through its own command line; 6 GB and some minutes a version.
kraken7: .venv-kraken-7.1.1/installed .venv-kraken-7.0/installed
	.venv-kraken-7.1.1/bin/python -m pytest -q -p no:cacheprovider tests/kraken7
	.venv-kraken-7.0/bin/python -m pytest -q -p no:cacheprovider tests/kraken7

.venv-kraken-%/installed: pyproject.toml
	$(call python_of,$(firstword $(filter 3.11,$(PYTHONS_HERE)) $(PYTHONS_HERE))) -m venv .venv-kraken-$*
	.venv-kraken-$*/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-kraken-$*/bin/python -m pip install --quiet --editable '.[kraken]' kraken==$* --group test
	touch $@

# The example of docs/onnx.md under Node.
javascript: install build/javascript/installed
	$(BIN)/python -m pytest -q -p no:cacheprovider -k javascript tests/documents

build/javascript/installed: Makefile
	npm install --no-audit --no-fund --ignore-scripts --prefix build/javascript onnxruntime-web@1.30
	touch $@

# Ratios to the real peers, measured in turn; needs Python 2.7.18 for most of them.
bench: install .py27/installed
	PYTHON27=$(PYTHON27) $(BIN)/python -m tests.benchmarks.bench

.py27/installed: fixtures/requirements-py27.txt
	test -n '$(PYTHON27)' # needs Python 2.7.18
	$(PYTHON27) -m pip install --quiet --disable-pip-version-check --no-deps --target .py27 --upgrade -r $<
	touch $@

# Train and pickle the fixtures again with the real ocropy (about ten minutes), and let kraken 0.7.2 write its pronn.
fixtures: .py27/installed .venv-kraken07/installed
	$(RUN27) fixtures/make.py
	$(RUN07) tests/interop/kraken_pronn.py fixtures/pronn/digits.pronn

# The pictures of the documents.
pictures: install
	$(BIN)/python docs/draw_formats.py
	$(BIN)/pyrnn2hdf5 show fixtures/models/digits-00004000.pyrnn.gz --svg docs/show.svg

dist: dist/built

dist/built: .venv/installed $(shell find pyrnn2hdf5 -name '*.py') $(wildcard *.md)
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist .
	touch $@

clean:
	rm -rf .venv .venv-* .py27 build dist .coverage*
