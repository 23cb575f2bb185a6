# The pods: suites that need the one-node cluster, run by name; beside them chaos and three minutes of chaos-shop, which
# need no node. The latter gives way to the others: it keeps two cores busy, and slowness is nothing new to it.

# With the whole workspace's features, so that nothing is built twice.
E2E := cargo test --workspace --test

.PHONY: e2e
e2e: packages image ## The node itself, Presale and the whole shop on real pods; three kills of chaos, three minutes of chaos-shop
	@tests/cluster/tools.sh --all >/dev/null
	cargo test --workspace --no-run --test ground --test presale_on_pods --test warm_reserve --test shop_on_pods --test shop_rolls_without_failures --test chaos --test chaos_shop --test rolling
	cargo build --workspace --bin shop
	@# The next version of the shop, which runs beside this one.
	cargo build --workspace --features shop/next --bin shop-next
	@tests/cluster/ground.sh down # a node that somebody left running says nothing of this checkout
	@mkdir -p out
	CHAOS_KILLS=3 CHAOS_SEED=7 $(E2E) chaos -- --nocapture >out/chaos.log 2>&1 & chaos=$$!; \
	CHAOS_SECONDS=180 CHAOS_SEED=7 nice -n 19 $(E2E) chaos_shop -- --nocapture >out/chaos-shop.log 2>&1 & shop=$$!; outcome=0; \
	{ $(E2E) rolling && $(E2E) ground && $(E2E) shop_rolls_without_failures && $(E2E) shop_on_pods -- --nocapture && $(E2E) presale_on_pods -- --nocapture && $(E2E) warm_reserve -- --nocapture; } || outcome=$$?; \
	wait $$chaos && tail -5 out/chaos.log || { outcome=$$?; cat out/chaos.log; }; \
	wait $$shop && tail -30 out/chaos-shop.log || { outcome=$$?; cat out/chaos-shop.log; }; exit $$outcome
	@tests/cluster/ground.sh down
