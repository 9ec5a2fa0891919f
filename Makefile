# Everything a fresh machine needs is set up by the target that needs it. Set-up talks on stderr only.
.DEFAULT_GOAL := help
.PHONY: help install lint test soak postgresql bench evaluate pictures hardware run lock sbom audit clean test-system

BIN := .venv/bin
PYTHON ?= python3
export PYTHON

# compiled once: else each program that a test starts compiles itself, and pytest rewrites every test each time
unexport PYTHONDONTWRITEBYTECODE

CODE := contract edge gateway firmware-sim dashboards hardware tests scripts

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Make .venv from requirements.lock (quick when nothing changed)
	@scripts/install.sh

run: install ## Start the demo building; DEMO_ARGS="--for 60 --json" and the like
	@scripts/system-packages.sh mosquitto
	@exec $(BIN)/pleintemps-sim demo $(DEMO_ARGS)

test-system: install
	@scripts/system-packages.sh mosquitto chromium postgresql influxdb victoria-metrics libfaketime strace npm libpangoft2-1.0-0 graphviz systemd
	@scripts/node-packages.sh
	@scripts/home-assistant.sh

# loadgroup: `serial` tests of e2e share two workers, the other `serial` ones a third; four, as those mostly wait
test: test-system ## Every test but the long ones; TEST_ARGS="tests/edge -k door" to choose
	@$(BIN)/python -m pytest -m "not soak and not bench" -n 4 --dist loadgroup $(TEST_ARGS)

soak: test-system ## The tests that take minutes each, and the dear laws with many examples
	@scripts/system-packages.sh debootstrap systemd-container
	@PLEINTEMPS_LAWS=many $(BIN)/python -m pytest -m "soak or law" $(TEST_ARGS)

postgresql: test-system ## The gateway's tests but those in a browser, all on PostgreSQL
	@PLEINTEMPS_STORE=postgresql $(BIN)/python -m pytest -m "not soak and not bench" -n 2 --dist loadgroup tests/gateway -k "not browser" $(TEST_ARGS)

bench: install ## Measure; one JSON line each
	@scripts/system-packages.sh mosquitto strace influxdb victoria-metrics
	@$(BIN)/python -m tests.bench.unlock --json
	@$(BIN)/python -m tests.bench.phone_unlock --json
	@$(BIN)/python -m tests.bench.startup --json
	@$(BIN)/python -m tests.bench.codes --json
	@$(BIN)/python -m tests.bench.footprint --json
	@$(BIN)/python -m tests.bench.fleet --json
	@$(BIN)/python -m tests.bench.ingest --json
	@$(BIN)/python -m tests.bench.scale --json
	@$(BIN)/python -m tests.bench.occupancy --json
	@$(BIN)/python -m tests.bench.series --json
	@$(BIN)/python -m tests.bench.metering --json
	@$(BIN)/python -m tests.bench.matrix --json
	@$(BIN)/python -m tests.bench.live --json
	@$(BIN)/python -m tests.bench.virtual --json

evaluate: install ## Write docs/accuracy.md anew from the recordings below PLEINTEMPS_DATA
	@$(BIN)/python scripts/accuracy.py

pictures: test-system ## Every page by the browser tests, a few into docs/images/
	@$(BIN)/python scripts/pictures.py

hardware: install ## Write the kits' tables, drawings and bills below hardware/ anew
	@scripts/system-packages.sh graphviz
	@$(BIN)/python -m pleintemps_hardware write hardware
	@$(BIN)/wireviz -f s hardware/wiring/*.yml >/dev/null

lint: install ## Style, types and the arrows between packages
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

wheelhouse: install ## The locked wheels of both programs for amd64 and arm64, in build/wheelhouse
	@scripts/deb/make.sh wheelhouse

deb: install ## Debian packages of gateway and agent in build/deb; DEB_VERSION=1.0.0 for a release
	@scripts/deb/make.sh deb $(DEB_VERSION)

stick: install ## What a USB stick needs for an installation without a network, in build/stick
	@scripts/deb/make.sh stick $(DEB_VERSION)

lock: ## Write requirements.lock and those of the packages anew from pyproject.toml; LOCK_ARGS=--upgrade for newer versions
	@scripts/lock.sh $(LOCK_ARGS)

sbom: install ## Write the bills of materials (CycloneDX) into build/sbom
	@$(BIN)/python scripts/sbom.py

audit: ## Ask PyPI whether a vulnerability is known in what is locked
	@$(PYTHON) scripts/audit.py $(AUDIT_ARGS)

clean: ## Remove build/ and caches (.venv stays)
	@rm -rf build dist htmlcov .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
