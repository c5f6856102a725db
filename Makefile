# Everything a person needs: `make demo` and `make test`. `make help` lists the rest.
# Needs python3 (3.11 or newer), python3-venv, ca-certificates, make and the package registries.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed
DOCS := $(abspath .build/docs)
SECONDS_TO_FUZZ ?= 600

# pip resolves `coverage[toml]` on its own: pinned without its extra, the lock breaks the day a newer release appears.
LOCK_OPTIONS := --quiet --upgrade --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help env peers check test fuzz bench demo docs install lock clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

env: $(STAMP)  ## make .venv from the locked requirements, compiled
	@# Explicit, because PYTHONDONTWRITEBYTECODE may be set; only what changed is compiled.
	@# A file that does not compile is the tests' business, not the environment's.
	@$(RUN) -m compileall -q src || true

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("expected Python 3.11 or newer, got " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Making $(VENV) from the locked requirements: a minute or two, the first time only."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-compile --only-binary :all: --require-hashes -r requirements/dev.txt
	$(PIP) --no-index --no-build-isolation --no-deps --editable .
	@# venv's own setuptools would put an import into every start.
	@$(RUN) -m pip uninstall --quiet --disable-pip-version-check --yes setuptools 2> /dev/null || true
	@# Uncompiled, urllib3 and cryptography.x509 alone cost 80 ms more at every start.
	@# On all cores where the machine has shared memory for that.
	@$(RUN) -m compileall -q -j 0 $(VENV)/lib 2> /dev/null || $(RUN) -m compileall -q $(VENV)/lib
	@touch $@

peers: env  ## fetch the programs that the tests compare us with into .peers
	@$(RUN) -m tools.fetch_peers

check: env  ## lint, types and architecture only
	@$(RUN) -m tools.run_tests --checks-only

test: peers  ## everything: lint, types, architecture, tests, coverage
	@$(RUN) -m tools.run_tests

fuzz: env  ## the long fuzzing run (SECONDS_TO_FUZZ for each target)
	$(RUN) tests/fuzz/run.py --seconds $(SECONDS_TO_FUZZ)

bench: peers  ## measure against cosign and skopeo on this machine (BENCH=--write renews docs/benchmarks.md)
	@$(RUN) -m bench.run $(BENCH)
	@$(RUN) -m bench.signing $(BENCH)
	@$(RUN) -m bench.plugin $(BENCH)
	@$(RUN) -m bench.countersigning $(BENCH)

demo: env  ## a whole supply chain on this machine: sign, verify, refuse, and a stock client that enforces it
	@$(RUN) -m demo.run

docs: env  ## the man page, made from the command itself
	@# argparse-manpage has no wheel: the locked setuptools builds it, beside the environment, which stays lean.
	@$(PIP) --target $(DOCS) --upgrade --only-binary :all: --require-hashes -r requirements/docs-build.txt
	@PYTHONPATH=$(DOCS) $(PIP) --target $(DOCS) --upgrade --no-build-isolation --require-hashes -r requirements/docs.txt
	@mkdir -p man
	PYTHONPATH=$(DOCS):. $(DOCS)/bin/argparse-manpage --module tools.cli_help --function manual \
		--prog vouchsafe --project-name vouchsafe --manual-title "User Commands" \
		--description "was this container image signed by the pipeline you trust?" \
		--include docs/vouchsafe.1.include --output man/vouchsafe.1

install:  ## put units, account and folders where a package has them, below DESTDIR (deploy/layout)
	@grep -v '^#' deploy/layout | while read -r mode source target; do install -D -m "$$mode" "$$source" "$(DESTDIR)$$target"; done

lock:  ## pin every dependency anew, with hashes, for Python 3.11 to 3.14
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(VENV)/lock/bin/uv pip compile $(LOCK_OPTIONS) pyproject.toml --output-file requirements/run.txt
	$(VENV)/lock/bin/uv pip compile $(LOCK_OPTIONS) pyproject.toml --extra serve --output-file requirements/serve.txt
	$(VENV)/lock/bin/uv pip compile $(LOCK_OPTIONS) pyproject.toml --extra serve --group dev --output-file requirements/dev.txt
	$(VENV)/lock/bin/uv pip compile $(LOCK_OPTIONS) --group docs --output-file requirements/docs.txt
	$(VENV)/lock/bin/uv pip compile $(LOCK_OPTIONS) --group docs-build --output-file requirements/docs-build.txt
	$(VENV)/lock/bin/uv pip compile $(LOCK_OPTIONS) --group lock --output-file requirements/lock.txt

clean:  ## remove what was made here
	rm -rf $(VENV) .peers .build man dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.*
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +
