# make search   a small search on real data, from nothing
# make test     every check and test, from nothing
# make test-long  the slow tests: a hundred kills (SWAST_KILLS), 300 examples a property
# make fuzz     fresh random inputs for MINUTES=2; those that show a fault go to tests/fuzz/corpus
# make lint     the checks alone          make format   mend what can be mended
# make bench    benchmarks beside other tools: tables here, JSON in docs/bench (docs/performance.md)
# make clean    remove what these made (never a home with searches)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start a hundred processes: none but the first compiles what it imports.
export PYTHONDONTWRITEBYTECODE :=
READY := $(VENV)/.ready
COMPILED := $(VENV)/.compiled

.PHONY: search test test-long fuzz pytest lint format bench clean

search: $(READY)
	$(BIN)/swast-search --study digits --budget 20 --gpus 0

test: $(READY)
	$(MAKE) --no-print-directory --jobs 2 lint pytest

# Three at a time on two cores: whole commands mostly wait for their processes to start.
pytest: $(COMPILED)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-long: $(COMPILED)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --timeout 900 \
	  -m "long or hypothesis" --hypothesis-profile long

MINUTES ?= 2
fuzz: $(COMPILED)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m bench.selection --json docs/bench/selection.json
	$(BIN)/python -m bench.loop --json docs/bench/loop.json
	$(BIN)/python -m bench.calibration --json docs/bench/calibration.json
	$(BIN)/python -m bench.scaling --json docs/bench/scaling.json
	$(BIN)/python -m bench.trials --marks 100 1000 3000 --json docs/bench/trials.json
	$(BIN)/python -m bench.overhead --arms optuna --concurrent 1 --json docs/bench/overhead.json
	$(BIN)/python -m bench.overhead --arms stock loop --trials 30 --repeats 1 \
	  --json docs/bench/overhead_stock.json
	rm -f $(VENV)/replays.jsonl
	$(BIN)/python -m bench.search --out $(VENV)/replays.jsonl --seeds 1 --workers 4 --processes 2

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[test]"
	touch $@

# One process compiles what tests import, before three would each compile all of it.
$(COMPILED): $(READY)
	-$(BIN)/python -m pytest --collect-only -qqq >/dev/null
	touch $@
