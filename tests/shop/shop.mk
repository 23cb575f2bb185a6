# The whole shop on this machine, for developers: no Kubernetes, no installation, one command.

.PHONY: shop
shop: packages ## Start the whole shop on this machine and show a tour; Ctrl-C takes it away
	@tests/cluster/tools.sh nats-server >/dev/null
	@cargo build -p shop -p presale-shop
	@exec "$${CARGO_TARGET_DIR:-target}/debug/presale-shop"

# With the whole workspace's features, as in `make test` and `make e2e`, so that nothing is built twice.
.PHONY: chaos-shop
chaos-shop: packages ## An hour of chaos in the whole shop under load, then its audit (CHAOS_SECONDS=3600 CHAOS_SEED=n)
	@tests/cluster/tools.sh nats-server >/dev/null
	cargo build --workspace --bin shop
	cargo test --workspace --test chaos_shop -- --nocapture

.PHONY: bench-shop
bench-shop: packages ## Cold starts, memory, orders and reservations per second, overload, start from zero, the gateway beside nginx (ONLY=name SECONDS_OF_LOAD=10)
	@tests/cluster/packages.sh bench
	@tests/cluster/tools.sh nats-server >/dev/null
	cargo build --release -p shop
	cargo run --release -p presale-shop --example bench -- --only "$${ONLY:-}" --seconds "$${SECONDS_OF_LOAD:-10}"
