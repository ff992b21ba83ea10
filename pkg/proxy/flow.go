package proxy

import (
	"math"
	"net/netip"
)

// flow is who connects and what it reached.
type flow struct{ remote, local netip.AddrPort }

// hash is equal for what an algorithm keeps together. It is the same in every process.
func (f *flow) hash(a Algorithm) uint64 {
	h := uint64(14695981039346656037)
	add := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	addr := func(a netip.Addr) {
		bytes := a.Unmap().As16()
		for _, b := range bytes {
			add(b)
		}
	}
	addr(f.remote.Addr())
	if a == FlowHash {
		addr(f.local.Addr())
		for _, port := range [...]uint16{f.remote.Port(), f.local.Port()} {
			add(byte(port >> 8))
			add(byte(port))
		}
	}
	return scrambled(h)
}

// scrambled spreads the bits of h over all 64.
func scrambled(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}

// hashes reports whether flows choose by what they are.
func (a Algorithm) hashes() bool { return a == FlowHash || a == SourceHash }

// hashed chooses the endpoint for a hash: the one that has the highest score for it, by weight, so that only the flows of an endpoint
// that goes go elsewhere, and one that comes takes its share from all others.
func (c *choice) hashed(h uint64, t *tried) *member {
	var best *member
	highest := -1.0
	for _, m := range c.members {
		if t != nil && t.has(m.endpoint) || m.full() {
			continue
		}
		if score := m.score(h); score > highest {
			best, highest = m, score
		}
	}
	return best
}

// score is the place of a member among others for a hash: uniform numbers raised to the power of 1/weight, so that each is the highest in
// proportion to its weight.
func (m *member) score(h uint64) float64 {
	uniform := (float64(scrambled(h^m.mark)>>11) + 0.5) / (1 << 53)
	return math.Pow(uniform, 1/float64(m.weight))
}

// markOf is a number for an address, the same in every process.
func markOf(address netip.AddrPort) uint64 { return (&flow{remote: address}).hash(FlowHash) }
