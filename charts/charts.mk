# Helm and the charts. Included by the Makefile.

# Pinned by its own go.mod, and rebuilt when that changes.
$(BIN)/helm: tools/helm/go.mod tools/helm/go.sum
	@mkdir -p $(BIN)
	cd tools/helm && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags='-s -w' -o '$(abspath $@)' helm.sh/helm/v4/cmd/helm

# The tests of charts/ render with it, and compare flags with what the programs say of themselves.
test-go: $(BIN)/helm

.PHONY: test-charts
test-charts: $(BIN)/helm ## Run the tests of the Helm charts alone (what they render is in charts/testdata; TESTFLAGS=-update rewrites it)
	$(GO) test ./charts/... $(TESTFLAGS)

.PHONY: package-charts
package-charts: $(BIN)/helm ## Pack both charts into .cache/charts
	@mkdir -p $(CACHE)/charts
	$(BIN)/helm package --destination $(CACHE)/charts charts/cloudgate charts/fake-cloud
