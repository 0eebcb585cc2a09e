# Everything that is done with this repository is a target here. `make` lists them.
#
# What is set up is noted in stamp files in .venv, so that a run without changes costs no time.
# Nothing is installed outside the checkout, with two exceptions: ansible-test keeps its environments under
# ~/.ansible/test, and `integration`, as root on Debian and the like, installs missing $(SYSTEM_PACKAGES).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Settings, all of which can be given on the command line: make site PYTHON=python3.12
PYTHON ?= $(firstword $(foreach p,python3 python3.11 python3.12 python3.13 python3.14,$(shell \
	$(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
ANSIBLE_ARGS ?=
PYTEST_ARGS ?=
TARGETS ?=
SANITY_ARGS ?=
INTEGRATION_ARGS ?=
LANES ?= 3
BENCH_ARGS ?=
NOX_ARGS ?=
SYSTEM_PACKAGES ?= aardvark-dns docker.io iproute2 iptables netavark openssh-server podman runc shellcheck

ROOT := $(CURDIR)
BUILD := .build
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
COLLECTIONS := $(BUILD)/collections
LINK := $(COLLECTIONS)/ansible_collections/kwok/sim
RESULTS := $(BUILD)/results
TEST_TREE := $(BUILD)/test/ansible_collections/kwok/sim

# The collection in the checkout is the one that is used, whatever is installed elsewhere.
export ANSIBLE_CONFIG := $(ROOT)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(ROOT)/$(COLLECTIONS)
export PATH := $(ROOT)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Ansible refuses to run where text is not UTF-8, as where no locale is set.
ifneq ($(shell locale charmap 2>/dev/null),UTF-8)
export LC_ALL := C.UTF-8
endif

# $(call stage,TITLE) opens a recipe: prints a heading, and at the end how long it took; `make test` sums up what it leaves.
stage = @trap 'rc=$$?; test $$rc = 0 && how=done || how=FAILED; printf "=== %s: %s after %d s\n" "$(1)" $$how $$SECONDS; \
	test -z "$(SUMMED_UP)" || printf "%s\t%d\t%s\n" $$how $$SECONDS "$(1)" >>$(ROOT)/$(RESULTS)/stages.tsv; exit $$rc' EXIT; \
	printf '\n=== %s\n' "$(1)";

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nSettings: PYTHON, TARGETS (make integration TARGETS="kwok_cluster kwok_kubectl"), LANES,\nand for the programs called: ANSIBLE_ARGS PYTEST_ARGS SANITY_ARGS INTEGRATION_ARGS BENCH_ARGS NOX_ARGS\n'

.PHONY: site
site: $(STAMPS)/site collection ## Set everything up and bring a cluster up (playbooks/site.yml)
	$(call stage,Playbook kwok.sim.site) ansible-playbook kwok.sim.site $(ANSIBLE_ARGS)

.PHONY: clean-cluster
clean-cluster: $(STAMPS)/site collection ## Take the cluster down and remove it (playbooks/teardown.yml)
	$(call stage,Playbook kwok.sim.teardown) ansible-playbook kwok.sim.teardown $(ANSIBLE_ARGS)

##@ Set-up

.PHONY: venv
venv: $(STAMPS)/dev ## The virtual environment .venv with everything that development needs

.PHONY: collection
collection: $(LINK) ## Make the checkout importable as ansible_collections.kwok.sim

$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

$(BIN)/python:
	$(call stage,Virtual environment $(VENV)) \
	if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	rm -rf $(VENV); \
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
		echo "This Python has no ensurepip (Debian: python3-venv); its own pip is used instead."; \
		rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); $(PYTHON) -m pip --python $(VENV)/bin/python install pip; }; \
	$(BIN)/python --version

$(STAMPS)/site: requirements.txt requirements/site.txt | $(BIN)/python
	$(call stage,Requirements of make site) $(BIN)/python -m pip install --progress-bar off --requirement requirements/site.txt \
		| { grep --line-buffered -v '^Requirement already satisfied' || true; }; mkdir -p $(@D); touch $@

$(STAMPS)/dev: requirements/dev.txt controller/pyproject.toml $(STAMPS)/site
	$(call stage,Requirements of development) $(BIN)/python -m pip install --progress-bar off --requirement requirements/dev.txt \
		| { grep --line-buffered -v '^Requirement already satisfied' || true; }; touch $@

.PHONY: system-packages
system-packages: ## Install the Debian packages that a test needs, where that is possible
	@tests/tools/system_packages.sh $(SYSTEM_PACKAGES)

.PHONY: test-tree
test-tree: $(STAMPS)/dev
	@$(BIN)/python tests/tools/copy_tree.py . $(TEST_TREE)
	@$(BIN)/python tests/tools/pip_bootstrap.py

##@ Checks

CHECKS := lint unit controller repository sanity integration

.PHONY: test
test: $(STAMPS)/dev collection ## Set everything up and run every check and test; all run, whichever fails
	@rm -rf $(RESULTS); mkdir -p $(RESULTS); rc=0; \
	$(MAKE) --keep-going SUMMED_UP=yes $(CHECKS) || rc=$$?; \
	printf '\n=== make test: %d min %d s\n' $$((SECONDS / 60)) $$((SECONDS % 60)); \
	$(BIN)/python tests/tools/summary.py $(RESULTS) || rc=$$?; \
	exit $$rc

.PHONY: lint
lint: ruff typecheck lint-imports yamllint ansible-lint docs-lint changelog-lint licences extra-checks ## Every check that reads the sources only, except sanity

.PHONY: ruff
ruff: $(STAMPS)/dev
	$(call stage,ruff) ruff check . && ruff format --check .

.PHONY: format
format: $(STAMPS)/dev ## Sort imports, apply safe fixes and format with ruff
	@ruff check --fix . ; ruff format .

.PHONY: typecheck
typecheck: $(STAMPS)/dev collection ## mypy
	$(call stage,mypy) mypy $(LINK)/noxfile.py $(LINK)/boards $(LINK)/plugins $(LINK)/tests $$(find $(wildcard $(LINK)/bench) $(LINK)/playbooks $(LINK)/roles -name '*.py') \
		| sed 's#^$(LINK)/##'
	$(call stage,mypy of the controller) cd controller && mypy src bench tests

.PHONY: lint-imports
lint-imports: $(STAMPS)/dev
	$(call stage,import-linter) cd controller && lint-imports --no-cache

.PHONY: yamllint
yamllint: $(STAMPS)/dev
	$(call stage,yamllint) yamllint --strict .

.PHONY: ansible-lint
ansible-lint: $(STAMPS)/dev collection
	$(call stage,ansible-lint) ansible-lint --offline --nocolor

.PHONY: docs-lint
docs-lint: $(STAMPS)/dev collection
	$(call stage,antsibull-docs) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self \
		--skip-rstcheck $(LINK)

.PHONY: changelog-lint
changelog-lint: $(STAMPS)/dev
	$(call stage,antsibull-changelog) antsibull-changelog lint

.PHONY: licences
licences: $(STAMPS)/dev
	$(call stage,reuse) reuse lint --lines

# The sessions of antsibull-nox that need no environment of their own; `make nox` runs them all.
.PHONY: extra-checks
extra-checks: $(STAMPS)/dev
	$(call stage,antsibull-nox) nox --session antsibull-nox-config extra-checks

.PHONY: sanity
sanity: $(STAMPS)/dev test-tree system-packages ## ansible-test sanity, every test, nothing ignored
	$(call stage,ansible-test sanity) python="$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	cd $(TEST_TREE); mkdir -p tests/output/junit $(ROOT)/$(RESULTS)/sanity; rm -f tests/output/junit/ansible-test-sanity-*.xml; rc=0; \
	ansible-test sanity --color no --python "$$python" --junit --exclude controller/ $(SANITY_ARGS) </dev/null || rc=$$?; \
	find tests/output/junit -name 'ansible-test-sanity-*.xml' -exec cp -t $(ROOT)/$(RESULTS)/sanity {} +; exit $$rc

.PHONY: unit
unit: $(STAMPS)/dev collection ## Unit tests
	$(call stage,Unit tests) pytest tests/unit --junit-xml=$(RESULTS)/unit.xml $(PYTEST_ARGS)

.PHONY: controller
controller: $(STAMPS)/dev collection ## Tests of the controller
	$(call stage,Tests of the controller) pytest --config-file controller/pyproject.toml --rootdir controller controller/tests \
		--junit-xml=$(RESULTS)/controller.xml $(PYTEST_ARGS)

FAULTS ?= 200
SEED ?= 1
.PHONY: faults
faults: $(STAMPS)/dev collection ## The controller among faults, of any number and seed: make faults FAULTS=200 SEED=1
	$(call stage,$(FAULTS) faults of seed $(SEED)) pytest --config-file controller/pyproject.toml --rootdir controller \
		controller/tests/faults --faults $(FAULTS) --seed $(SEED) $(PYTEST_ARGS)

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(STAMPS)/dev collection ## Fuzz the controller's pure parts, all targets together for FUZZ_SECONDS
	$(call stage,Fuzzing) python controller/tests/fuzz/run_atheris.py --seconds $(FUZZ_SECONDS) --crashes $(BUILD)/crashes

.PHONY: repository
repository: $(STAMPS)/dev collection ## Tests of the repository itself: metadata, documentation, the built collection
	$(call stage,Tests of the repository) pytest tests/repository --junit-xml=$(RESULTS)/repository.xml $(PYTEST_ARGS)

.PHONY: integration
integration: $(STAMPS)/dev test-tree system-packages ## Integration tests against real clusters; TARGETS selects, LANES are run at a time
	$(call stage,ansible-test integration) $(BIN)/python tests/tools/integration.py --lanes $(LANES) --source . --tree $(TEST_TREE) \
		--results $(RESULTS)/integration $(TARGETS) -- $(INTEGRATION_ARGS)

##@ More

.PHONY: boards
boards: $(STAMPS)/dev ## Write Grafana's boards from boards/ to the role
	@python -m boards

.PHONY: board-pictures
board-pictures: $(STAMPS)/dev collection ## Draw the boards from a Prometheus: make board-pictures PROMETHEUS=http://127.0.0.1:24173
	@PYTHONPATH=$(COLLECTIONS) python -m boards.pictures $(PROMETHEUS)

.PHONY: bench
bench: $(STAMPS)/dev collection ## Benchmarks: side by side with the Go kwok; BENCH_ARGS=--help lists others
	$(call stage,Benchmarks) PYTHONPATH=$(COLLECTIONS) python -m bench $(BENCH_ARGS)

.PHONY: docs
docs: $(STAMPS)/dev collection ## Reference pages of the collection's content, as reStructuredText in .build/docs
	$(call stage,Documentation) rm -rf $(BUILD)/docs; mkdir -p -m 0755 $(BUILD)/docs; \
	antsibull-docs collection --use-current --fail-on-error --dest-dir $(BUILD)/docs kwok.sim

.PHONY: nox
nox: $(STAMPS)/dev ## The checks of antsibull-nox, each in an environment of its own
	$(call stage,antsibull-nox) nox $(NOX_ARGS)

.PHONY: clean
clean: ## Remove everything that make has made in the checkout (no cluster, no cache of executables)
	rm -rf $(BUILD) $(VENV) .ansible .hypothesis .mypy_cache .nox .pytest_cache .ruff_cache
