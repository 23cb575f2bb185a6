# The demonstration: builds first, then twelve minutes at most.

.PHONY: demo
demo: packages ## Watch Presale run a real shop service beside its HPA twin (≤ 12 min after the builds)
	@tests/cluster/tools.sh --all >/dev/null
	@deploy/images/build.sh
	@cargo build --release -q -p presale-demo
	@"$${CARGO_TARGET_DIR:-target}/release/presale-demo"
