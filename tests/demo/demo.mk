# The demonstration: builds first, then fifteen minutes at most.

.PHONY: demo
demo: packages ## Watch Presale run a real shop service beside its HPA twin, and the whole shop (≤ 15 min after the builds)
	@tests/cluster/tools.sh --all >/dev/null
	@deploy/images/build.sh
	@"$${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/presale-demo"
