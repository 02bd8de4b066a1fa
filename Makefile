# Everything runs in .venv/; `make help` lists the targets. Needs git, make, bash, python3 >= 3.11.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Every target here uses all cores by itself.
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
MU := $(BIN)/python -m mu
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
ARGS ?=
DIR ?=
SEED ?=

EXPERIMENTS := $(basename $(notdir $(wildcard configs/experiment/*.yaml)))
BENCHMARKS := $(wildcard experiments/benchmarks/*.py)

.PHONY: help demo test fuzz matrix faults lint dev experiments benchmarks report docs clean $(EXPERIMENTS)

help: ## this list
	@echo "make TARGET [ARGS='key=value ...']"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "One target for each experiment of configs/experiment/:"
	@for file in configs/experiment/*.yaml; do \
		name=$$(basename "$$file" .yaml); \
		text=$$(sed -n '1s/^# *//p' "$$file"); \
		printf '  %-16s%s\n' "$$name" "$${text#"$$name": }"; \
	done

demo: $(VENV)/installed ## install what is needed, run the quickstart, print its table
	@$(MU) run experiment=quickstart $(ARGS)

$(EXPERIMENTS): $(VENV)/installed
	@$(MU) run experiment=$@ $(ARGS)

experiments: $(VENV)/installed ## every experiment, one after the other; a failed one stops none
	@$(MAKE) --no-print-directory --keep-going $(EXPERIMENTS)

# A worker takes tests that stand together, so what a module shares is made once; one thread each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test: $(VENV)/installed-dev ## the tests; ARGS go to pytest
	@$(PYTEST) $(ARGS)

fuzz: $(VENV)/installed-dev ## the property tests on more and fresh examples, or on those of SEED=...
	@seed=$(or $(SEED),$$RANDOM); \
	again="to draw the same examples again: make fuzz SEED=$$seed ARGS='-k NAME'"; \
	echo "$$again"; \
	$(PYTEST) -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$seed --timeout 3600 $(ARGS) \
		|| { echo "$$again"; exit 1; }

matrix: $(VENV)/installed-dev ## methods on models, loaders and graphs of every kind, one number
	@PYTHONPATH="$(CURDIR)/tests" OMP_NUM_THREADS=1 $(BIN)/python -m matrix $(ARGS)

faults: $(VENV)/installed-dev ## failing disks, killed runs, hostile archives and fuzz (SEED=...), with figures
	@PYTHONPATH="$(CURDIR)/tests" OMP_NUM_THREADS=1 $(BIN)/python -m faults $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: $(VENV)/installed-dev ## ruff (rules and format) and mypy
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

dev: $(VENV)/installed-dev ## only make the environment of test and lint

benchmarks: $(VENV)/installed ## every script of experiments/benchmarks/
	@$(if $(BENCHMARKS),,echo "there is no script in experiments/benchmarks/")
	@for script in $(BENCHMARKS); do \
		echo "== $$script"; \
		OMP_NUM_THREADS=1 $(BIN)/python "$$script" $(ARGS); \
	done

report: $(VENV)/installed ## tables and page of DIR=..., or of the latest results/*, written anew
	@folder="$(DIR)"; \
	if [ -z "$$folder" ]; then \
		latest=$$(ls -t results/*/results.json 2>/dev/null | head -n 1 || true); \
		if [ -z "$$latest" ]; then \
			echo "there are no results yet: run 'make demo', or name a folder: make report DIR=..." >&2; \
			exit 2; \
		fi; \
		folder=$$(dirname "$$latest"); \
	fi; \
	$(MU) report "$$folder" && echo "report: $$folder/report.html"

docs: $(VENV)/installed-docs ## the generated parts of all pages, the kept tables, and the site in build/site
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/website.py

clean: ## build leftovers and caches; .venv, the store .mu and results stay
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find mu tests experiments docs -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/made:
	@for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$python; break; \
		fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
		echo "mu needs Python 3.11 or newer; tried: $(PYTHONS). Name one: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$found cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv $(VENV) && touch $@

# Of pip's output only what says that something happens; its errors come through as they are.
define INSTALL
	@echo "Installing into $(VENV); the first time takes a few minutes and several GB (torch)."
	@set -o pipefail; $(BIN)/python -m pip install --progress-bar off --disable-pip-version-check -e $(1) \
	| while IFS= read -r line; do \
		case "$$line" in \
			*Downloading*" MB)" | *"Using cached "*" MB)") \
				line="$${line#"$${line%%[! ]*}"}"; line="$${line/-cp*.whl/}"; echo "  $${line/-py*.whl/}" ;; \
			"Installing collected packages"*) echo "  Installing the packages" ;; \
		esac; \
	done
endef

$(VENV)/installed: pyproject.toml | $(VENV)/made
	$(call INSTALL,.)
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/made
	$(call INSTALL,'.[dev]')
	@touch $(VENV)/installed $@

$(VENV)/installed-docs: pyproject.toml | $(VENV)/made
	$(call INSTALL,'.[docs]')
	@touch $(VENV)/installed $@
