# Benchmarks of the forecaster and the planner on recorded traffic; TRACES names a folder of `timestamp,value` files.
TRACES ?= traces
LEAD ?= 180
ONLY ?=
SEED ?= 1
BENCH_OUT ?= out/bench

.PHONY: bench
bench: ## Time fit, update, forecast, decide and a tick of 10,000 services, as ratios to a seasonal-naive pass of the same run
	cargo bench -p presale-backtest --bench service

.PHONY: bench-traces
bench-traces: ## Score forecasts and race every policy over the recordings in TRACES=DIR (LEAD=180 seconds, ONLY=prefix)
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make bench-traces TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	cargo run --release -p presale-backtest --example ablation -- $(TRACES)
	cargo run --release -p presale-backtest --example race -- $(TRACES) "$(ONLY)" $(LEAD)

.PHONY: bench-reserve
bench-reserve: ## Presale with and without a warm reserve over the recordings in TRACES=DIR (LEAD=180 seconds, ONLY=prefix)
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make bench-reserve TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	cargo run --release -p presale-backtest --example reserve -- $(TRACES) "$(ONLY)" $(LEAD)

.PHONY: bench-ablation
bench-ablation: ## Score the forecaster on the recordings in TRACES=DIR with one expert left out at a time
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make bench-ablation TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	cargo run --release -p presale-backtest --example ablation -- $(TRACES) --all

.PHONY: bench-pages
bench-pages: ## Race every policy over the recordings in TRACES=DIR, one JSON and one page each into out/bench
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make bench-pages TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	cargo build --release -p presale
	mkdir -p $(BENCH_OUT)
	for f in $$(ls $(TRACES)/*.csv* | grep -v '\.events\.'); do \
	  name=$$(basename $$f | sed 's/\.gz$$//; s/\.csv$$//'); events=$(TRACES)/$$name.events.csv; \
	  echo "== $$name"; \
	  target/release/presale backtest --trace $$f $$( [ -f $$events ] && echo --events $$events ) --lead-time $(LEAD)s \
	    --json $(BENCH_OUT)/$$name.json --html $(BENCH_OUT)/$$name.html || echo "$$name: refused, see above"; \
	done

.PHONY: bench-promotions
bench-promotions: ## Race Presale over seeded promotions put on the recordings in TRACES=DIR (ONLY=prefix,prefix SEED=1 LEAD=180)
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make bench-promotions TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	mkdir -p $(BENCH_OUT)
	cargo run --release -p presale-backtest --example promotions -- $(TRACES) "$(ONLY)" $(LEAD) $(SEED) $(BENCH_OUT)/promotions.json
