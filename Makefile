# Two commands matter: `make demo` and `make test`. Both set everything up on a bare machine first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo test check format bench bench-log bench-registry interop fuzz reliability setup lock clean

demo: .venv/run
	@$(BIN)/diptych demo $(ARGS)

test: .venv/dev .venv/peers
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: .venv/dev
	@$(BIN)/ruff format --check -q src tests bench
	@$(BIN)/ruff check -q src tests bench
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy

format: .venv/dev
	@$(BIN)/ruff check -q --fix-only src tests bench
	@$(BIN)/ruff format -q src tests bench

bench: .venv/run .venv/anoncreds
	@$(BIN)/diptych bench issuer $(ARGS)
	@$(BIN)/diptych bench zk $(ARGS)
	@$(BIN)/diptych bench log $(ARGS)
	@$(BIN)/diptych bench registry $(ARGS)

# The public log alone, on a quiet machine: what it measures goes to docs/bench and into the table of docs/performance.md.
bench-log: .venv/run
	@$(BIN)/diptych bench log --plot docs/bench $(ARGS)
	@$(BIN)/python bench/tables.py log

# The sealed registry alone, on a quiet machine, with a PostgreSQL of its own; the same, for its part of that page.
bench-registry: .venv/dev
	@$(BIN)/python bench/registry.py $(ARGS)
	@$(BIN)/python bench/tables.py registry

# Runs everything against implementations we did not write, and says in docs/interop.md what passed.
interop: .venv/dev .venv/peers
	@$(BIN)/python -m pytest tests/interop --interop-report docs/interop.md $(ARGS)

# Every parser on fresh examples, round after round, until MINUTES are over or one fails; not part of `make test`.
MINUTES ?= 60
fuzz: .venv/dev
	@$(BIN)/python tests/fuzz/long_run.py $(MINUTES)

# Kills and starves every role, and says in docs/reliability.md what was injected where and what held. EVERY=1: at every write.
EVERY ?=
reliability: .venv/dev
	@rm -f docs/reliability.jsonl
	@CRASH_RECORDS=docs/reliability.jsonl CRASH_EVERY_WRITE=$(EVERY) $(BIN)/python -m pytest tests/faults $(ARGS)
	@$(BIN)/python -m tests.faults.report docs/reliability.jsonl docs/reliability.md

setup: .venv/dev

.venv/run: requirements/run.txt pyproject.toml
	@echo "Setting up .venv (locked, with hashes) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt >&2
	@touch $@

# Implementations we did not write, each in a room of its own; only the interop tests run them.
.venv/peers: requirements/peer-zk-age-verifier.txt requirements/peer-openvc-core.txt tests/interop/npm/package-lock.json tests/interop/go/checklog/main.go
	@echo "Setting up the interop peers ..." >&2
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq nodejs npm; } >&2
	@command -v softhsm2-util >/dev/null || apt-get install -y -qq softhsm2 >&2 || echo "no SoftHSM2: its tests are skipped" >&2
	@command -v strace >/dev/null || apt-get install -y -qq strace >&2 || echo "no strace: its tests are skipped" >&2
	@test -d /usr/share/gocode/src/golang.org/x/mod && command -v go >/dev/null || apt-get install -y -qq golang-go golang-golang-x-mod-dev >&2 || echo "no Go: its tests are skipped" >&2
	@command -v chromium >/dev/null || apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >&2 || echo "no Chromium: its tests are skipped" >&2
	@cd tests/interop/npm && npm ci --silent --ignore-scripts >&2
	@set -e; for peer in zk-age-verifier openvc-core; do \
		test -x .venv-peers/$$peer/bin/python || $(PYTHON) -m venv .venv-peers/$$peer; \
		.venv-peers/$$peer/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/peer-$$peer.txt >&2; \
	done
	@mkdir -p .venv && touch $@

# What the benches compare with.
.venv/anoncreds: requirements/peer-anoncreds.txt
	@echo "Setting up AnonCreds to measure against ..." >&2
	@test -x .venv-peers/anoncreds/bin/python || $(PYTHON) -m venv .venv-peers/anoncreds
	@.venv-peers/anoncreds/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/peer-anoncreds.txt >&2
	@mkdir -p .venv && touch $@

# Needs uv. The lock files name no registry host.
lock:
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/run.in -o requirements/run.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/peer-zk-age-verifier.in -o requirements/peer-zk-age-verifier.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/peer-openvc-core.in -o requirements/peer-openvc-core.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements/peer-anoncreds.in -o requirements/peer-anoncreds.txt

clean:
	rm -rf .venv .venv-peers tests/interop/npm/node_modules
