# The benchmark against nginx and HAProxy. It needs Debian's nginx, libnginx-mod-stream, haproxy, wrk and nghttp2-client.
# BENCHFLAGS=-quick takes two minutes instead of ten, with more noise; -o FILE also writes the table to a file.

BENCH_BIN ?= $(or $(BIN),bin)/bench

.PHONY: bench-proxy
bench-proxy: ## Measure the proxy against nginx and HAProxy, by CPU time per request (BENCHFLAGS=-quick for less)
	@mkdir -p $(BENCH_BIN)
	CGO_ENABLED=0 $(or $(GO),go) build -buildvcs=false -trimpath -o $(BENCH_BIN)/ ./test/bench/...
	@$(BENCH_BIN)/proxybench $(BENCHFLAGS)
