# One verb per job. `run` and `test` do all set-up on a fresh machine by themselves.
# ARGS is handed on:  make run ARGS="journey --json"   make test ARGS="-k wallet"

ifeq ($(OS),Windows_NT)
  PYTHON ?= py -3
  BIN := .venv/Scripts
else
  PYTHON ?= python3
  BIN := .venv/bin
endif
PY := $(BIN)/python

.DEFAULT_GOAL := run
.PHONY: run test bench check serve build lock clean setup lint types imports drift coverage simulate

run: setup
	$(PY) -m app $(ARGS)

test: setup
	$(PY) -m pytest $(ARGS)

bench: setup
	$(PY) -m tests.benchmarks $(ARGS)

# Every branch of the money rules, by their own tests.
coverage: setup
	$(PY) -m pytest tests/domain -q -p no:randomly --cov=services.domain --cov=services.api.money --cov-branch \
		--cov-report=term-missing:skip-covered --cov-fail-under=100

# Random months of life on the real services, every rule checked after each.  make simulate SEEDS=200
SEEDS ?= 20
simulate: setup
	$(PY) -m app simulate --seeds $(SEEDS) $(ARGS)

serve: setup
	$(PY) -m app serve $(ARGS)

check: lint types imports drift

build: setup
	$(PY) -m PyInstaller --noconfirm --clean --log-level WARN build.spec

# Newest versions that are at least a week old (a poisoned release is mostly found by then).
lock: setup
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile --quiet --system-certs --upgrade --universal --generate-hashes --no-emit-index-url --no-strip-extras --python-version 3.11 \
		--extra server --extra dev --exclude-newer "1 week" --custom-compile-command "make lock" \
		pyproject.toml -o requirements.lock

clean:
	$(PYTHON) .ci/setup.py --clean

setup:
	@$(PYTHON) .ci/setup.py

lint: setup
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: setup
	$(PY) -m mypy

imports: setup
	$(BIN)/lint-imports

drift: setup
	$(PY) -m services.db.migrate check
