PYTHON ?= python3
ARGS ?=
HISTORIES ?= 1000
SEED ?= 0
SECONDS ?= 600

.PHONY: demo test check services bench conformance simulate mutants fuzz chaos mutation prove images lock

demo:
	@$(PYTHON) -m deploy.develop demo $(ARGS)

test:
	@$(PYTHON) -m deploy.develop test $(ARGS)

check:
	@$(PYTHON) -m deploy.develop check $(ARGS)

services:
	@$(PYTHON) -m deploy.develop services $(ARGS)

bench:
	@$(PYTHON) -m deploy.develop bench $(ARGS)

conformance:
	@$(PYTHON) -m deploy.develop conformance $(ARGS)

simulate:
	@$(PYTHON) -m deploy.develop simulate --histories $(HISTORIES) --seed $(SEED) $(ARGS)

mutants:
	@$(PYTHON) -m deploy.develop simulate --mutants --histories $(HISTORIES) --seed $(SEED) $(ARGS)

fuzz:
	@$(PYTHON) -m deploy.develop fuzz --seed $(SEED) $(ARGS)

chaos:
	@$(PYTHON) -m deploy.develop chaos --seconds $(SECONDS) --seed $(SEED) $(ARGS)

mutation:
	@$(PYTHON) -m deploy.develop mutation $(ARGS)

prove:
	@$(PYTHON) -m deploy.develop prove

images:
	@$(PYTHON) -m deploy.develop images $(ARGS)

lock:
	@$(PYTHON) -m deploy.develop lock $(ARGS)
