# Every target works from a fresh clone: what it needs is set up in .venv first, nothing outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run check test test-faults test-others test-computing test-again soak hostile long fuzz bench lint format types schemas lock clean

help: ## show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## build .venv with everything pinned by hash, and .venv/bin/burnline

$(READY): pyproject.toml requirements-dev.lock hatch_build.py $(wildcard app/burnline/native/src/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Burnline needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing $$(grep -c == requirements-dev.lock) pinned packages into $(VENV), about 540 MB: a minute or some."
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements-dev.lock
	@echo "Building Burnline, with its kernel if there is a C compiler."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY) ## set up, then the demo: broker, worker, API and an hour of real requests in a minute
	$(BIN)/burnline demo

# The pure rooms have no broker, no clock and no network: their tests take seconds.
PURE := tests/test_architecture.py tests/test_rooms.py tests/test_dead_code.py tests/test_schemas.py \
	tests/events tests/pricing tests/windows tests/ledger tests/detection tests/finance

check: $(READY) ## the quick loop: ruff, mypy and the tests of the pure rooms, in about a minute
	@$(MAKE) --no-print-directory -j2 lint-types test-pure

lint-types: lint types

test-pure: $(READY)
	$(BIN)/pytest -q $(PURE)

test: $(READY) lint types ## set up, then every check: ruff, mypy, unit, property, integration and fault tests
	@$(MAKE) --no-print-directory -j3 --keep-going test-faults test-others test-computing

# Three lanes. Those that inject faults and those that start programs mostly wait, and have times to keep: what talks to
# brokers goes on in the first when the faults are over. What only computes takes what they leave of the processors.
# The first and the last speak when they are done.
PROGRAMS := tests/cli tests/demo tests/deploy tests/notify tests/pages
BROKERS := tests/api tests/publisher tests/readmodel tests/relay tests/stream tests/topics
COMPUTING := $(PURE) tests/imports tests/metering tests/native tests/otel tests/usage
ELSEWHERE := tests/faults $(PROGRAMS) $(BROKERS) $(COMPUTING)

test-faults: $(READY)
	@mkdir -p .cache
	@code=0; .ci/lane faults tests/faults >.cache/faults.txt 2>&1 || code=$$?; \
	nice -n 5 .ci/lane brokers $(BROKERS) >>.cache/faults.txt 2>&1 || code=$$?; cat .cache/faults.txt; exit $$code

test-others: $(READY)
	@code=0; nice -n 5 .ci/lane programs $(PROGRAMS) || code=$$?; \
	nice -n 5 .ci/lane others $(addprefix --ignore=,$(ELSEWHERE)) || code=$$?; exit $$code

test-computing: $(READY)
	@mkdir -p .cache
	@code=0; nice -n 10 .ci/lane computing $(COMPUTING) >.cache/computing.txt 2>&1 || code=$$?; \
	cat .cache/computing.txt; exit $$code

test-again: $(READY) ## after `make test`: what failed, once more, by itself; a fault fails again, chance is named
	@.ci/again faults brokers programs others computing

soak: $(READY) ## the long run: ten million events and a hundred faults, in at most 20 minutes (SECURE=1; needs Java 17)
	$(BIN)/python -m tests.faults.soak $(if $(SECURE),--secure) $(SOAK)

hostile: $(READY) ## a worker under hostile input for an hour: flat memory, a silent log (MINUTES=10; needs Java 17)
	$(BIN)/python -m tests.faults.hostile $(if $(MINUTES),--minutes $(MINUTES))

long: $(READY) ## what only shows after minutes: workers with nothing in their logs, FOCUS' validator, frameworks (Java 17, PyPI)
	$(BIN)/pytest -m long tests/faults tests/api tests/cli tests/demo tests/metering tests/notify

fuzz: $(READY) ## ten minutes of made-up inputs for the kernel, led by what they reach (clang or gcc; SECONDS=60)
	$(BIN)/python -m tests.native.fuzzing $(if $(SECONDS),--seconds $(SECONDS))

bench: $(READY) ## the ladder, peers included, in half an hour (QUICK=1: a few minutes; ONLY=peers,restore; RESUME=1)
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(RESUME),--resume) $(if $(ONLY),--only $(ONLY))

SECURITY := .cache/security
.PHONY: audit sbom secrets vulnerabilities
audit: sbom secrets vulnerabilities ## what is built in (dist/sbom.json), secrets in the sources, known holes in dependencies

$(SECURITY)/.ready: requirements-security.lock
	$(PYTHON) -m venv $(SECURITY)
	$(SECURITY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-security.lock
	@touch $@

sbom: $(SECURITY)/.ready ## dist/sbom.json: CycloneDX of all that the image installs, by hash
	@mkdir -p dist
	$(SECURITY)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json

secrets: $(SECURITY)/.ready ## no password or key in what git knows; known false alarms are in .secrets.baseline
	@cp .secrets.baseline $(SECURITY)/known.json  # the scan notes there where lines have moved to, and ends with 3
	git ls-files -z | grep -zv -e '[.]lock$$' -e '^[.]secrets[.]baseline$$' | \
	xargs -0 sh -c '$(SECURITY)/bin/detect-secrets-hook --baseline $(SECURITY)/known.json "$$@" || test $$? = 3' _

vulnerabilities: $(SECURITY)/.ready ## what is known of the pinned versions; asks pypi.org itself, no mirror
	$(SECURITY)/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict

lint: $(READY) ## ruff: rules and formatting
	$(BIN)/ruff check app tests benchmarks deploy hatch_build.py
	$(BIN)/ruff format --check app tests benchmarks deploy hatch_build.py

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix app tests benchmarks deploy
	$(BIN)/ruff format app tests benchmarks deploy

types: $(READY) ## mypy, strict
	$(BIN)/mypy

schemas: $(READY) ## write schemas/v1 from the models
	$(BIN)/python -m burnline.schemas

sdk: $(READY) ## write docs/sdk.md from the SDK's docstrings
	$(BIN)/python -m tests.publisher.sdk_page

.PHONY: manifests dashboards sdk
manifests: ## write deploy/kubernetes from the Helm chart (needs helm)
	helm template burnline deploy/helm/burnline --kube-version 1.37.0 >deploy/kubernetes/burnline.yaml

dashboards: $(READY) ## write deploy/grafana/dashboards
	$(BIN)/python deploy/grafana/generate.py

wheel: $(READY) ## dist/: a wheel with the kernel and the manylinux tag that it deserves, and an sdist
	rm -rf dist
	$(BIN)/python -m hatchling build --directory dist/built
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python -m auditwheel repair --wheel-dir dist dist/built/*.whl
	mv dist/built/*.tar.gz dist && rm -r dist/built

# requirements.lock is the image's: every component, without the demo's servers.
lock: ## renew the lock files (needs uv)
	echo hatchling | uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements-build.lock
	uv pip compile pyproject.toml --extra worker --extra api --extra notify --extra otel --extra registry --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements-dev.lock
	echo matplotlib | uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements-bench.lock
	printf "cyclonedx-bom\ndetect-secrets\npip-audit\n" | uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements-security.lock
	printf "focus-validator==1.0.0\nnumpy<2\nmultimethod<1.11\n" | uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements-focus.lock
	printf "claude-agent-sdk\nlangchain\nlangchain-openai\nlitellm\n" | uv pip compile - pyproject.toml --no-binary claude-agent-sdk --emit-build-options --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements-frameworks.lock

clean: ## remove what setup and tests made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache dist
