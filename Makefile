PYTHON ?= python3
ARGS ?=

.PHONY: demo test check services bench images lock

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

images:
	@$(PYTHON) -m deploy.develop images $(ARGS)

lock:
	@$(PYTHON) -m deploy.develop lock $(ARGS)
