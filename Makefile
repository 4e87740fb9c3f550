# Every command of the project. Each sets up what it needs; nothing is written outside this folder
# but the package managers' own caches.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python that is new enough. Asked by running it, since a version manager leaves commands
# on the PATH that refuse to work.
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(or $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo "$$python" && break; done),\
	$(error Install Python 3.11 or newer with its venv module, or set PYTHON))

# One more than the time budget has processors: a test that waits leaves its own to another.
WORKERS ?= 3
# `make test-slow` prints it. With the same seed again, the run goes on with what has not passed.
SEED ?= $(shell date +%s)
ONLY := $(if $(STRATEGY),--strategy=$(STRATEGY))

VENV := .venv/.installed
ARCHIVE := .cache/terraform/built/terraform-provider-archive
PROVIDERS := .cache/terraform/cli.tfrc
LINTERS := .cache/bin/.installed
# Commands that pin older libraries than the tests run on: an environment for each.
COMMANDS := .cache/awscli/.installed .cache/checkov/.installed
# What a function finds beside its package, what a layer brings to it, and the generated bindings of provider 6.x.
LIBRARIES := .cache/lambda/.installed .cache/layer/.downloaded .cache/aws-provider-6/.downloaded
# The example that is a Go test, compiled, so that no test waits for a compiler or the network.
TERRATEST := .cache/terratest/.built
# GitHub's published description of its API, which the local GitHub is held against.
OPENAPI := .cache/openapi/.installed
# textlint, which reads the project's English.
PROSE := .cache/prose/.installed
SETUP := $(VENV) $(PROVIDERS) $(LINTERS) $(COMMANDS) $(LIBRARIES) $(TERRATEST) $(OPENAPI) $(PROSE)

# Ctrl-C kills Terraform before its providers end, and a test before its folder is deleted.
TIDILY := .venv/bin/python dev/reap.py

PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes

.PHONY: help
help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: demo
demo: $(VENV) $(PROVIDERS) ## Watch a key rotate under load, on the embedded local AWS
	@TF_CLI_CONFIG_FILE="$(CURDIR)/$(PROVIDERS)" $(TIDILY) .venv/bin/python -m dev.demo

.PHONY: check
check: $(VENV) $(PROVIDERS) $(PROSE) ## Check a change in less than a minute
	@$(TIDILY) .venv/bin/pytest --quiet --numprocesses=2 --dist=worksteal $(ONLY) \
		-m 'not slow and not campaign' --ignore=tests/unit/test_kill_matrix.py \
		tests/static/test_python.py tests/static/test_prose.py tests/unit tests/plan/test_strategies.py \
		tests/static/test_terraform.py::test_hcl_is_formatted \
		tests/static/test_terraform.py::test_the_native_tests_of_a_module_pass

.PHONY: test
test: $(SETUP) ## Run everything that guards the promises (STRATEGY selects the tests of one strategy)
	@$(TIDILY) .venv/bin/pytest --numprocesses=$(WORKERS) --dist=loadgroup --durations=10 \
		-m 'not slow' $(ONLY) tests testing

.PHONY: test-slow
test-slow: $(SETUP) ## Run the campaigns, whole (SEED goes on with a run, STRATEGY selects)
	@echo "SEED=$(SEED)"
	@SEED=$(SEED) $(TIDILY) .venv/bin/pytest --numprocesses=$(WORKERS) --dist=loadgroup --durations=10 \
		-m 'slow or campaign' --hypothesis-profile=campaign --hypothesis-seed=$(SEED) \
		--record=.cache/campaigns --write-campaigns=docs/reliability.md $(ONLY) tests testing

.PHONY: local-aws
local-aws: $(VENV) ## Start the local AWS and print the environment to export
	@$(TIDILY) .venv/bin/python -m testing.local_aws

.PHONY: lint
lint: $(SETUP) ## The static checks alone
	@$(TIDILY) .venv/bin/pytest --quiet tests/static

.PHONY: prose
prose: $(VENV) $(PROSE) ## Check the English of pages, comments, messages and names of tests
	@.venv/bin/python -m dev.prose

.PHONY: fmt
fmt: $(VENV) ## Format the Python and the HCL
	@.venv/bin/ruff check --fix --quiet
	@.venv/bin/ruff format --quiet
	@terraform fmt -recursive

.PHONY: docs
docs: $(LINTERS) ## Write inputs and outputs into README.md
	@.cache/bin/terraform-docs .

.PHONY: lock
lock: $(VENV) ## Update every pinned Python dependency
	@cd requirements; for input in dev.in $(filter-out dev.in,$(notdir $(wildcard requirements/*.in))); do \
		options=; [[ $$input != aws-provider-6.in ]] || options=--no-deps; \
		../.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 $$options \
			--generate-hashes --no-emit-index-url "$$input" --output-file "$${input%.in}.txt"; done

.PHONY: venv
venv: $(VENV) ## Make .venv alone

.PHONY: setup
setup: $(SETUP) ## Make everything that the other commands need

.PHONY: clean
clean: ## Delete all that the set-up made
	@rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is brought up to date in place: it may be in use. A package that left the lock stays
# until `make clean`; CI starts from nothing.
$(VENV): requirements/dev.txt
	@echo "setup: Python packages into .venv" >&2
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install $(PIP_OPTIONS) --requirement $<
	@touch $@

$(COMMANDS): .cache/%/.installed: requirements/%.txt
	@echo "setup: $* into .cache/$*" >&2
	@$(PYTHON) -m venv .cache/$*
	@.cache/$*/bin/pip install $(PIP_OPTIONS) --requirement $<
	@touch $@

.cache/lambda/.installed: requirements/lambda.txt $(VENV)
	@echo "setup: the Lambda runtime's libraries into .cache/lambda" >&2
	@rm -rf $(@D)
	@.venv/bin/pip install $(PIP_OPTIONS) --requirement $< --target $(@D)
	@touch $@

.cache/layer/.downloaded: requirements/layer.txt $(VENV)
	@echo "setup: the wheels of a layer into .cache/layer" >&2
	@rm -rf $(@D)
	@.venv/bin/pip download $(PIP_OPTIONS) --requirement $< --only-binary=:all: \
		--platform "manylinux2014_$$(uname -m | sed s/arm64/aarch64/)" --dest $(@D)
	@touch $@

.cache/aws-provider-6/.downloaded: requirements/aws-provider-6.txt $(VENV)
	@echo "setup: the bindings of AWS provider 6.x into .cache/aws-provider-6" >&2
	@rm -rf $(@D)
	@.venv/bin/pip download $(PIP_OPTIONS) --requirement $< --no-deps --only-binary=:all: --dest $(@D)
	@touch $@

# The archive provider is built, since more machines reach Go's modules than Terraform's registry.
$(ARCHIVE): dev/toolchain/archive/go.mod dev/toolchain/archive/go.sum
	@echo "setup: building the archive provider (half a minute, once)" >&2
	@$(call go_build,dev/toolchain/archive,$(@D))

$(PROVIDERS): dev/setup.py $(ARCHIVE)
	@$(PYTHON) dev/setup.py

$(LINTERS): dev/toolchain/lint/go.mod dev/toolchain/lint/go.sum
	@echo "setup: building tflint and terraform-docs (a minute or two, once)" >&2
	@$(call go_build,dev/toolchain/lint,$(@D))
	@touch $@

$(TERRATEST): $(wildcard examples/ci/terratest/*)
	@echo "setup: compiling the Terratest example (a minute or two, once)" >&2
	@mkdir -p $(@D)
	@go test -C examples/ci/terratest -run='^$$' ./... >/dev/null 2> >($(without_downloads))
	@touch $@

# Only what the tests read is kept: the rest of the package is 350 MB.
$(OPENAPI): dev/toolchain/openapi/package.json dev/toolchain/openapi/package-lock.json
	@echo "setup: GitHub's API description into .cache/openapi" >&2
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@npm ci --prefix $(@D) --silent --no-audit --no-fund --ignore-scripts
	@find $(@D) -name '*.deref.json' -delete
	@touch $@

$(PROSE): dev/toolchain/prose/package.json dev/toolchain/prose/package-lock.json
	@echo "setup: textlint into .cache/prose" >&2
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@npm ci --prefix $(@D) --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# The tools that a go.mod names, at the versions that its go.sum holds.
go_build = go build -C $(1) -mod=readonly -trimpath -o "$(CURDIR)/$(2)/" tool 2> >($(without_downloads))
without_downloads = grep --invert-match '^go: downloading ' >&2
