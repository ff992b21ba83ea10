package proxy

import "sync/atomic"

// layer4 counts what happens below HTTP. Connections begin far less often than requests, so one set serves the engine.
type layer4 struct {
	handshakesFailed atomic.Uint64
	forwarded        atomic.Uint64
	refused          atomic.Uint64
	unreachable      atomic.Uint64
	sessions         atomic.Uint64
	evicted          atomic.Uint64
	dropped          atomic.Uint64
	flooded          atomic.Uint64
}

// ConnectionStats count what happens to connections and sessions below HTTP.
type ConnectionStats struct {
	HandshakesFailed uint64 // TLS clients that were not served: slow, malformed, or without a name, certificate or protocol in common
	Forwarded        uint64 // TCP and TLS connections carried to an endpoint
	Refused          uint64 // connections and datagrams without a rule, of sources that are not let in, or in the share of a backend that does not exist
	Unreachable      uint64 // connections and datagrams that no endpoint took
	Sessions         uint64 // of UDP, so far
	Evicted          uint64 // sessions that ended early to make room for others
	Dropped          uint64 // datagrams that could not be sent on, either way
	Flooded          uint64 // HTTP/2 connections closed because their frames were abusive
}

// Connections returns the counters so far.
func (e *Engine) Connections() ConnectionStats {
	c := &e.layer4
	return ConnectionStats{
		HandshakesFailed: c.handshakesFailed.Load(),
		Forwarded:        c.forwarded.Load(),
		Refused:          c.refused.Load(),
		Unreachable:      c.unreachable.Load(),
		Sessions:         c.sessions.Load(),
		Evicted:          c.evicted.Load(),
		Dropped:          c.dropped.Load(),
		Flooded:          c.flooded.Load(),
	}
}
