# Two commands set up everything on a machine that has Python >= 3.11, git and make:
# `make demo` (what this project does) and `make test` (whether it does it).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
INSTALL_TRIES_MAX := 4
RETRY_WAIT_SECONDS := 5
# Tests run side by side, two where there are two cores; WORKERS=0 runs them one after the other.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); echo $$((n > 4 ? 4 : n > 1 ? n : 0)))

# The lock files hold hashes and no addresses: any index that serves the same bytes will do.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
COMPILE := env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# $(call retry,COMMAND): an index that can't be reached for a moment must not fail a build
define retry
	@n=1; until $(1); do \
		if [ $$n -ge $(INSTALL_TRIES_MAX) ]; then echo "gave up after $$n tries: $(1)" >&2; exit 1; fi; \
		echo "try $$n failed, again in $$((n * $(RETRY_WAIT_SECONDS))) s" >&2; \
		sleep $$((n * $(RETRY_WAIT_SECONDS))); n=$$((n + 1)); \
	done
endef

.PHONY: help
help: ## show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/.runtime ## import the shipped real history and show which changes broke production
	$(BIN)/aftermerge demo $(ARGS)

.PHONY: demo-web
demo-web: $(VENV)/.runtime ## the same in a browser, beside a made-up organisation, until Ctrl-C
	$(BIN)/aftermerge demo --web $(ARGS)

.PHONY: examples
examples: $(VENV)/.dev ## fetch what some tests need into the user's cache: GitHub's payloads and Grafana's schema (npm), Kafka, a registry and JDBC (Maven)
	@$(BIN)/python -m tests.sources.github_examples
	@$(BIN)/python -m tests.grafana.published
	@$(BIN)/python -m tests.kafka.artifacts

.PHONY: test
test: check examples ## what a change has to pass: `make check`, then every test that takes no minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not nightly and not long" $(TESTS) $(ARGS)

.PHONY: long
long: $(VENV)/.dev examples ## the tests that `make test` leaves out, but for the nightly ones: clusters that break, many processes
	$(BIN)/python -m pytest -m "long and not nightly" $(TESTS) $(ARGS)

.PHONY: generate
generate: $(VENV)/.dev ## write Grafana's dashboards and alert rules anew from the panels (pipeline/panels)
	$(BIN)/python -m grafana.build $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.dev ## take the pictures of docs/pictures anew from the demo (needs Chromium)
	$(BIN)/python -m tests.pages.screenshots

.PHONY: check
check: $(VENV)/.dev ## style, types and the rules of the house (ruff, mypy --strict, imports, words)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py tests/test_words.py

.PHONY: nightly
nightly: $(VENV)/.dev examples ## the tests that take minutes, and a harder search by Hypothesis
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest $(TESTS) $(ARGS)

.PHONY: format
format: $(VENV)/.dev ## let ruff lay out the code and repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/.dev ## measure speed and memory on this machine (benchmarks/)
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: wheel
wheel: $(VENV)/.dev ## build dist/aftermerge-*.whl, which runs alone
	$(BIN)/hatchling build -t wheel -d dist

COMPILED = attribution baselines board building candidates catalogue change_index changelog changes checks circumstances \
	delivery delivery_rows agenda entities evidence grouping incident_rows incidents investigation kernel lanes \
	linking periods references register reverts risk rows tally timeline workspace

.PHONY: compile
compile: $(VENV)/.dev ## compile the core with mypyc, in place (needs a C compiler); `make uncompile` takes it back
	$(MAKE) uncompile
	mkdir -p build/compiled && cp -R pipeline build/compiled/
	cd build/compiled && $(CURDIR)/$(BIN)/mypyc --config-file $(CURDIR)/pyproject.toml \
		$(COMPILED:%=pipeline/core/%.py) > compile.log 2>&1 || { tail -20 compile.log; exit 1; }
	cp build/compiled/pipeline/core/*.so pipeline/core/ && cp build/compiled/*__mypyc*.so .

.PHONY: uncompile
uncompile: ## go back to the core as it is written
	rm -rf build/compiled pipeline/core/*.so *__mypyc*.so

.PHONY: lock
lock: ## write requirements/*.txt anew from pyproject.toml (LOCK_ARGS=--upgrade takes newer versions)
	@test -x $(BIN)/uv || $(MAKE) $(VENV)/.dev
	$(COMPILE) $(LOCK_ARGS) --extra dev -o requirements/dev.txt pyproject.toml requirements/build.in
	$(COMPILE) -c requirements/dev.txt -o requirements/runtime.txt pyproject.toml
	$(COMPILE) -c requirements/dev.txt -o requirements/build.txt requirements/build.in

.PHONY: clean
clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find pipeline tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. The runtime part is enough for the demo; the development part contains it.

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) -V), but Python 3.11 or newer is needed: install one, then say make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "$(PYTHON) has no venv module: install it (Debian and Ubuntu: the package python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "installing what Aftermerge needs into $(VENV)"
	$(call retry,$(PIP_INSTALL) --require-hashes -r requirements/runtime.txt -r requirements/build.txt)
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "installing what its tests need into $(VENV)"
	$(call retry,$(PIP_INSTALL) --require-hashes -r requirements/dev.txt)
	@touch $@
