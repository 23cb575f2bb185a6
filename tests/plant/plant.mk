# The simulated plant beside real pods: half an hour at most after the builds.

.PHONY: bench-plant
bench-plant: packages ## The simulated plant beside real pods at seven loads below saturation: served ± 5 %, p99 ± 25 % (out/plant)
	@tests/cluster/tools.sh --all >/dev/null
	@deploy/images/build.sh
	@"$${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/presale-plant"
