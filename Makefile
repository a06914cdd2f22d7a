# The front door: `make demo`, `make test`. Everything lives in .venv; the machine needs Python >= 3.11, git and make.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
TRYTON := .tryton
TRYTON_READY := $(TRYTON)/.ready
LOCKS := requirements/build.txt requirements/dev.txt
JARS := services/runtime/embedded/kafka-jars.lock
PYTEST_ARGS ?=
LOCK_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup tryton demo demo-crm test months bench lint lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the locked versions (done once, and again when they change)

tryton: $(TRYTON_READY) ## make .tryton, the simulated company's CRM in an environment of its own

demo: setup ## the whole system on a real Kafka with simulated people, in about two minutes
	@$(VENV)/bin/baton demo

demo-crm: setup tryton ## the same with a sales team that works in a real CRM, and a check of both sides
	@$(VENV)/bin/baton demo --crm --people 500 --seconds 80

test: setup tryton ## the whole test suite, on a real Kafka and a real CRM too (PYTEST_ARGS="-k router")
	@$(VENV)/bin/pytest $(PYTEST_ARGS)

months: setup ## a thousand months of a company in memory: every rule of a handoff, every time (an hour)
	@$(VENV)/bin/python -m tests.month 1000 --workers 2

bench: setup tryton ## throughput and latency, side by side with other engines
	@$(VENV)/bin/python -m bench

lint: setup ## ruff and mypy
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

lock: ## write requirements/*.txt anew (LOCK_ARGS=--upgrade for newer versions)
	@PYTHON="$(PYTHON)" sh requirements/lock.sh $(LOCK_ARGS)

$(READY): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Baton needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing)" \
	    "- install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "setting up $(VENV), once; what is not in a cache yet is downloaded:"
	@sed -n 's/^# download: /  Python packages: /p' requirements/dev.txt
	@awk '!/^#/ { files++; bytes += $$2 } END { printf "  Apache Kafka, when it first starts: %d files, %.0f MB\n", files, bytes / 1e6 }' $(JARS)
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) can't make a virtual environment - on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@$(VENV)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes \
	  $(addprefix -r ,$(LOCKS))
	@$(VENV)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Tryton is GPL-3: no code of ours is installed beside it, none of it beside ours; they talk over the wire
$(TRYTON_READY): requirements/tryton.txt | $(READY)
	@echo "setting up $(TRYTON), the CRM of tests and demo, once; what is not in a cache yet is downloaded:"
	@sed -n 's/^# download: /  Python packages: /p' requirements/tryton.txt
	@$(PYTHON) -m venv --clear $(TRYTON)
	@$(TRYTON)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes \
	  --only-binary :all: -r requirements/tryton.txt
	@touch $@
