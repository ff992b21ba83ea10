# external-dns for the stories on a cluster: built from its own pinned module, and built anew when that changes.

EXTERNALDNS := $(CACHE)/externaldns/external-dns-$(shell cksum < test/externaldns/go.sum | cut -d' ' -f1)

.PHONY: external-dns
external-dns: $(EXTERNALDNS) ## Build external-dns for the stories on a cluster (large: some minutes the first time)
	@echo '$(abspath $(EXTERNALDNS))'

$(EXTERNALDNS): test/externaldns/go.mod
	@mkdir -p $(@D) && rm -f $(@D)/external-dns-*
	cd test/externaldns && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -p 2 -ldflags='-s -w' -o '$(abspath $@)' sigs.k8s.io/external-dns
