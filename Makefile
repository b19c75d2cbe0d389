# Every target sets up what it needs. Nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup setup-dev demo test check fix bench docs clean

setup: $(VENV)/.ready-core
setup-dev: $(VENV)/.ready-dev

$(VENV)/.ready-core: requirements/core.lock pyproject.toml
	@sh tools/venv.sh $(PYTHON) $(VENV) core

$(VENV)/.ready-dev: requirements/dev.lock pyproject.toml
	@sh tools/venv.sh $(PYTHON) $(VENV) dev

demo: setup-dev
	@$(BIN)/opsbook demo $(DEMO)

test: setup-dev
	@$(BIN)/pytest -n 2 --dist loadgroup

check: setup-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/generated.py --check

fix: setup-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup-dev
	@$(BIN)/python tools/generated.py --write

bench: setup-dev
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache
