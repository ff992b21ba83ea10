# A real Kubernetes without Docker (test/cluster), a Go module of its own. `bin/cluster up` builds the parts; see test/cluster/README.md.

CLUSTER_BIN     := $(BIN)/cluster
CLUSTER_SOURCES := $(shell find test/cluster/cmd/cluster test/cluster/internal -type f ! -name '*_test.go') test/cluster/go.mod test/cluster/go.sum
# Two instances at once need about 3 GB. TESTFLAGS reaches `go test`.
CLUSTER_TIMEOUT ?= 30m

$(CLUSTER_BIN): $(CLUSTER_SOURCES)
	@mkdir -p $(dir $@)
	cd test/cluster && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -o '$(abspath $@)' ./cmd/cluster

.PHONY: cluster-parts
cluster-parts: $(CLUSTER_BIN) ## Build what a cluster consists of into the cache (minutes the first time)
	$(CLUSTER_BIN) build $(if $(CI),--install)

.PHONY: test-cluster
test-cluster: $(CLUSTER_BIN) ## Test bin/cluster itself; the tests that need root are skipped without it
	cd test/cluster && $(GO) vet ./...
	cd test/cluster && CLUSTER_PROGRAM='$(abspath $(CLUSTER_BIN))' $(GO) test -timeout $(CLUSTER_TIMEOUT) $(TESTFLAGS) ./...
