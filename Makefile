# The developer's front door. Every target sets up what it needs; only Python 3.11+ and make are assumed
# (the tests' Java, PostgreSQL, Node, Chromium and container registry are installed where they are missing).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NEPHO  := $(BIN)/nephoscope
# Microsoft's emulator of storage, for the tests of blobs
AZURITE := 3.35.0
# what looks for faults of accessibility in the pages
AXE := 4.14.1
# a certified OpenID provider, for the tests of signing in
OIDC := 9.13.3
# Microsoft's analyzer of KQL, for the comparison of types (engines/kql/tests/analyzer)
KUSTO := 12.4.1
# npm's order of versions, for the comparison with ours
SEMVER := 7.8.6
# the Azure CLI, for the tests of it against a server
AZ := 2.91.0
DEMO   := .nephoscope/demo
# four on two cores: tests wait for disks, browsers and other processes a third of their time; elsewhere than on Linux by xdist
WORKERS := $(if $(filter Linux,$(shell uname -s)),--workers 4,-n 4 --dist loadfile --no-loadscope-reorder)
# of the page that make demo ends in
PORT   ?= 8443
# the detections of the logs that the demo's attack leaves traces in
DEMO_RULES := $(foreach log,AADServicePrincipalSignInLogs AZKVAuditLogs AzureActivity StorageBlobLogs,--rules src/nephoscope/content/detections/$(log))

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-az setup-tools demo test test-all durations oracle check bench fix docs clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A virtual environment; Debian ships Python without venv, so the package is installed where it is missing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nephoscope needs Python 3.11 or newer: set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { apt-get update -q && apt-get install -y -q python3-venv; }
	@$(PYTHON) -m venv $(VENV)

# what the package is made of besides Python: the browser's libraries come with it (hatch_build.py)
BUILD := pyproject.toml engines/kql/pyproject.toml engines/policy/pyproject.toml hatch_build.py package.json package-lock.json $(wildcard src/nephoscope/web/libraries/*.js)

$(VENV)/.installed: $(BUILD) | $(BIN)/python
	@echo "setting up $(VENV) (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e engines/kql -e engines/policy -e .
	@touch $@

$(VENV)/.installed-dev: $(BUILD) | $(BIN)/python
	@lacking=$$( \
	  command -v java >/dev/null || echo default-jre-headless; \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || echo postgresql; \
	  command -v systemd-analyze >/dev/null || echo systemd; \
	  command -v npm >/dev/null || echo nodejs npm ca-certificates; \
	  { command -v docker-registry && command -v skopeo; } >/dev/null || echo docker-registry skopeo; \
	  { command -v nft && command -v ip; } >/dev/null || echo nftables iproute2; \
	  command -v chromium-headless-shell >/dev/null || echo chromium-headless-shell fonts-liberation); \
	[ -z "$$lacking" ] || { apt-get update -q && apt-get install -y -q --no-install-recommends $$lacking; } \
	  || { [ "$$lacking" = "chromium-headless-shell fonts-liberation" ] && { command -v chromium || command -v chromium-browser; } >/dev/null; }
	@echo "setting up $(VENV) with the development tools (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e engines/kql -e engines/policy -e '.[dev]'
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(VENV)/node azurite@$(AZURITE) axe-core@$(AXE) oidc-provider@$(OIDC) @kusto/language-service-next@$(KUSTO) semver@$(SEMVER)
	@touch $@ $(VENV)/.installed

setup: $(VENV)/.installed  ## make the virtual environment
setup-dev: $(VENV)/.installed-dev  ## the same with test and build tools

# The Azure CLI wants other versions of what we use: an environment of its own (730 MB).
$(VENV)/.installed-az: | $(BIN)/python
	@echo "setting up the Azure CLI in $(VENV)/az (once)"
	@$(BIN)/python -m venv $(VENV)/az
	@$(VENV)/az/bin/python -m pip install -q --disable-pip-version-check azure-cli==$(AZ)
	@touch $@

setup-az: $(VENV)/.installed-az  ## install the Azure CLI for its tests, in an environment of its own

# The tools whose order of versions ours is held against (tests/model/version_tools.py), and that of packets (tests/agent/test_unusual_traffic.py).
setup-tools:  ## install the package tools that make test-all asks for the order of versions
	@command -v rpm >/dev/null && command -v tshark >/dev/null && command -v ruby >/dev/null && ls /usr/share/java/maven3-artifact.jar >/dev/null 2>&1 && \
	  ls /usr/share/php/Composer/Semver/autoload.php >/dev/null 2>&1 && perl -MDpkg::Version -e 1 2>/dev/null || \
	  { apt-get update -q && apt-get install -y -q --no-install-recommends rpm tshark ruby php-cli php-composer-semver libmaven3-core-java libdpkg-perl; }

demo: setup  ## scan the bundled sample estate, replay an attack on it, show what was found and the page of it (CI=1: check and exit)
	@rm -rf $(DEMO)
ifdef CI
	@$(BIN)/python tests/sample/demo.py $(NEPHO) $(DEMO)
else
	@$(NEPHO) --data $(DEMO) vulnerabilities import sample:
	@$(NEPHO) --data $(DEMO) scan sample: --top 12
	@echo
	@echo "What its scanners found, the riskiest first:"
	@$(NEPHO) --data $(DEMO) vulnerabilities list --most 5
	@echo
	@echo "A key of the company lay in a public repository. Its logs of five days, and what the detections make of the last one:"
	@$(NEPHO) --data $(DEMO) ingest sample:days=5,users=60,attack=leaked-key
	@$(NEPHO) --data $(DEMO) detect --at $$($(BIN)/python tests/sample/demo.py --at) $(DEMO_RULES) > /dev/null
	@$(NEPHO) --data $(DEMO) incidents show 1
	@echo
	@echo "Next:  $(NEPHO) --data $(DEMO) recommendations      $(NEPHO) --data $(DEMO) compliance"
	@echo "       $(NEPHO) --data $(DEMO) query 'AZKVAuditLogs | summarize count() by CallerIpAddress'"
	@echo "       $(NEPHO) --data $(DEMO) scan sample: --output html > report.html"
	@echo
	@$(NEPHO) --data $(DEMO) serve --port $(PORT)
endif

test: setup-dev  ## the tests: the project's own fixtures, no network, nothing skipped
	@$(BIN)/python -m pytest -q $(WORKERS)

durations: setup-dev  ## the tests, measured: how long each file takes is what the next runs put in order by
	@$(BIN)/python -m pytest -q $(WORKERS) --record-durations

test-all: setup-dev setup-az setup-tools  ## the tests with their full counts (fuzz cases, kills)
	@$(BIN)/python -m pytest -q $(WORKERS) --full -o faulthandler_timeout=3600

oracle: setup-dev  ## run every oracle runner over the shared corpora and print one table
	@$(BIN)/python tests/oracle/run.py

check: setup-dev  ## lint, types, import contract, prose, docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file tests/oracle/mypy.ini
	@$(BIN)/lint-imports
	@$(BIN)/python docs/prose.py
	@$(BIN)/python -m pytest -q tests/docs

bench: setup-dev  ## benchmarks, each beside its peer in the same run
	@$(BIN)/python bench/run_all.py

fix: setup-dev  ## format and apply safe lint fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup-dev  ## write the generated reference pages
	@$(BIN)/python docs/generate.py

clean:  ## remove everything that was generated
	rm -rf $(VENV) src/nephoscope/web/static/vendor .nephoscope build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
