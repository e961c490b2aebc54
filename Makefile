.DEFAULT_GOAL := help
# Tests wait for servers and for heartbeats most of the time: three processes keep two cores busy.
WORKERS = 3
SIZE = $(if $(LARGE),SLIPWAY_RELIABILITY=large)
.PHONY: help setup demo test bench reliability mutants lint schema docs screenshots lock clean

help: ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

setup: ## install what is missing (root on Debian or Ubuntu: by itself)
	@deployments/setup

demo: setup ## release a sample app to ten customers on real servers; ONCE=1 ends by itself
	@.venv/bin/slipway demo

test: setup ## all tests, on real servers; WORKERS=1 one after the other
	@.venv/bin/python -m deployments.with_docker .venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup ## how long things take, each beside the raw tool
	@.venv/bin/python -m deployments.with_docker .venv/bin/python -m tests.bench

reliability: setup ## what must hold when everything fails, as figures; LARGE=1 takes the numbers of a release
	@$(SIZE) .venv/bin/python -m tests.reliability $(ARGS)

mutants: setup ## deliberate faults in the code that writes; each must be caught by a test
	@.venv/bin/python -m tests.mutants $(ARGS)

lint: setup ## what the linter and the formatter say
	@.venv/bin/ruff check . && .venv/bin/ruff format --check --quiet .

schema: setup ## write deployments/release.schema.json anew
	@.venv/bin/slipway config schema > deployments/release.schema.json

docs: setup ## write the pages that are made from the code anew, and build the site into .site/
	@.venv/bin/python -m deployments.docs

screenshots: setup ## take every picture in docs/images anew, of the real thing
	@.venv/bin/python tests/deployments/dashboard/pictures.py
	@.venv/bin/python tests/tasks/reports/pictures.py
	@SLIPWAY_PICTURES=docs/images .venv/bin/python -m pytest tests/flows/test_approval.py

lock: ## write requirements.lock anew from pyproject.toml
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml -o requirements.lock

clean: setup ## remove the demo's world: repositories, databases, containers
	@.venv/bin/python -m deployments.with_docker .venv/bin/python -m deployments.demo.clean
