# Everything runs in .venv, made on first use; `make` alone lists the targets.

PYTHON ?= python3

# PyTorch comes first, so that its build is your choice. On Linux PyPI's build brings CUDA with it
# (several GB); the one for processors only is smaller and all that is needed here:
#   make demo TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
# Another CUDA build: the same with .../whl/cu126 and the like (https://pytorch.org/get-started).
TORCH ?= torch==2.13.0

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2

ADDON ?= out/home-assistant/wakeword

.PHONY: help demo docs test lint venv runtime-venv addon dist clean
.DEFAULT_GOAL := help

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/.voices ## Train, measure and listen on synthetic speech; report in out/demo.
	$(BIN)/wakeword demo

docs: .venv/.test ## Build the documentation in out/site; a warning is an error.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: lint ## Lint, types and all tests.
	$(BIN)/python -m pytest -n $(WORKERS)

lint: .venv/.test ## Style and types only.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

venv: .venv/.test ## The virtual environment with all that tests and demo need.

runtime-venv: ## A virtual environment in DIR that runs exported models, without PyTorch.
	@test -n "$(DIR)" || { echo "Say where: make runtime-venv DIR=~/wakeword-venv"; exit 2; }
	$(PYTHON) -m venv --upgrade-deps $(DIR)  # --group needs pip 25.1 or newer
	$(DIR)/bin/pip install --group runtime
	$(DIR)/bin/pip install --no-deps .

addon: ## The folder of the Home Assistant add-on, to copy to /addons; see ADDON.
	rm -rf $(ADDON)
	mkdir -p $(ADDON)/deploy
	cp -r pyproject.toml LICENSE wakeword deploy/home-assistant/. $(ADDON)
	cp deploy/run.py $(ADDON)/deploy
	sed 's/^ARG RUN_AS=.*/ARG RUN_AS=root/' deploy/Dockerfile > $(ADDON)/Dockerfile
	find $(ADDON) -name __pycache__ -prune -exec rm -r {} +

dist: .venv/.test ## Build sdist and wheel in dist/, for a package index, and check them.
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	$(BIN)/python -m pytest -q tests/test_distribution.py

clean: ## Remove the virtual environment, the demo's output and the site.
	rm -rf .venv dist out/demo out/site out/home-assistant

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/.torch: | $(BIN)/python
	$(PIP) install $(TORCH)
	touch $@

.venv/.demo: .venv/.torch pyproject.toml
	$(PIP) install -e ".[demo]"
	touch $@

.venv/.test: .venv/.torch pyproject.toml
	$(PIP) install -e ".[offline,demo,export,docs,test]"
	$(PIP) install --no-deps resemblyzer==0.1.4  # its weights alone, for --speakers
	touch $@

# The most natural voices of the demo are in no package that could be installed: 26 MB, fetched once.
.venv/.voices: .venv/.demo
	$(BIN)/python -c "from wakeword.tts.kokoro import fetch_kokoro_voices as fetch; print(fetch())"
	touch $@
