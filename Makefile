# Everything here needs only python3 (3.11 or newer) and make; the first target that needs it creates .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# With --no-compile the environment is ready sooner, and a module's bytecode is written when it is first imported.
PIP_OPTIONS ?=
# Images of containers often set this. Then each process that a test starts compiles all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo wheel test test-fast test-long test-device fuzz lint docs clean help

help:
	@echo "make demo    train, export, quantize, bench and predict, under build/demo (2 to 3 minutes)"
	@echo "make wheel   build the package in dist: what 'pip install edgecnn' installs, the same bytes each time"
	@echo "make test    run the tests (about 10 minutes on 2 cores)"
	@echo "make test-fast  run the tests that need no TensorFlow, browser or emulator (less than a minute)"
	@echo "make test-long  run what make test leaves out: hostile files and models, kills, photographed sheets"
	@echo "make test-device  run the tests on an emulated Raspberry Pi 4 and 5, all 10,000 test images too (an hour; root on Debian)"
	@echo "make fuzz    give damaged files to all that reads files, for MINUTES=10"
	@echo "make lint    ruff, mypy --strict, import-linter"
	@echo "make docs    renew the tables in README.md and docs/, and build the site in build/site"
	@echo "make clean   remove .venv and build"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -c constraints.txt -e '.[train,dev]'
	# The converter for ncnn is a program; what its package asks for, PyTorch, it does not need.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -c constraints.txt --no-deps pnnx
	@touch $@

demo: $(READY)
	@rm -rf build/demo
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh build/demo

DIST ?= dist
# Files carry one fixed date, not that of the day or of a packager's own variable.
wheel: $(READY)
	env -u SOURCE_DATE_EPOCH $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(DIST) .

test: $(READY)
	$(BIN)/python -m pytest

test-fast: $(READY)
	$(BIN)/python -m pytest -m "not (slow or tensorflow or browser or emulator)"

test-long: $(READY)
	$(BIN)/python -m pytest -m long

# Two processes share the tests one by one, since most of the time is spent in one file.
test-device: $(READY)
	$(BIN)/python -m benchmarks emulator
	$(BIN)/python -m pytest -m emulator --numprocesses=2 --dist=load

MINUTES ?= 10
fuzz: $(READY)
	$(BIN)/python -m benchmarks fuzz --minutes $(MINUTES)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

# NO_MKDOCS_2_WARNING: the theme's note on its own future is nothing to do with these pages.
docs: $(READY)
	$(BIN)/python -m benchmarks docs --tables
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --config-file docs/site/mkdocs.yml
	@echo "open build/site/index.html in a browser"

clean:
	rm -rf $(VENV) build dist
