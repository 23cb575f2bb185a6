# Forecasts of others on recorded traffic, to be measured against: StatsForecast and Prophet in a Python environment of their own.
REFEREES_OUT ?= out/referees
LIMIT ?= 0

.PHONY: referees
referees: ## Forecasts of StatsForecast and Prophet on the recordings in TRACES=DIR (ONLY=prefix,prefix LIMIT=n recordings TIMEOUT=s)
	@ls $(TRACES)/*.csv* >/dev/null 2>&1 || { echo "no recordings in $(TRACES): make referees TRACES=DIR names a folder of timestamp,value files"; exit 1; }
	@tests/referees/environment.sh
	@$${PRESALE_REFEREES:-$$HOME/.cache/presale/referees}/bin/python tests/referees/run.py --traces $(TRACES) --out $(REFEREES_OUT) \
	  --only "$(ONLY)" --limit $(LIMIT) $(if $(TIMEOUT),--timeout $(TIMEOUT))

.PHONY: bench-referees
bench-referees: referees ## Score Presale beside them at the same origins on the recordings in TRACES=DIR (ONLY=prefix,prefix LIMIT=n)
	cargo build --release -p presale
	@$${PRESALE_REFEREES:-$$HOME/.cache/presale/referees}/bin/python tests/referees/score.py --traces $(TRACES) --out $(REFEREES_OUT) \
	  --presale "$${CARGO_TARGET_DIR:-target}/release/presale" --only "$(ONLY)" --limit $(LIMIT)
