# The pods: suites that need the one-node cluster, run by name.

.PHONY: e2e
e2e: packages ## The node itself: starts, heals, changes hands, leaves nothing behind
	@tests/cluster/tools.sh --all >/dev/null
	cargo test -p workspace-tests --no-run --test ground
	@tests/cluster/ground.sh down # a node that somebody left running says nothing of this checkout
	cargo test -p workspace-tests --test ground

.PHONY: e2e-presale
e2e-presale: packages image ## Presale on real pods, from Helm to a promotion: what it makes, its commands, adopted workloads
	@tests/cluster/tools.sh --all >/dev/null
	cargo test -p workspace-tests --test presale_on_pods -- --nocapture

.PHONY: e2e-shop
e2e-shop: packages image ## 2 → 10 → 2 replicas of the catalog and a rolling update under load, no failed request
	@tests/cluster/tools.sh --all >/dev/null
	cargo test -p workspace-tests --test shop_rolls_without_failures
