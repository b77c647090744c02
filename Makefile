# How is this repository built, run and tested?
#
# `make dev` starts the product and `make test` passes the tests, both from a clean clone on
# Debian or Ubuntu, as root or with sudo: each installs what is missing first. A second run
# installs and rebuilds nothing.

SHELL := /bin/sh
CONFIG ?= examples/notes/edgebase.config.ts
LISTEN ?= 127.0.0.1:8787

# Settings that every recipe shares with the scripts.
ENV = . scripts/environment; PG_CONFIG=$$(scripts/pg-config); export PG_CONFIG; \
      EDGEBASE_PG_BIN=$$($$PG_CONFIG --bindir); export EDGEBASE_PG_BIN;
# The extension is built apart, for one PostgreSQL version.
EXTENSION = -p edgebase --no-default-features --features pg$$(pg_major "$$PG_CONFIG")
REST = --workspace --exclude edgebase
# A submission must not change the lock file; a developer's edit may.
LOCKED = $(if $(CI),--locked)

.PHONY: help setup build extension dev check fmt test availability majors soak mutation fuzz bench \
	bench-smoke lint tidy ci deny

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

setup: ## Install what is missing to build
	@scripts/setup

build: setup ## Build the edgebase command (target/release/edgebase)
	@$(ENV) cargo build --release $(LOCKED) -p edgebase-proxy

extension: setup ## Build the extension and install it into PostgreSQL
	@scripts/extension

dev: build extension ## Start everything: embedded cluster, example config, server
	@$(ENV) exec target/release/edgebase dev --config $(CONFIG) --listen $(LISTEN)

check: setup ## Does everything compile? The fastest answer
	@$(ENV) cargo check --release $(REST) --all-targets
	@$(ENV) cargo check --release $(EXTENSION) --all-targets

fmt: setup ## Format the Rust code, wrap the documentation
	@$(ENV) cargo fmt --all
	@scripts/wrap *.md docs/*.md docs/*/*.md examples/*/*.md tests/*.md benches/README.md

# The extension's unit tests run without a server: what would call one is not reached, and the
# linker drops it.
test: extension ## Run every test
	@scripts/setup test
	@$(ENV) EDGEBASE_PYTHON="$$PWD/.venv/bin/python" \
	    cargo test --release $(LOCKED) --no-fail-fast $(REST)
	@$(ENV) cargo test --release $(LOCKED) $(EXTENSION) --lib
	@$(ENV) for script in docs run upgrade databases under_fire waits analytics repair recovery dba; do \
	    echo "==> extension/test/$$script.sh"; extension/test/$$script.sh "$$PG_CONFIG" || exit 1; \
	done
	@$(ENV) SOAK_SECONDS=45 extension/test/soak.sh "$$PG_CONFIG"
	@$(ENV) extension/test/majors.sh
	@$(MAKE) --no-print-directory availability

availability: build extension ## Test the loss of a server, under Patroni and etcd
	@scripts/setup test
	@$(ENV) PATH="$$PATH:$$PWD/target/tools/usr/bin" python3 tests/availability/run.py

majors: extension ## Test the extension on the other PostgreSQL versions that can be had
	@scripts/setup test
	@$(ENV) extension/test/majors.sh

soak: extension ## Random attacks for an hour, or SOAK_SECONDS; SEED repeats a run
	@$(ENV) extension/test/soak.sh "$$PG_CONFIG"

# Mutation testing: the extension is built and installed with one safeguard taken out at a time, and
# the attacks have to notice. The server of PG_CONFIG should serve nobody meanwhile.
mutation: extension ## Take the safeguards out one at a time: do the attacks notice? (half an hour)
	@$(ENV) status=0; extension/test/weakened.sh "$$PG_CONFIG" || status=$$?; \
	    scripts/extension; exit $$status

# The server with the assertions that a release leaves out, in its own crates. It is built beside
# the ordinary one and put aside, so that what else runs keeps its binary.
FUZZED = edgebase-proxy edgebase-rules edgebase-blocks
fuzz: extension ## Odd HTTP requests for an hour, or FUZZ_SECONDS; SEED repeats the choices of a run
	@$(ENV) cargo build --release $(LOCKED) -p edgebase-proxy \
	    $(foreach crate,$(FUZZED),--config profile.release.package.$(crate).debug-assertions=true)
	@install -D target/release/edgebase target/fuzz/edgebase
	@$(ENV) FUZZ_SECONDS=$${FUZZ_SECONDS-3600} EDGEBASE_BIN="$$PWD/target/fuzz/edgebase" \
	    cargo test --release $(LOCKED) $(REST) --test http_fuzz -- --nocapture

bench: build extension ## Measure what a request costs; writes benches/RESULTS.md (half an hour)
	@scripts/setup bench
	@$(ENV) python3 benches/run.py

bench-smoke: build extension ## Run every path of the benchmarks once, no times asserted
	@scripts/setup bench
	@$(ENV) python3 benches/run.py --smoke >/dev/null

lint: setup ## Formatting, structure, clippy, documentation, claims, licences
	@scripts/setup lint
	@$(ENV) cargo fmt --all --check
	@$(MAKE) --no-print-directory tidy
	@$(ENV) cargo clippy --release $(LOCKED) $(REST) --all-targets -- -D warnings
	@$(ENV) cargo clippy --release $(LOCKED) $(EXTENSION) --all-targets -- -D warnings
	@$(ENV) RUSTDOCFLAGS='-D warnings' cargo doc --release $(LOCKED) --no-deps $(REST) --lib
	@extension/test/claims.py && extension/test/claims.py --self-test

# What no longer breaks a rule leaves tests/tidy/allowed.txt here, and is committed with the change.
tidy: setup ## Layers, links, file lengths, words, licences (tests/tidy)
	@$(ENV) $(if $(CI),,TIDY=update) cargo test --release $(LOCKED) --quiet $(REST) --test tidy

# Advisories are not in the repository and cargo-deny takes minutes to build, so this is run weekly.
# The licences and the origin of dependencies are checked by `make tidy`, without it.
deny: setup ## Known vulnerabilities of dependencies, licences, sources (needs cargo-deny)
	@$(ENV) cargo deny --locked check

ci: ## What every submission has to pass
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory bench-smoke
