# The commands of the project. Each installs what it needs. Nothing is written outside this folder, except
# the caches of the package managers.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python that is new enough. It has to run, because a version manager leaves commands on the PATH
# that don't work.
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(or $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo "$$python" && break; done),\
	$(error Install Python 3.11 or newer with its venv module, or set PYTHON))

# Three more than the processors that the time budget is for: some tests only wait.
WORKERS ?= 5
# tests/order.py orders them.
PROCESSES := --numprocesses=$(WORKERS) --dist=loadgroup --no-loadscope-reorder
# `make test-slow` prints it. With the same seed again, the run goes on with what has not passed.
SEED ?= $(shell date +%s)
ONLY := $(if $(STRATEGY),--strategy=$(STRATEGY))

VENV := .venv/.installed
ARCHIVE := .cache/terraform/built/terraform-provider-archive
# Terraform reads the whole schema of the AWS provider for each command, so the tests hide most of it.
FILTER := .cache/terraform/aws/filter/terraform-provider-aws
PROVIDERS := .cache/terraform/cli.tfrc
LINTERS := .cache/bin/.installed
OPENTOFU := .cache/opentofu/.installed
# Each of these needs other libraries than the tests, and so has its own environment.
COMMANDS := .cache/awscli/.installed .cache/checkov/.installed .cache/moto/.installed
# The libraries of Lambda's runtime and those of a layer.
LIBRARIES := .cache/lambda/.installed .cache/layer/.downloaded
# Packages that the tests only read: the bindings of provider 6.x, and AWS's own descriptions.
WHEELS := .cache/aws-provider-6/.downloaded .cache/reference/.downloaded
# The example that is a Go test, compiled here so that no test needs the compiler or the network.
TERRATEST := .cache/terratest/.built
# GitHub's description of its API, to which the tests compare the local GitHub.
OPENAPI := .cache/openapi/.installed
# textlint, for `make prose`.
PROSE := .cache/prose/.installed
# The servers of the local databases; more versions of them for `make test-slow`.
DATABASES := .cache/databases/.installed-test
MORE_DATABASES := .cache/databases/.installed-test-slow
SETUP := $(VENV) $(PROVIDERS) $(LINTERS) $(OPENTOFU) $(COMMANDS) $(LIBRARIES) $(WHEELS) $(TERRATEST) $(OPENAPI) $(PROSE) \
	$(DATABASES)

# After Ctrl-C, this ends the providers of Terraform and deletes temporary folders.
REAP := .venv/bin/python dev/reap.py

PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: demo
demo: $(VENV) $(PROVIDERS) $(if $(DATABASE),$(DATABASES)) ## Rotate a key under load on a local AWS, or the password of a DATABASE
	@TF_CLI_CONFIG_FILE="$(CURDIR)/$(PROVIDERS)" DATABASE="$(DATABASE)" $(REAP) .venv/bin/python -m dev.demo

.PHONY: check
check: $(VENV) $(PROVIDERS) $(PROSE) ## Check a change in less than a minute
	@$(REAP) .venv/bin/pytest --quiet --numprocesses=2 --dist=worksteal $(ONLY) \
		-m 'not slow and not campaign' \
		--ignore=tests/unit/test_cloud_contract.py --ignore=tests/unit/test_conformance.py \
		--ignore=tests/unit/test_conformance_words.py --ignore=tests/unit/test_kill_matrix.py \
		--ignore=tests/unit/test_mysql_hostile.py --ignore=tests/unit/test_postgresql_corrupted.py \
		--ignore=tests/unit/test_hostile_servers.py \
		tests/static/test_python.py tests/static/test_prose.py tests/unit tests/plan/test_strategies.py \
		tests/static/test_terraform.py::test_hcl_is_formatted \
		tests/static/test_terraform.py::test_the_native_tests_of_a_module_pass

.PHONY: test
test: $(SETUP) ## Run all tests, as CI does, or those of one STRATEGY
	@$(REAP) .venv/bin/pytest $(PROCESSES) --durations=10 \
		-m 'not slow' $(ONLY) tests testing

.PHONY: test-slow
test-slow: $(SETUP) $(MORE_DATABASES) ## Run the campaigns whole, or go on with the run of a SEED
	@echo "SEED=$(SEED)"
	@SEED=$(SEED) $(REAP) .venv/bin/pytest $(PROCESSES) --durations=10 \
		-m 'slow or campaign' --hypothesis-profile=campaign --hypothesis-seed=$(SEED) \
		--record=.cache/campaigns --write-campaigns=docs/reliability.md $(ONLY) tests testing

# The limits of `make test-aws`, and pytest's -k for a part of the tests.
BUDGET_USD ?= 5
HOURS ?= 3
KEYWORD ?=

# Checkouts of rivals for `make bench`, which leaves out a rival without a path.
AWS_TEMPLATES ?=
SECRETS_MANAGER_MODULE ?=
RUNS ?= 15
# All tables, or some.
TABLES ?=

.PHONY: bench
bench: $(VENV) $(PROVIDERS) ## Measure the module beside its rivals, for docs/performance.md
	@PYTHONPATH=lambda:tools/conformance $(REAP) .venv/bin/python -m bench --runs="$(RUNS)" \
		$(if $(AWS_TEMPLATES),--aws-templates="$(AWS_TEMPLATES)") \
		$(if $(SECRETS_MANAGER_MODULE),--secrets-manager-module="$(SECRETS_MANAGER_MODULE)") \
		$(if $(TABLES),--only $(TABLES))

.PHONY: test-aws
test-aws: $(SETUP) ## Run tests in the real ACCOUNT and REGION, within BUDGET_USD, and clean up
	@.venv/bin/python -m testing.real_aws run --account="$(ACCOUNT)" --region="$(REGION)" \
		--budget="$(BUDGET_USD)" --hours="$(HOURS)" --keyword="$(KEYWORD)"

.PHONY: test-aws-clean
test-aws-clean: $(VENV) ## Remove what a RUN created in the real ACCOUNT and REGION
	@$(REAP) .venv/bin/python -m testing.real_aws clean \
		--account="$(ACCOUNT)" --region="$(REGION)" --run="$(RUN)"

.PHONY: local-aws
local-aws: $(VENV) ## Start the local AWS and print the environment to export
	@$(REAP) .venv/bin/python -m testing.local_aws

.PHONY: prose
prose: $(VENV) $(PROSE) ## Check the English of pages, comments, messages and names of tests
	@.venv/bin/python -m dev.prose
	@.venv/bin/codespell

.PHONY: fmt
fmt: $(VENV) ## Format Python and HCL
	@.venv/bin/ruff check --fix --quiet
	@.venv/bin/ruff format --quiet
	@terraform fmt -recursive

.PHONY: docs
docs: $(LINTERS) ## Write the inputs and outputs into README.md
	@.cache/bin/terraform-docs .

.PHONY: lock
lock: $(VENV) ## Update the pinned Python packages
	@cd requirements; for input in dev.in $(filter-out dev.in,$(notdir $(wildcard requirements/*.in))); do \
		options=; case $$input in aws-provider-6.in|reference.in) options=--no-deps; esac; \
		../.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 $$options \
			--generate-hashes --no-emit-index-url "$$input" --output-file "$${input%.in}.txt"; done

.PHONY: venv
venv: $(VENV) ## Create .venv only

.PHONY: setup
setup: $(SETUP) ## Install everything that the other commands need

.PHONY: clean
clean: ## Delete everything that the set-up created
	@rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment may be in use, and is updated in place. A package that is no longer pinned stays until
# `make clean`. CI has no old environment.
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

$(WHEELS): .cache/%/.downloaded: requirements/%.txt $(VENV)
	@echo "setup: the wheels of $* into .cache/$*" >&2
	@rm -rf $(@D)
	@.venv/bin/pip download $(PIP_OPTIONS) --requirement $< --no-deps --only-binary=:all: \
		--platform "manylinux2014_$$(uname -m | sed s/arm64/aarch64/)" --dest $(@D)
	@touch $@

# The archive provider is built from its Go module, because not all machines reach Terraform's registry.
$(ARCHIVE): dev/toolchain/archive/go.mod dev/toolchain/archive/go.sum
	@echo "setup: building the archive provider (half a minute, once)" >&2
	@$(call go_build,dev/toolchain/archive,$(@D),tool)

$(FILTER): $(wildcard dev/toolchain/aws/*)
	@echo "setup: building the filter of the AWS provider (half a minute, once)" >&2
	@$(call go_build,dev/toolchain/aws,$(@D),.)

$(PROVIDERS): dev/setup.py $(ARCHIVE) $(FILTER)
	@$(PYTHON) dev/setup.py

$(LINTERS): dev/toolchain/lint/go.mod dev/toolchain/lint/go.sum
	@echo "setup: building tflint and terraform-docs (a minute or two, once)" >&2
	@$(call go_build,dev/toolchain/lint,$(@D),tool)
	@touch $@

$(OPENTOFU): dev/toolchain/opentofu/go.mod dev/toolchain/opentofu/go.sum
	@echo "setup: building OpenTofu (two or three minutes, once)" >&2
	@$(call go_build,dev/toolchain/opentofu,$(@D),tool)
	@touch $@

$(TERRATEST): $(wildcard examples/ci/terratest/*)
	@echo "setup: compiling the Terratest example (a minute or two, once)" >&2
	@mkdir -p $(@D)
	@go test -C examples/ci/terratest -run='^$$' ./... >/dev/null 2> >($(without_downloads))
	@touch $@

# The tests need only a part of the package: the rest has 350 MB.
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

$(DATABASES) $(MORE_DATABASES): .cache/databases/.installed-%: dev/databases.py $(wildcard dev/toolchain/databases/*)
	@echo "setup: the database servers of make $* into .cache/databases (a minute, once)" >&2
	@$(PYTHON) dev/databases.py $*
	@touch $@

# Builds the tools in a go.mod, or the program beside it, at the versions in its go.sum.
go_build = go build -C $(1) -mod=readonly -trimpath -o "$(CURDIR)/$(2)/" $(3) 2> >($(without_downloads))
without_downloads = grep --invert-match '^go: downloading ' >&2
