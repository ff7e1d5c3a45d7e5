# evcharging: `make` alone lists the commands.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
INFRA := .venv-infra
BIN := $(VENV)/bin
DATA_DIR ?= .data
DATA ?= $(or $(EVCHARGING_DATA),../shared/data)
TRAINING := .data/training
export PORT DATA_DIR STACK CITY DAYS EMAIL API TELEMETRY

.DEFAULT_GOAL := help
.PHONY: help run demo import admin code doctor reset test faults promise fuzz examples openapi client check infra-check package lint floors golden model train evaluate publish pipeline forecast forecast-report bench load requirements clean web web-test web-bench

help: ## list the commands
	@echo "evcharging: charging slots a driver can count on"
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  settings: PORT=7071 DATA_DIR=.data STACK=embedded|full CITY=folder TELEMETRY=1 (docs/settings.md)"

run: $(VENV)/run.stamp ## start the platform with its demo city on 127.0.0.1:7071 (CITY=DIR, STACK=full, PORT, DATA_DIR)
	@if [ "$(STACK)" = full ]; then $(MAKE) --no-print-directory $(VENV)/stack.stamp && $(BIN)/python -m devhost.stack.install || exit 1; fi
	@$(BIN)/python -m devhost.web build
	@exec $(BIN)/python -m devhost.run

web: $(VENV)/run.stamp ## the web application's dev server on 127.0.0.1:5150, over the API of a make run beside it (API=http://127.0.0.1:7071)
	@$(BIN)/python -m devhost.web dev

web-test: $(VENV)/dev.stamp ## every page of the web application by role, language, width and theme in chromium, with a picture of each in web/pictures (a quarter of an hour)
	@$(BIN)/python -m devhost.web test
	@$(BIN)/python -m devhost.web build
	@WEB_PICTURES=web/pictures $(BIN)/pytest -q -n 2 --dist load tests/ui/matrix.py tests/ui

web-bench: $(VENV)/dev.stamp ## what the web application weighs, and how soon its pages are there on a slow phone (docs/benchmarks.md)
	@$(BIN)/python -m devhost.web build
	@$(BIN)/python -m bench.web_pages

demo: $(VENV)/run.stamp ## show one charge request from wish to confirmation; with CITY=DIR replay a real day of it (DAYS=4: four laid on one)
	@$(BIN)/python -m devhost.demo

import: $(VENV)/run.stamp ## make a city folder TO=DIR of the exports in FROM=DIR (OCPI, GeoJSON, CSV by a map, ChargePlace Scotland, ACN-Data; docs/importing.md)
	@if [ -z "$(FROM)" ] || [ -z "$(TO)" ]; then echo "make import FROM=folder-of-exports TO=city-folder"; exit 2; fi
	@$(BIN)/python -m cities import "$(FROM)" "$(TO)"

admin: $(VENV)/run.stamp ## make EMAIL=... an administrator of the database in DATA_DIR; prints password and second factor
	@$(BIN)/python -m app.admin

code: $(VENV)/run.stamp ## show the code that the demo administrator's authenticator app shows now
	@$(BIN)/python -m devhost.code

doctor: ## say what this machine has, what is missing and how to install it
	@$(PYTHON) devhost/stack/doctor.py

reset: ## empty DATA_DIR: database, blobs, mailbox, keys
	@if [ ! -e "$(DATA_DIR)" ]; then echo "$(DATA_DIR) is empty already"; \
	elif [ -e "$(DATA_DIR)/city.json" ] || [ -e "$(DATA_DIR)/evcharging.db" ] || [ -d "$(DATA_DIR)/stack" ]; then rm -rf -- "$(DATA_DIR)" && echo "$(DATA_DIR) is empty; the next make run starts over"; \
	else echo "$(DATA_DIR) does not look like a data folder of evcharging; nothing was deleted"; exit 1; fi

test: $(VENV)/dev.stamp $(INFRA)/made.stamp ## run every test against the real components (COVERAGE=1: with coverage, held to its floor)
	@$(BIN)/python -m devhost.stack.install tests
	@$(BIN)/python -m devhost.web test
	@$(BIN)/python -m devhost.web build
	@$(BIN)/pytest -n 2 --dist loadfile -q $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

fuzz: $(VENV)/dev.stamp ## what schemathesis makes of the OpenAPI document, for every role, new each time (FUZZ=100 requests a kind)
	@FUZZ=$(or $(FUZZ),100) $(BIN)/pytest -q tests/api/test_schema.py --timeout 3600

faults: $(VENV)/dev.stamp ## 32 clients, two servers, MariaDB, broker and Blob, broken in turn; every invariant must hold (ATTEMPTS=5000, KILLS=10, ONLY=name, EXAMPLES=100)
	@$(BIN)/python -m devhost.stack.install
	@$(BIN)/python -m tests.faults --attempts $(or $(ATTEMPTS),5000) --kills $(or $(KILLS),10) $(if $(ONLY),--only "$(ONLY)")
	@if [ -z "$(ONLY)" ]; then FAULT_EXAMPLES=$(or $(EXAMPLES),100) $(BIN)/pytest -q -p no:logging tests/faults/test_reference_model.py; fi

promise: $(VENV)/dev.stamp ## a busy day on MariaDB and broker, chargers, drivers and processes failing: what was promised and kept, docs/img/promise.png (HOURS=12, SEED=1, KILLS=5, AUTUMN=1)
	@$(BIN)/python -m devhost.stack.install
	@$(BIN)/python -m tests.promise --hours $(or $(HOURS),12) --seed $(or $(SEED),1) --kills $(or $(KILLS),5) $(if $(AUTUMN),--autumn)

examples: $(VENV)/dev.stamp ## record the examples of the OpenAPI document anew, by real calls
	@$(BIN)/python -m tests.support.examples

openapi: $(VENV)/dev.stamp ## write openapi.json, the API's contract as it is committed, from the app
	@$(BIN)/python -m devhost.contract write

client: $(VENV)/dev.stamp ## write the TypeScript types of openapi.json into web/src/api/schema.d.ts
	@$(BIN)/python -m devhost.web client

lint: $(VENV)/dev.stamp ## ruff, codespell and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/codespell && $(BIN)/mypy

package: $(VENV)/dev.stamp ## make the release that is deployed, VERSION=name, into .data/releases: one zip, the same bytes for the same commit
	@if [ -z "$(VERSION)" ]; then echo "make package VERSION=name"; exit 2; fi
	@$(BIN)/python -m infra.package "$(VERSION)"

infra-check: $(INFRA)/made.stamp ## check infra/terraform without Azure: schema, values, Terraform's own tests, 33 planted faults, policies, the workflow
	@$(INFRA)/bin/python -m infra.check

floors: $(VENV)/dev.stamp ## draw the floors of the house anew from the code (docs/img/floors.svg)
	@$(BIN)/python -m tests.support.floors

check: $(VENV)/dev.stamp ## before a commit, under 90 s: lint, types and the unit tests that the change may break (ALL=1: all unit tests)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/codespell
	@$(BIN)/mypy & types=$$!; tests="$(if $(ALL),tests/unit,$$($(BIN)/python -m devhost.changed))"; rc=0; \
	  if [ -n "$$tests" ]; then $(BIN)/pytest -q -n 2 --dist worksteal -m "not slow" $$tests || rc=$$?; fi; wait $$types && exit $$rc

golden: $(VENV)/dev.stamp ## record the golden vectors of the decision core anew (a new problem version)
	@$(BIN)/python -m training.golden

train: $(VENV)/dev.stamp ## train a policy (BUDGET=minutes, SEEDS=1,2,3, CITY=folder, RESUME=1); 15 minutes on 2 cores; Dundee's days too where the data is
	@if [ -d "$(DATA)/dundee" ] && [ ! -d .data/cities/dundee ]; then $(BIN)/python -m cities import "$(DATA)/dundee" .data/cities/dundee; fi
	@$(BIN)/python -m training.train --out $(TRAINING) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(BUDGET),--budget $(BUDGET)) $(if $(RESUME),--resume) \
	  $$(if [ -n "$(CITY)" ]; then echo --city $(CITY); elif [ -d .data/cities/dundee ]; then echo --city .data/cities/dundee; \
	  else echo "no recorded city in $(DATA): generated and reference cities alone" >&2; fi)

evaluate: $(VENV)/dev.stamp ## judge policies on unseen days (SCENARIO=slack|busy|overload, CITY=folder, POLICIES=fast|slow|names|folders, DAYS=20)
	@$(BIN)/python -m training.evaluate --scenario $(or $(SCENARIO),busy) --policies $(or $(POLICIES),fast) --days $(or $(DAYS),20) $(if $(CITY),--city $(CITY))

publish: $(VENV)/dev.stamp ## export the best run of make train as VERSION=name and make it the champion of the store in DATA_DIR (or of the environment's)
	@if [ -z "$(VERSION)" ]; then echo "make publish VERSION=name [FROM=$(TRAINING)]; python -m training.release.publish --help has status, challenge, promote, rollback"; exit 2; fi
	@$(BIN)/python -m training.release.export --from $(or $(FROM),$(TRAINING)) --version $(VERSION) --target .data/exports
	@$(BIN)/python -m training.release.publish publish .data/exports/models/charge-policy/$(VERSION)

pipeline: $(VENV)/dev.stamp ## what the training machine runs: recorded demand of the environment's database, train, evaluate, publish if the rule holds
	@$(BIN)/python -m training.pipeline

forecast: $(VENV)/dev.stamp ## train the availability forecast on CITY=folder (Dundee where the data is) and export it as VERSION=name; half an hour of one core
	@if [ -z "$(VERSION)" ]; then echo "make forecast VERSION=name [CITY=folder]"; exit 2; fi
	@if [ -z "$(CITY)" ] && [ ! -d .data/cities/dundee ]; then $(BIN)/python -m cities import "$(DATA)/dundee" .data/cities/dundee; fi
	@$(BIN)/python -m training.forecast train --city $(or $(CITY),.data/cities/dundee) --out .data/forecast
	@$(BIN)/python -m training.forecast export --city $(or $(CITY),.data/cities/dundee) --from .data/forecast --version $(VERSION) --target .data/exports
	@echo "publish it: $(BIN)/python -m training.release.publish publish .data/exports/models/availability-forecast/$(VERSION)"

forecast-report: $(VENV)/dev.stamp ## judge the forecast on a city's last fifth beside last observation and table (CITY=folder, FORMAT=table|json, PICTURE=file.png)
	@if [ -z "$(CITY)" ] && [ ! -d .data/cities/dundee ]; then $(BIN)/python -m cities import "$(DATA)/dundee" .data/cities/dundee >&2; fi
	@$(BIN)/python -m training.forecast report --city $(or $(CITY),.data/cities/dundee) --format $(or $(FORMAT),table) $(if $(PICTURE),--picture $(PICTURE))

bench: $(VENV)/dev.stamp ## measure every headline figure (ONLY="booking nearby", BASE=revision compares with it in one run); docs/benchmarks.md
	@$(BIN)/python -m devhost.stack.install
	@$(BIN)/python -m bench $(ONLY) $(if $(BASE),--base $(BASE)) $(if $(ROUNDS),--rounds $(ROUNDS))

load: $(VENV)/dev.stamp ## drivers at 80 % of capacity for MINUTES=15 on MariaDB and the broker: errors, memory, percentiles, docs/img/load.png (WORKBOOK=file.png: what Azure Monitor would show)
	@$(BIN)/python -m devhost.stack.install
	@$(BIN)/python -m bench.load --minutes $(or $(MINUTES),15) $(if $(WORKBOOK),--workbook $(WORKBOOK))

requirements: $(VENV)/dev.stamp ## pin requirements*.txt anew from requirements*.in
	@for name in requirements requirements-run requirements-stack requirements-dev requirements-infra; do \
	$(BIN)/pip-compile -q --upgrade --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate -o $$name.txt $$name.in; done

clean: ## delete the virtual environment, node_modules and caches; DATA_DIR stays
	@rm -rf $(VENV) $(INFRA) node_modules web/node_modules web/dist .programs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; make doctor says more")'
	@echo "making $(VENV) (once) ..."
	@said=$$($(PYTHON) -m venv $(VENV) 2>&1) || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); \
	  else echo "$$said"; echo "apt-get install -y python3-venv, then again; make doctor says more"; exit 1; fi; }
	@touch $@

$(INFRA)/made.stamp: $(VENV)/made.stamp requirements-infra.txt
	@echo "installing Terraform and the checks of infra/ (once; a minute or two) ..."
	@$(PYTHON) -m venv $(INFRA) && $(INFRA)/bin/pip install -q --disable-pip-version-check --progress-bar off -r requirements-infra.txt
	@touch $@

$(VENV)/run.stamp: $(VENV)/made.stamp requirements-run.txt
	@echo "installing pinned packages (once; about a minute) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --progress-bar off -r requirements-run.txt
	@touch $@

$(VENV)/stack.stamp: $(VENV)/run.stamp requirements-stack.txt
	@echo "installing the broker's library (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-stack.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/made.stamp requirements-dev.txt requirements-train.txt
	@echo "installing pinned packages for tests and training (once; a few minutes) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --progress-bar off -r requirements-dev.txt -r requirements-train.txt
	@touch $@ $(VENV)/run.stamp $(VENV)/stack.stamp
