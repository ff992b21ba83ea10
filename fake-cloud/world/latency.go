package world

import (
	"fmt"
	"time"
)

// Latency is how long changes take.
type Latency uint8

const (
	Instant   Latency = iota + 1 // done when the call returns
	Fast                         // every state can be seen, and nothing is waited for long
	Realistic                    // as long as a cloud takes: minutes for a load balancer
)

var latencyNames = [...]string{"", "instant", "fast", "realistic"}

// ParseLatency reads the name of a profile.
func ParseLatency(name string) (Latency, error) {
	for i, n := range latencyNames {
		if i > 0 && n == name {
			return Latency(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not a latency profile: instant, fast or realistic", name)
}

// String returns the name of the profile.
func (l Latency) String() string {
	if int(l) < len(latencyNames) {
		return latencyNames[l]
	}
	return ""
}

// spans are the mean times of a kind of resource in one profile.
type spans struct{ create, update, remove time.Duration }

// Realistic spans are the order of magnitude of the real clouds': an AWS load balancer takes two to three minutes, a rule or a
// target group seconds.
var latencies = map[Latency]map[Kind]spans{
	Instant: {},
	Fast: {
		KindLoadBalancer: {300 * time.Millisecond, 50 * time.Millisecond, 150 * time.Millisecond},
		KindListener:     {60 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond},
		KindRule:         {20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		KindPool:         {20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		KindCertificate:  {20 * time.Millisecond, 0, 20 * time.Millisecond},
	},
	Realistic: {
		KindLoadBalancer: {150 * time.Second, 15 * time.Second, 40 * time.Second},
		KindListener:     {8 * time.Second, 5 * time.Second, 5 * time.Second},
		KindRule:         {2 * time.Second, 2 * time.Second, 2 * time.Second},
		KindPool:         {3 * time.Second, 2 * time.Second, 3 * time.Second},
		KindCertificate:  {5 * time.Second, 0, 2 * time.Second},
	},
}
