# The Gateway API's conformance suite, unmodified, against the class `fake` on a cluster of test/cluster. Included by the Makefile.

CONFORMANCE_CLUSTER ?= conformance
# Which of the Gateway API's channels is installed. KEEP=1 leaves the cluster up, and the next run uses it. RUN is the name of one test.
CONFORMANCE_CHANNEL  = $(or $(CHANNEL),experimental)
KEEP                ?=
RUN                 ?= .
# Empty: those that the GatewayClass claims in its status. "all", or names with commas between: these, whatever it claims.
FEATURES            ?=
# The GatewayClass: fake, or aws against the fake AWS.
CONFORMANCE_CLASS    = $(or $(CLASS),fake)
# More flags for the suite, as in --debug, --fail-fast, --test.parallel=4.
SUITE_FLAGS         ?=
CONFORMANCE_TIMEOUT ?= 60m

CONFORMANCE         := $(CACHE)/conformance
CONFORMANCE_TOOL    := $(CONFORMANCE)/conformance
CONFORMANCE_SUITE   := $(CONFORMANCE)/suite.test
CONFORMANCE_ECHO    := $(CONFORMANCE)/programs/echo-basic
CONFORMANCE_COREDNS := $(CONFORMANCE)/programs/coredns
CONFORMANCE_VERSION  = $(or $(VERSION),$(shell git describe --tags --always --dirty 2>/dev/null),dev)

.PHONY: conformance
conformance: $(BIN)/cluster $(BIN)/helm images $(CONFORMANCE_TOOL) $(CONFORMANCE_SUITE) $(CONFORMANCE_ECHO) $(CONFORMANCE_COREDNS) ## Run the Gateway API's conformance suite on a cluster of two nodes (RUN=HTTPRouteCORS runs one test, CHANNEL=standard, CLASS=aws, KEEP=1)
	@mkdir -p test/conformance/reports
	CLUSTER='$(abspath $(BIN))/cluster' HELM='$(abspath $(BIN))/helm' IMAGE_TOOL='$(abspath $(IMAGE_TOOL))' GO='$(GO)' \
	IMAGES='$(abspath $(CACHE))/images' WORK='$(abspath $(CONFORMANCE))' TOOL='$(abspath $(CONFORMANCE_TOOL))' SUITE='$(abspath $(CONFORMANCE_SUITE))' \
	REPORT='$(abspath test/conformance/reports)/$(if $(filter-out fake,$(CONFORMANCE_CLASS)),$(CONFORMANCE_CLASS)-)$(CONFORMANCE_CHANNEL).yaml' VERSION='$(CONFORMANCE_VERSION)' TIMEOUT=$(CONFORMANCE_TIMEOUT) \
	NAME='$(CONFORMANCE_CLUSTER)' CHANNEL='$(CONFORMANCE_CHANNEL)' CLASS='$(CONFORMANCE_CLASS)' KEEP='$(KEEP)' RUN='$(filter-out .,$(RUN))' FEATURES='$(FEATURES)' \
	SUITE_FLAGS='$(SUITE_FLAGS)' sh test/conformance/run.sh

.PHONY: conformance-readme
conformance-readme: $(CONFORMANCE_TOOL) ## Put the table of the conformance reports into the README
	$(CONFORMANCE_TOOL) readme README.md test/conformance/reports/*.yaml

.PHONY: test-conformance
test-conformance: ## Test the harness of the conformance suite, without a cluster
	cd test/conformance && $(GO) vet ./... && $(GO) test ./...

# Pinned by their own go.mod, and rebuilt when that changes.
CONFORMANCE_PINS := test/conformance/go.mod test/conformance/go.sum

$(CONFORMANCE_TOOL): $(CONFORMANCE_PINS) $(wildcard test/conformance/cmd/conformance/*.go)
	@mkdir -p $(@D)
	cd test/conformance && CGO_ENABLED=0 $(GO) build -buildvcs=false -p 2 -o '$(abspath $@)' ./cmd/conformance

$(CONFORMANCE_SUITE): $(CONFORMANCE_PINS)
	@mkdir -p $(@D)
	cd test/conformance && CGO_ENABLED=0 $(GO) test -c -p 2 -o '$(abspath $@)' sigs.k8s.io/gateway-api/conformance

$(CONFORMANCE_ECHO): $(CONFORMANCE_PINS)
	@mkdir -p $(@D)
	cd test/conformance && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -p 2 -ldflags='-s -w' -o '$(abspath $@)' sigs.k8s.io/gateway-api/conformance/echo-basic

$(CONFORMANCE_COREDNS): $(wildcard test/conformance/coredns/*)
	@mkdir -p $(@D)
	cd test/conformance/coredns && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -p 2 -ldflags='-s -w' -o '$(abspath $@)' .
