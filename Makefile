# Everything a person or CI runs. `make demo` and `make test` need Python 3.11 or newer, make and a package index.

VENV   := .venv
PYTHON ?= python3
RUN    := $(VENV)/bin/python
# Asked whether it runs, because version managers leave stubs that do not.
UV     := $(shell uv --version >/dev/null 2>&1 && command -v uv)

.PHONY: help demo test check chaos soak browser scaleout bench lock clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo      two clips through the real flow on the local stand-in: no key, nothing bought
demo: $(VENV)/.runtime
	@$(RUN) -m flows.cli.demo

## make test      the test suite
test: $(VENV)/.dev
	$(RUN) -m pytest -n 3 --dist loadgroup -m "not chaos and not browser and not scaleout"

## make check     lint, format, types, import rules
check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports

## make chaos     500 kills, every fault alone and in pairs (about 15 minutes)
chaos: $(VENV)/.dev
	$(RUN) -m pytest tests/chaos -m chaos -s --timeout 1800

## make browser   the Prefect UI and the HTML pages in a real Chromium
browser: $(VENV)/.dev
	$(RUN) -m pytest -m browser --timeout 300

## make soak      a board of 1,000 shots in one process (about half an hour); SHOTS=40 for fewer
soak: SHOTS ?= 1000
soak: $(VENV)/.dev
	SOAK=1 SHOTS=$(SHOTS) $(RUN) benchmarks/board_of_200.py

## make scaleout  PostgreSQL, Redis and three workers, one of them killed
scaleout: $(VENV)/.dev
	$(RUN) -m pytest -m scaleout -s --timeout 900

## make bench     timings, side by side with other clients
bench: $(VENV)/.dev
	for file in benchmarks/*.py; do $(RUN) $$file || exit 1; done

## make lock      resolve the dependencies again
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		pyproject.toml -o requirements.lock -q
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group dev pyproject.toml -c requirements.lock -o requirements-dev.lock -q

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wan-video needs Python 3.11 or newer; set PYTHON=/path/to/it" >&2; exit 1; }
ifdef UV
	@uv venv -q --python "$$(command -v $(PYTHON))" $(VENV)
else
	@$(PYTHON) -m venv $(VENV)
endif

# Bytecode is compiled at once: Prefect alone takes 6 s instead of 3 s to import without it.
define install
	@echo "Installing $(1) …"
	@if [ -n "$(UV)" ]; then \
		uv pip install -q --compile-bytecode --python $(VENV) --require-hashes -r $(1) && \
		uv pip install -q --python $(VENV) --no-deps -e . ; \
	else \
		$(RUN) -m pip install -q --disable-pip-version-check --require-hashes -r $(1) && \
		$(RUN) -m pip install -q --disable-pip-version-check --no-deps -e . ; \
	fi
	@touch $@
endef

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	@touch $(VENV)/.runtime
