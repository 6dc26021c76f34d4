# Everything that one does with this checkout. `make` alone lists it.
#
# The ports below can be given on the command line or by the environment:
#   make run FUNCTIONS_PORT=7171 · make run PORTS=auto · make run MEMORY=1
# Logic of more than a line lives in scripts/ and emulators/stack/, where it is tested.

PY := .venv/bin/python
# Test workers: one per core, and no more than four stacks at once.
WORKERS ?= auto
PYTEST := $(PY) -m pytest -n $(WORKERS) --maxprocesses=4 --dist loadscope
STACK := $(PY) -m emulators.stack $(if $(PORTS),--ports $(PORTS)) \
         $(if $(filter-out 0 no false,$(MEMORY)),--memory)

export FUNCTIONS_PORT WEB_PUBSUB_PORT SERVICE_BUS_PORT MAIL_PORT MAIL_SMTP_PORT \
       AZURITE_BLOB_PORT AZURITE_QUEUE_PORT AZURITE_TABLE_PORT

.DEFAULT_GOAL := help
.PHONY: help setup run reset demo bench test test-long lint format types imports check-app \
        contracts unit contract integration e2e security

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv and node_modules; does nothing when they are up to date
	@scripts/setup.sh

run: setup ## Start the whole stack; Ctrl-C stops it (PORTS=auto, MEMORY=1, FUNCTIONS_PORT=...)
	@$(STACK)

reset: ## Forget all local state (.local/), unless a stack of it is running
	@scripts/reset.sh

demo: setup ## Two users chat on the running stack, with a transcript
	@$(PY) -m bench.demo

bench: setup ## Measure the running stack
	@$(PY) -m bench

test: setup lint types imports check-app ## All that CI checks
	@$(PYTEST) -m "not long" tests

test-long: setup ## The tests that take minutes
	@$(PYTEST) -m long --timeout 1800 tests

lint: setup ## Style: ruff check and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: setup ## Repair what ruff can repair
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

types: setup ## mypy, strict
	@$(PY) -m mypy

imports: setup ## Who may import whom
	@$(PY) .venv/bin/lint-imports

check-app: setup ## Whether Azure would take this project (azure-functions-doctor)
	@$(PY) .venv/bin/azure-functions-doctor doctor --path . --profile deploy

contracts: setup ## Publish compatible event schemas, write docs/events.md
	@$(PY) -m scripts.contracts

unit: setup ## Unit tests: no sockets
	@$(PYTEST) -m "not long" tests/unit

contract: setup ## Contract tests: schemas, samples, bindings
	@$(PYTEST) -m "not long" tests/contract

integration: setup ## Integration tests: real processes, Azurite
	@$(PYTEST) -m "not long" tests/integration

e2e: setup ## End-to-end tests: a whole stack per test worker
	@$(PYTEST) -m "not long" tests/e2e

security: setup ## Attacks on a running stack, over HTTP
	@$(PYTEST) -m "not long" tests/security
