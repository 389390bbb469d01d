# The commands of playvirt. `make help` lists them; their names are a contract.
# Everything is installed into .venv, everything that runs keeps its state in .cluster.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

NODES ?= 1
BLOCK_VOLUMES ?= 0
BENCH ?=
STATE := $(abspath .cluster)
VENV := $(abspath .venv)
COLLECTION := $(VENV)/collections/ansible_collections/playvirt/core

export ANSIBLE_COLLECTIONS_PATH := $(VENV)/collections
export ANSIBLE_LOCALHOST_WARNING := False
export ANSIBLE_INVENTORY_UNPARSED_WARNING := False
export PYTHONPATH := $(VENV)/collections
export PATH := $(VENV)/bin:$(STATE)/bin:$(PATH)

# CLUSTER=current means the cluster of the caller's own kubeconfig; anything else the embedded one.
ifneq ($(CLUSTER),current)
export KUBECONFIG := $(STATE)/kubeconfig
export K8S_AUTH_KUBECONFIG := $(STATE)/kubeconfig
endif

PLAY = ansible-playbook $(if $(V),-v)
INSTALLED := $(VENV)/.installed-$(firstword $(shell cat requirements/dev.txt tests/install-venv.sh 2>/dev/null | sha256sum))

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

$(INSTALLED): 
	@bash tests/install-venv.sh $(VENV) $(abspath .)
	@touch $@

.PHONY: install
install: $(INSTALLED) ## install the development environment into .venv

.PHONY: cluster
cluster: $(INSTALLED) ## start the embedded cluster (NODES=n, BLOCK_VOLUMES=n)
	@$(PLAY) playvirt.core.cluster -e embedded_cluster_nodes=$(NODES) -e embedded_cluster_block_volumes=$(BLOCK_VOLUMES) -e embedded_cluster_state_directory=$(STATE)

.PHONY: cluster-down
cluster-down: $(INSTALLED) ## remove the embedded cluster and everything it made
	@$(PLAY) playvirt.core.cluster_down -e embedded_cluster_state_directory=$(STATE)

.PHONY: images
images: $(INSTALLED) ## build the images and load them into the embedded cluster (IMAGE_REGISTRY= pushes them)
	@$(PLAY) playvirt.core.images -e images_state_directory=$(STATE) \
	  $(if $(IMAGE_REGISTRY),-e images_registry=$(IMAGE_REGISTRY)) $(if $(IMAGE_REGISTRY)$(filter current,$(CLUSTER)),-e images_push=true)

.PHONY: install-playvirt
install-playvirt: $(INSTALLED) ## install playvirt into the cluster
	@$(PLAY) playvirt.core.install -e operator_images_file=$(STATE)/images.json

.PHONY: uninstall-playvirt
uninstall-playvirt: $(INSTALLED) ## remove playvirt from the cluster (FORCE=1 also while VMs run, PURGE=1 also CRDs and VMs)
	@$(PLAY) playvirt.core.uninstall -e operator_force=$(if $(FORCE),true,false) -e operator_purge=$(if $(PURGE),true,false)

.PHONY: demo
demo: $(INSTALLED) ## fresh machine -> cluster -> images -> playvirt -> a VM at its login prompt
	@$(if $(filter current,$(CLUSTER)),,$(MAKE) --no-print-directory cluster)
	@$(MAKE) --no-print-directory images
	@$(MAKE) --no-print-directory install-playvirt
	@$(PLAY) playvirt.core.demo

.PHONY: check
check: $(INSTALLED) ## format, lint, types, layering, generated files, unit tests (offline, about a minute)
	@$(MAKE) --no-print-directory -j2 --output-sync check-files check-code

.PHONY: check-files
check-files:
	ruff format --check .
	ruff check .
	yamllint --strict .
	cd $(COLLECTION) && ansible-lint --offline -q

.PHONY: check-code
check-code:
	python -m ansible_collections.playvirt.core.tests.generate --check
	bash tests/types.sh
	pytest -q tests/unit -m "not full"

.PHONY: format
format: $(INSTALLED) ## rewrite the Python files in the house's format
	ruff format .
	ruff check --fix .

.PHONY: generate
generate: $(INSTALLED) ## rewrite the generated files (crds/, docs/fields.md)
	python -m ansible_collections.playvirt.core.tests.generate

.PHONY: molecule
molecule: $(INSTALLED) ## run one molecule scenario per role
	bash tests/molecule.sh

.PHONY: test
test: check molecule ## check, integration, one end-to-end story per part, on the embedded cluster
	@$(MAKE) --no-print-directory cluster images install-playvirt CLUSTER= BLOCK_VOLUMES=2
	pytest -q tests/integration tests/e2e -m "not full"

.PHONY: test-full
test-full: check molecule ## the full matrices and failure cases, on three nodes
	@$(MAKE) --no-print-directory cluster NODES=3 CLUSTER= BLOCK_VOLUMES=2
	@$(MAKE) --no-print-directory images install-playvirt CLUSTER=
	pytest -q tests/unit -m full
	pytest -q tests/integration tests/e2e

.PHONY: bench
bench: $(INSTALLED) ## run the benchmarks (BENCH=name): one JSON object per line on stdout
	@python -m ansible_collections.playvirt.core.tests.bench $(BENCH)

.PHONY: chaos
chaos: ## the long chaos run
	@echo "make chaos: not part of playvirt yet; 'make test-full' runs the failure cases there are" >&2; exit 2
