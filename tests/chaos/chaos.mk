# Real processes, killed: needs no node.

.PHONY: chaos
chaos: packages tools-test ## kill -9 of operator, API server and Prometheus at 20 random moments around promotions
	cargo test --workspace --test chaos -- --nocapture
