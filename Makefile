# Everything a person needs: make run, make test. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BROWSERS := chromium chromium-browser google-chrome
ROUNDS ?= 50
SEEDS ?= 1000
MINUTES ?= 30
SPEED ?= 1
KILLS ?= 0
ACCOUNTS ?= 200
SYMBOLS ?= 5

# Programs that tests start by the hundred find what is compiled, also where somebody wants Python to leave no files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test coverage browser simulate simulate-long real-simulate mutants flow-soak accounts-soak otp-soak exchange-soak state-soak memory-soak check bench docs golden lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP)  ## create .venv with the locked dependencies and the package

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup  ## trade on paper against a generated market, with everything it needs
	@$(BIN)/naive-daemon run --feed generated --exchange paper --start BTCUSDT

# A file's tests stay on one core: they share a running daemon, and go from one state of it to the next. In the order of
# their names: the long files of a few tests first, and thousands of short ones to fill the cores at the end. The long ones
# wait most of their time for a daemon: so there is one worker more than there are cores.
test: WORKERS = $(shell expr $$(nproc) + 1)
test: setup browser  ## run every test, on all cores
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(COVERAGE)

coverage:  ## run every test and say which lines and branches none has run; a third slower
	$(MAKE) test COVERAGE="--cov --cov-report=term"

browser:  ## see that there is a browser for the test of a report's page: Debian's Chromium, installed where root may
	@for name in $(BROWSERS); do command -v $$name > /dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium; \
	else \
		echo "no browser is here, and a test opens a report in one: install Chromium (apt-get install chromium)" >&2; exit 1; \
	fi

mutants: setup  ## try each deliberate bug on a copy: the simulation must find all (or the ONLY="name"); JSON=file keeps what came of each
	$(BIN)/python -m tests.simulation.mutants.mutation $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only "$(ONLY)")

flow-soak: STEPS = 100000
flow-soak: setup  ## STEPS of random walks over graphs of RedFlow, each compared with a plain model; prints its seed (SEED=n)
	$(BIN)/python -m tests.redflow.soak --steps $(STEPS) $(if $(SEED),--seed $(SEED))

accounts-soak: setup  ## ACCOUNTS on SYMBOLS on the local exchange: changed, stopped, killed, each step held to a model
	$(BIN)/python -m tests.flow.soak --accounts $(ACCOUNTS) --symbols $(SYMBOLS)

simulate: setup  ## SEEDS (1,000) of the whole daemon under drawn faults, on all cores; or the one SEED=k; SHRINK=1 finds fewer faults
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(or $(filter-out file,$(origin SEEDS)),$(if $(SEED),,1)),--seeds $(SEEDS)) $(if $(SHRINK),--shrink)

simulate-long: SEEDS = 100000
simulate-long: setup  ## a hundred thousand seeds, and how often each fault was struck where; an hour or two
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) --table --report simulation.json

real-simulate: SEEDS = 10
real-simulate: setup  ## SEEDS of the simulation, their faults made real: the installed daemon, real servers (SEED=k, LAYOUT=own)
	$(BIN)/python -m tests.simulation.real --seeds $(if $(and $(SEED),$(filter file,$(origin SEEDS))),1,$(SEEDS)) $(if $(SEED),--seed $(SEED)) $(if $(LAYOUT),--layout $(LAYOUT)) --tell

otp-soak: setup  ## run the actor runtime's tests ROUNDS times on threads and on SEEDS seeds
	$(BIN)/python -m tests.otp.soak --rounds $(ROUNDS) --seeds $(SEEDS)

exchange-soak: setup  ## MINUTES of faults (and KILLS of the daemon) while it trades 20 symbols; prints its seed (SEED=n)
	$(BIN)/python -m tests.exchange.soak --minutes $(MINUTES) --speed $(SPEED) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

state-soak: ROUNDS = 200
state-soak: setup  ## ROUNDS of kills of daemon, Redis and Postgres while it trades; prints its seed (SEED=n)
	$(BIN)/python -m tests.state.soak --rounds $(ROUNDS) $(if $(LAYOUT),--layout $(LAYOUT)) $(if $(SEED),--seed $(SEED))

memory-soak: MINUTES = 60
memory-soak: setup  ## MINUTES of trading on 50 symbols at speed; fails when the daemon's memory grows after minute five
	$(BIN)/python -m tests.state.memory --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

check: setup  ## ruff, mypy and the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## print and write the figures of tests/benchmarks
	$(BIN)/python -m tests.benchmarks

docs: setup  ## write the table of docs/otp.md: each rule and the tests that prove it
	$(BIN)/python -m tests.otp.rule_table

golden: setup  ## write the traces that every version of Python must leave again, after a change that is meant
	$(BIN)/python -m tests.otp.golden

lock:  ## pin what pyproject.toml asks for (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header \
		--group dev pyproject.toml -o requirements.lock

clean:  ## remove what setup made
	rm -rf $(VENV)
