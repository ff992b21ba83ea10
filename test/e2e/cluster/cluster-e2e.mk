# The stories on a real cluster, with charts and pods. Included by the Makefile.

E2E_CLUSTER  ?= e2e
# KEEP=1 leaves the cluster up, and the next run uses it. RUN picks tests by their names.
KEEP         ?=
RUN          ?= .
E2E_TEST     := $(CACHE)/e2e-cluster.test
E2E_MEASURED_CLUSTER := $(abspath $(CACHE))/measured-cluster.txt

.PHONY: e2e-cluster
e2e-cluster: $(BIN)/cluster $(BIN)/helm images $(E2E_TEST) $(if $(filter .,$(RUN)),external-dns) ## Run the stories on a cluster of two nodes (KEEP=1 leaves it up, RUN=TestCanary runs one)
	CLUSTER='$(abspath $(BIN))/cluster' HELM='$(abspath $(BIN))/helm' IMAGES='$(abspath $(CACHE))/images' TEST='$(abspath $(E2E_TEST))' \
	EXTERNALDNS='$(if $(filter .,$(RUN)),$(abspath $(EXTERNALDNS)))' \
	NAME='$(E2E_CLUSTER)' KEEP='$(KEEP)' RUN='$(RUN)' E2E_MEASURED='$(E2E_MEASURED_CLUSTER)' sh test/e2e/cluster/run.sh

# Go knows best what is up to date.
.PHONY: $(E2E_TEST)
$(E2E_TEST):
	@mkdir -p $(CACHE)
	CGO_ENABLED=0 $(GO) test -c -o $@ ./test/e2e/cluster
