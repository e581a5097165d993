# Everything a person or CI runs. `make demo` and `make test` need Python 3.11 or newer, make and a package index.

VENV   := .venv
PYTHON ?= python3
RUN    := $(VENV)/bin/python
# What has no ring of its own.
SUITE  := not chaos and not browser and not scaleout and not crashes and not job_templates
# Into another environment than the usual one; uv takes seconds for what takes pip a minute.
INSTALL_INTO = $(if $(shell command -v uv),uv pip install -q --python $(1)/bin/python,$(1)/bin/python -m pip install -q --disable-pip-version-check)

.PHONY: help demo test slow check fuzz mutants chaos soak browser scaleout crashes bench bench-full scale prefect-ring job-templates lock clean runtime dev

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo      two clips through the real flow on the local stand-in: no key, nothing bought
demo: runtime
	@$(RUN) -m flows.cli.commands.demo

## make test      the test suite, but for what takes long
test: dev
	$(RUN) -m pytest -n 4 --dist loadgroup -m "not slow and $(SUITE)"

## make slow      its slow tests: whole commands, servers and workers (about 4 minutes)
slow: dev
	$(RUN) -m pytest -n 4 --dist loadgroup -m "slow and $(SUITE)"

## make check     lint, format, types, import rules
check: dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright
	$(VENV)/bin/pyright -p tests
	$(VENV)/bin/lint-imports

## make fuzz      every fuzzer with new seeds, 10 minutes each; SECONDS=60 for less
fuzz: SECONDS ?= 600
fuzz: dev
	FUZZ_SECONDS=$(SECONDS) $(RUN) -m pytest -m fuzz -s

## make mutants   one change in the code at a time: is it noticed? 600 of 9,000, seeded; SAMPLE=30 for fewer, ALL=1 for all
mutants: SAMPLE ?= 600
mutants: AT_LEAST ?= 90
mutants: dev
	$(RUN) tests/mutants/ring.py $(if $(ALL),--all,--sample $(SAMPLE)) --at-least $(AT_LEAST)

## make chaos     500 kills, every fault alone and in pairs (about 15 minutes)
chaos: dev
	$(RUN) -m pytest tests/chaos -m chaos -s --timeout 1800

## make browser   the Prefect UI and the HTML pages in a real Chromium
browser: dev
	$(RUN) -m pytest -m browser --timeout 300

## make soak      a board of 1,000 shots in one process (about half an hour); SHOTS=40 for fewer
soak: SHOTS ?= 1000
soak: dev
	SOAK=1 SHOTS=$(SHOTS) $(RUN) benchmarks/board_of_200.py

## make scaleout  PostgreSQL, Redis and three workers, one of them killed
scaleout: dev
	$(RUN) -m pytest -m scaleout -s --timeout 900 $(if $(PICK),-k "$(PICK)")

## make crashes   a killed worker, then setup and a restart of the server in every order (about 10 minutes)
crashes: dev
	$(RUN) -m pytest -m crashes -s --timeout 1200

## make bench     side by side with the SDK, scripts, curl, boto3, s5cmd: one table, in under 10 minutes
bench: dev
	$(RUN) benchmarks/compare

## make bench-full   the same with the long rows, and more runs of the others; writes benchmarks/README.md (about an hour)
bench-full: dev
	$(RUN) benchmarks/compare --full --write

## make scale     100, 1,000 and 10,000 clips through the core, with kills and faults: what does a clip cost? (about 13 minutes)
##                THROUGH=prefect: through deployed runs, with PostgreSQL, Redis and workers (about an hour and a half);
##                AFTER=9000: after so many that the core has made
scale: SIZES ?= 100 1000 10000
scale: dev
	$(RUN) benchmarks/scale $(SIZES) $(if $(filter prefect,$(THROUGH)),--prefect) $(if $(AFTER),--after $(AFTER))

## make prefect-ring PREFECT=3.9.1   what faces Prefect, with another version of it in an environment of its own
prefect-ring: dev
	@test -n "$(PREFECT)" || { echo "say which Prefect: make prefect-ring PREFECT=3.9.1" >&2; exit 1; }
	rm -rf .venv-prefect && $(RUN) -m venv .venv-prefect
	$(call INSTALL_INTO,.venv-prefect) --no-deps -r requirements-dev.lock
	$(call INSTALL_INTO,.venv-prefect) --no-deps --no-build-isolation -e .
	$(call INSTALL_INTO,.venv-prefect) "prefect==$(PREFECT)" "sqlalchemy<2.1" "fastapi<0.151"
	.venv-prefect/bin/python -m pytest tests/flows tests/tasks tests/blocks

## make job-templates   the jobs of Kubernetes and ECS by Prefect's own workers, in an environment of their own
job-templates: dev
	rm -rf .venv-job-templates && $(RUN) -m venv .venv-job-templates
	$(call INSTALL_INTO,.venv-job-templates) --no-deps -r requirements-dev.lock
	$(call INSTALL_INTO,.venv-job-templates) --no-build-isolation -e '.[kubernetes,ecs]'
	.venv-job-templates/bin/python -m pytest -m job_templates

## make lock      resolve the dependencies again
lock: LOCK = --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade -q
lock:
	uv pip compile $(LOCK) --group build pyproject.toml -o requirements.lock
	uv pip compile $(LOCK) --group build --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .venv-prefect .venv-job-templates .mutants

# Looks whether the environment is what the lock says, and brings it there if not: also after an interrupted
# installation, with a package deleted, or in a clone that was moved.
runtime:
	@$(PYTHON) .ci/install.py requirements.lock

dev:
	@$(PYTHON) .ci/install.py requirements-dev.lock
