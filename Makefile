# What people run. `make help` lists the targets; the two that matter are `make demo` and `make test`.

GO            ?= go
BIN           := bin
CACHE         := .cache
# The race detector needs a C compiler. Without one the tests run all the same, unless CI is set: there it is an error.
CC_FOUND      := $(shell command -v gcc 2>/dev/null || command -v clang 2>/dev/null || command -v cc 2>/dev/null)
RACE          ?= $(if $(CC_FOUND),-race)
# Packages under test at once. The end-to-end tests measure traffic, so they want a core to themselves.
PARALLEL      ?= 2
TEST_TIMEOUT  ?= 20m
FUZZTIME      ?= 20s
# What the end-to-end tests measured goes here, and is printed after them.
MEASURED      := $(abspath $(CACHE))/measured.txt

# Pinned by its own go.mod, and rebuilt when that changes.
GOLANGCI_LINT := $(CACHE)/golangci-lint-$(shell cksum < tools/golangci-lint/go.sum | cut -d' ' -f1)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build cloudgate and fakecloud into bin/
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -o $(BIN)/ ./cmd/...

.PHONY: demo
demo: ## See it work: Gateways in, load balancers that answer out, on this machine alone (CLASS=aws: as AWS would)
	@echo "Building. The first time this downloads the dependencies and takes a few minutes; after that it takes seconds."
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -o $(BIN)/ ./cmd/cloudgate ./test/demo
	@$(BIN)/demo -cloudgate $(BIN)/cloudgate -examples examples -class '$(or $(CLASS),fake)'

.PHONY: demo-cluster
demo-cluster: $(BIN)/demo-cluster ## The same on a real Kubernetes: brings one up (root, no Docker; or kind), installs both charts, sends requests
	@$(BIN)/demo-cluster up

.PHONY: demo-cluster-down
demo-cluster-down: $(BIN)/demo-cluster ## Take away what make demo-cluster made
	@$(BIN)/demo-cluster down

.PHONY: $(BIN)/demo-cluster
$(BIN)/demo-cluster:
	@echo "Building. The first time this downloads dependencies and takes a while; after that it takes seconds."
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -o $@ ./test/demo/cluster

# Nodes of a cluster need root.
ROOT := $(filter 0,$(shell id -u))

.PHONY: test
test: lint verify-generated test-go $(if $(ROOT),test-cluster e2e-cluster,without-root) ## Run everything that has to pass: lint, generated code, all tests with -race, the stories on a cluster

.PHONY: without-root
without-root:
	@echo 'NOT RUN, because nodes need root: the tests of test/cluster and the stories on a cluster. To run them: sudo env "PATH=$$PATH" make test-cluster e2e-cluster'
	@[ -z "$(CI)" ]

.PHONY: test-go
test-go: $(if $(PKG),,kube) ## Run the Go tests alone (PKG=./pkg/... for some of them)
ifeq ($(RACE),)
	@if [ -n "$(CI)" ]; then echo "The race detector needs a C compiler: apt-get install gcc libc6-dev"; exit 1; fi
	@echo "No C compiler found: the tests run WITHOUT the race detector. To have it: apt-get install gcc libc6-dev"
endif
	@mkdir -p $(CACHE)
	E2E_MEASURED='$(MEASURED)' $(if $(PKG),,CLOUDGATE_KUBE="$$($(BIN)/cluster build --control-plane --print kube)") $(GO) test $(RACE) -shuffle=on -p $(PARALLEL) -timeout $(TEST_TIMEOUT) $(TESTFLAGS) $(if $(PKG),$(PKG),./...)
ifneq ($(RACE),)
ifeq ($(PKG),)
	$(GO) test -run Allocation ./pkg/proxy # the race detector allocates, so this needs a run without it
endif
endif
	@if [ -s '$(MEASURED)' ]; then echo "What the stories of test/e2e measured:"; sed 's/^/  /' '$(MEASURED)'; fi

# The API server of test/apiserver. Building it needs neither root nor a C compiler.
.PHONY: kube
kube: $(BIN)/cluster
	@$(BIN)/cluster build --control-plane

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run golangci-lint, pinned in tools/golangci-lint, on this module and on those of tools that are ours
	GOLANGCI_LINT_CACHE='$(abspath $(CACHE))/lint' $(GOLANGCI_LINT) run ./...
	@for module in test/cluster tools/image; do (cd $$module && echo "lint $$module" && \
		GOLANGCI_LINT_CACHE='$(abspath $(CACHE))/lint' '$(abspath $(GOLANGCI_LINT))' run --config ../../.golangci.yml ./...) || exit; done

.PHONY: generate
generate: ## Write generated code and CRDs anew
	$(GO) generate ./...

.PHONY: verify-generated
verify-generated: ## Fail when generated code is not what `make generate` writes
	sh tools/verify-generated.sh $(GO) generate ./...

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME each (make test runs the seeds only)
	@sh tools/fuzz.sh $(GO) $(FUZZTIME)

.PHONY: e2e
e2e: ## Run the stories of test/e2e alone, with what they measure
	$(GO) test $(RACE) -count=1 -v -timeout $(TEST_TIMEOUT) ./test/e2e/...

.PHONY: clean
clean: ## Remove what was built, and end the clusters that run on it
	[ ! -x $(BIN)/cluster ] || $(BIN)/cluster down --all
	rm -rf $(BIN) $(CACHE)

$(GOLANGCI_LINT): tools/golangci-lint/go.mod
	@mkdir -p $(CACHE) && rm -f $(CACHE)/golangci-lint-*
	cd tools/golangci-lint && $(GO) build -trimpath -o '$(abspath $@)' github.com/golangci/golangci-lint/v2/cmd/golangci-lint

include charts/charts.mk
include tools/image/image.mk
include test/bench/bench.mk
include test/cluster/cluster.mk
include test/externaldns/externaldns.mk
include test/awscontroller/awscontroller.mk
include test/e2e/cluster/cluster-e2e.mk
include test/conformance/conformance.mk
