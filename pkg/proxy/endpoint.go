package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
	"sync/atomic"
)

func mulHigh(a, b uint64) uint64 {
	high, _ := bits.Mul64(a, b)
	return high
}

// endpointKey is what makes an endpoint the same for several pools: its address and the way it is spoken to.
type endpointKey struct {
	address  netip.AddrPort
	protocol PoolProtocol
	tls      string // what the endpoint has to prove, and what this side shows; "" without TLS
}

// endpoint is the state of one, however many pools and rules point at it.
type endpoint struct {
	key       endpointKey
	options   *Options
	epoch     *atomic.Uint64 // see pool.epoch
	tls       *tls.Config    // nil without TLS
	broken    error          // why tls cannot be made
	transport transport      // nil for TCP and UDP

	inFlight     atomic.Int64 // requests, connections or sessions
	requests     atomic.Uint64
	failures     atomic.Uint64
	ejectedUntil atomic.Int64 // coarse time
	retired      atomic.Bool  // no pool has it any more
	line         line         // for room

	refs int // pools that have it; guarded by Engine.mu
}

func (e *endpoint) address() netip.AddrPort { return e.key.address }

// end is to be called once for each admit that found room.
func (m *member) end() {
	m.inFlight.Add(-1)
	m.line.next()
}

// unreachable is to be called when no connection could be opened. With active checks the endpoint is out until one succeeds; without, it is a last
// resort for a short while, unless nobody is to be spared it.
func (m *member) unreachable(reason string) {
	m.failures.Add(1)
	if m.check != nil {
		m.check.fail(reason)
		return
	}
	if m.options.OneDial {
		return
	}
	m.ejectedUntil.Store(coarse() + int64(m.options.Eject))
	m.epoch.Add(1)
}

// retire is called when the last pool drops the endpoint.
func (e *endpoint) retire() {
	e.retired.Store(true)
	if e.transport != nil {
		e.transport.retire()
	}
}

// fingerprint is equal for equal ways to prove an endpoint, and this side to it. A connection is used for one alone.
func (b *BackendTLS) fingerprint() string {
	if b == nil {
		return ""
	}
	sum := sha256.Sum256(b.CAs)
	insecure := ""
	if b.Insecure {
		insecure = "insecure "
	}
	return fmt.Sprintf("%s%q %s %q %q%s", insecure, b.ServerName, hex.EncodeToString(sum[:]), strings.Join(b.DNSNames, " "), strings.Join(b.URIs, " "), b.Client.fingerprint())
}

// fingerprint is equal for equal certificates and keys: one whose key did not fit is another than the one that replaces it.
func (c *Certificate) fingerprint() string {
	if c == nil {
		return ""
	}
	sum := sha256.New()
	for _, part := range [][]byte{c.Chain, c.Key} {
		_, _ = fmt.Fprintf(sum, "%d ", len(part)) // A hash takes all.
		sum.Write(part)
	}
	return " " + hex.EncodeToString(sum.Sum(nil))
}
