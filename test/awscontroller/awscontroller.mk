# The AWS Load Balancer Controller for its stories on a cluster: built from its own pinned module, and built anew when that changes.

AWSCONTROLLER         := $(CACHE)/awscontroller
AWSCONTROLLER_PINS    := $(shell cksum < test/awscontroller/go.sum | cut -d' ' -f1)
AWSCONTROLLER_PROGRAM := $(AWSCONTROLLER)/$(AWSCONTROLLER_PINS)/aws-load-balancer-controller
AWSCONTROLLER_TEST    := $(AWSCONTROLLER)/stories.test
AWSCONTROLLER_CLUSTER ?= awscontroller

.PHONY: e2e-aws-controller
e2e-aws-controller: $(BIN)/cluster $(BIN)/helm images $(AWSCONTROLLER_PROGRAM) $(AWSCONTROLLER_TEST) ## Run AWS's own controller against the fake AWS on a cluster of two nodes (KEEP=1 leaves it up, RUN=TestService runs one)
	CLUSTER='$(abspath $(BIN))/cluster' HELM='$(abspath $(BIN))/helm' IMAGE_TOOL='$(abspath $(IMAGE_TOOL))' GO='$(GO)' \
	IMAGES='$(abspath $(CACHE))/images' WORK='$(abspath $(AWSCONTROLLER))' PROGRAM='$(abspath $(AWSCONTROLLER_PROGRAM))' \
	TEST='$(abspath $(AWSCONTROLLER_TEST))' NAME='$(AWSCONTROLLER_CLUSTER)' KEEP='$(KEEP)' RUN='$(RUN)' sh test/awscontroller/run.sh

$(AWSCONTROLLER_PROGRAM): test/awscontroller/go.mod
	@rm -rf $(AWSCONTROLLER)/[0-9]* && mkdir -p $(@D)
	cd test/awscontroller && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -p 2 -ldflags='-s -w' -o '$(abspath $@)' sigs.k8s.io/aws-load-balancer-controller

# Go knows best what is up to date.
.PHONY: $(AWSCONTROLLER_TEST)
$(AWSCONTROLLER_TEST):
	@mkdir -p $(@D)
	CGO_ENABLED=0 $(GO) test -c -o $@ ./test/e2e/awscontroller
