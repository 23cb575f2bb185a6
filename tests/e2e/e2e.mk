# The pods: suites that need the one-node cluster, run by name, and a short round of chaos that needs none.

.PHONY: e2e
e2e: packages image ## On real pods (≤ 10 min): the node heals, Presale at work, a shop that rolls; 3 kills
	@tests/cluster/tools.sh --all >/dev/null
	cargo test -p workspace-tests --no-run --test ground --test chaos --test presale_on_pods --test shop_rolls_without_failures
	CHAOS_KILLS=3 cargo test -p workspace-tests --test chaos -- --nocapture & chaos=$$! failed=0; \
	cargo test -p workspace-tests --test ground || failed=$$?; wait $$chaos || failed=$$?; exit $$failed
	cargo test -p workspace-tests --test presale_on_pods -- --nocapture
	cargo test -p workspace-tests --test shop_rolls_without_failures

.PHONY: e2e-shop
e2e-shop: packages image ## 2 → 10 → 2 replicas of the catalog and a rolling update under load, no failed request
	@tests/cluster/tools.sh --all >/dev/null
	cargo test -p workspace-tests --test shop_rolls_without_failures
