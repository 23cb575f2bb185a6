# `make` lists what there is. Each part keeps its targets beside its code and is included below.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export CARGO_TERM_PROGRESS_WHEN ?= auto
# What went wrong is in the errors' own words; forty frames below them would push those out of a log's last lines.
export RUST_LIB_BACKTRACE ?= 0

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: packages
packages: ## Install the Debian packages that the tests need, after listing the missing ones
	@tests/cluster/packages.sh

.PHONY: test
test: packages tools-test ## Everything that needs no node: unit, property, real apiserver, Prometheus, PostgreSQL
	cargo test --workspace --no-run --tests --test operator
	@# Most of their time the tests wait for real clocks: four at once, on two cores as well, and the longest suite, which
	@# waits most, eight at once beside all the others. What offers load and counts the answers comes last, alone.
	@mkdir -p out
	@export RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4}; outcome=0; \
	RUST_TEST_THREADS=$${OPERATOR_TEST_THREADS:-8} cargo test --workspace --test operator >out/operator.log 2>&1 & operator=$$!; \
	cargo test --workspace -- --skip alone:: || outcome=$$?; \
	wait $$operator && tail -3 out/operator.log || { outcome=$$?; cat out/operator.log; }; exit $$outcome
	cargo test --workspace --test it -- --test-threads=1 alone::

.PHONY: check
check: ## Format, clippy, licences and sources of what we depend on
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is not installed: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --offline check licenses bans sources

.PHONY: advisories
advisories: ## Known vulnerabilities of what we depend on; fetches RustSec's database from github.com
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is not installed: cargo install cargo-deny --locked"; exit 1; }
	cargo deny check advisories

.PHONY: generate
generate: ## Rewrite every generated file (CRDs, dashboards, rules) from its source
	UPDATE=1 cargo test -p workspace-tests --test drift

.PHONY: clean
clean: ## Remove build output (the tool cache stays)
	cargo clean
	rm -rf out

-include tests/cluster/cluster.mk
-include tests/shop/shop.mk
-include tests/demo/demo.mk
-include tests/plant/plant.mk
-include tests/e2e/e2e.mk
-include tests/chaos/chaos.mk
-include controller/backtest/bench.mk
-include tests/referees/referees.mk
