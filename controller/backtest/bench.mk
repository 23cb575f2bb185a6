# Benchmarks of the forecaster and the planner on recorded traffic; TRACES names a folder of `timestamp,value` files.
TRACES ?= traces
LEAD ?= 3m
BENCH_OUT ?= out/bench

.PHONY: bench-traces
bench-traces: ## Race every policy over the recordings in TRACES=DIR (LEAD=3m), one JSON and one page each into out/bench
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make bench-traces TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	cargo build --release -p presale
	mkdir -p $(BENCH_OUT)
	for f in $$(ls $(TRACES)/*.csv* | grep -v '\.events\.'); do \
	  name=$$(basename $$f | sed 's/\.gz$$//; s/\.csv$$//'); events=$(TRACES)/$$name.events.csv; \
	  echo "== $$name"; \
	  target/release/presale backtest --trace $$f $$( [ -f $$events ] && echo --events $$events ) --lead-time $(LEAD) \
	    --json $(BENCH_OUT)/$$name.json --html $(BENCH_OUT)/$$name.html || echo "$$name: refused, see above"; \
	done
