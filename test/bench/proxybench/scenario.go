//go:build linux

package main

import (
	"context"
	"time"
)

// load is what one turn of a scenario did.
type load struct {
	count  float64       // of the scenario's unit
	length time.Duration // that it took
	p99    time.Duration // 0 where it is not measured
	failed int           // requests without a proper answer
}

// scenario is one row of the result.
type scenario struct {
	name string
	unit string
	port string
	// run puts load on address for about length.
	run func(ctx context.Context, b *bench, address string, length time.Duration) (load, error)
}

const (
	connections   = 64
	fixedRate     = 10_000 // requests per second
	fixedClients  = 50
	h2Connections = 8
	h2Streams     = 16
	bulkStreams   = 4
	pingPongers   = 32
	pingPongBytes = 64
)

func scenarios() []scenario {
	return []scenario{
		{"HTTP, kept alive, 1 KiB", "request", plain, wrk("http", "/")},
		{"HTTP, kept alive, 1 KiB, 10,000/s", "request", plain, h2loadFixed},
		{"HTTPS, kept alive, 1 KiB", "request", secure, wrk("https", "/")},
		{"HTTP, kept alive, 64 KiB", "request", plain, wrk("http", "/64k")},
		{"HTTP, a connection per request", "request", plain, wrk("http", "/", "-H", "Connection: close")},
		{"HTTPS, a full handshake per request", "request", secure, wrk("https", "/", "-H", "Connection: close")},
		{"HTTP/2 over TLS, 1 KiB", "request", secure, h2loadH2},
		{"TCP, bulk", "MiB", flood, tcpBulk},
		{"TCP, 64 bytes there and back", "round trip", echo, tcpPingPong},
	}
}

// requestHeaders are about what a browser sends: some 400 bytes.
var requestHeaders = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Accept: application/json, text/plain, */*",
	"Accept-Language: en-GB,en;q=0.9",
	"Accept-Encoding: gzip, deflate, br",
	"Authorization: Bearer 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"X-Request-Id: 5f0c2b2e-8a3f-4c1d-9f59-0d7c7b1e2a34",
}
