# The pods: suites that need the one-node cluster, run by name; beside them chaos, which needs no node.

# With the whole workspace's features, so that nothing is built twice.
E2E := cargo test --workspace --test

.PHONY: e2e
e2e: packages image ## The node itself, Presale and the shop on real pods, and three kills at random moments
	@tests/cluster/tools.sh --all >/dev/null
	cargo test --workspace --no-run --test ground --test presale_on_pods --test shop_rolls_without_failures --test chaos --test rolling
	@# The next version of the shop, which runs beside this one.
	cargo build --workspace --features shop/next --bin shop-next
	@tests/cluster/ground.sh down # a node that somebody left running says nothing of this checkout
	@mkdir -p out
	CHAOS_KILLS=3 CHAOS_SEED=7 $(E2E) chaos -- --nocapture >out/chaos.log 2>&1 & chaos=$$!; outcome=0; \
	{ $(E2E) rolling && $(E2E) ground && $(E2E) shop_rolls_without_failures && $(E2E) presale_on_pods -- --nocapture; } || outcome=$$?; \
	wait $$chaos && tail -5 out/chaos.log || { outcome=$$?; cat out/chaos.log; }; exit $$outcome
	@tests/cluster/ground.sh down
