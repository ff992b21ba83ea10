package awsapi

import (
	"strings"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
)

// Classes of calls, each of which is held to a rate in each region. A service that is not named has no limit.
const (
	ELBRead     = "elasticloadbalancing:read"     // Describe*
	ELBWrite    = "elasticloadbalancing:write"    // what changes something and is in no other class
	ELBRegister = "elasticloadbalancing:register" // RegisterTargets, DeregisterTargets
	ELBHeavy    = "elasticloadbalancing:heavy"    // what makes or changes a load balancer's network
	EC2Read     = "ec2:read"                      // Describe*, each action by itself
	EC2Write    = "ec2:write"                     // the others, each action by itself
	ACMRead     = "acm:read"
	ACMWrite    = "acm:write"
	ACMImport   = "acm:import"
)

// Classes are those that a rate can be set for.
var Classes = []string{ELBRead, ELBWrite, ELBRegister, ELBHeavy, EC2Read, EC2Write, ACMRead, ACMWrite, ACMImport}

// DefaultRates are AWS's. Those of Describe calls are in its guides; of others it says that they are lower and that each account may have
// its own, so these are what people have measured.
func DefaultRates() map[string]throttle.Rate {
	return map[string]throttle.Rate{
		ELBRead:     {PerSecond: 10, Burst: 40},
		ELBWrite:    {PerSecond: 3, Burst: 40},
		ELBRegister: {PerSecond: 4, Burst: 20},
		ELBHeavy:    {PerSecond: 0.2, Burst: 10},
		EC2Read:     {PerSecond: 20, Burst: 100},
		EC2Write:    {PerSecond: 5, Burst: 50},
		ACMRead:     {PerSecond: 10, Burst: 10},
		ACMWrite:    {PerSecond: 5, Burst: 5},
		ACMImport:   {PerSecond: 1, Burst: 1},
	}
}

// heavy are the actions of ELB that take more from it than others.
var heavy = map[string]bool{
	"CreateLoadBalancer": true, "DeleteLoadBalancer": true, "SetSubnets": true, "SetSecurityGroups": true, "SetIpAddressType": true,
	"ModifyCapacityReservation": true, "ModifyIpPools": true,
}

// classOf returns the class of an action; empty where it has none.
func classOf(m *method) string {
	switch m.service.iam {
	case "elasticloadbalancing":
		switch {
		case !m.mutating:
			return ELBRead
		case strings.HasSuffix(m.action, "registerTargets") || m.action == "RegisterTargets":
			return ELBRegister
		case heavy[m.action]:
			return ELBHeavy
		}
		return ELBWrite
	case "ec2":
		if m.mutating {
			return EC2Write
		}
		return EC2Read
	case "acm":
		switch {
		case m.action == "ImportCertificate":
			return ACMImport
		case m.mutating:
			return ACMWrite
		}
		return ACMRead
	}
	return ""
}

// limits holds the calls of each region to their rates. EC2 and ACM count each action by itself, ELB all of a class.
type limits struct {
	mu      sync.Mutex
	rates   map[string]throttle.Rate
	buckets map[string]*throttle.Throttle // by region and action or class; each has the one class ""
}

func newLimits(rates map[string]throttle.Rate) *limits {
	l := &limits{}
	l.set(rates)
	return l
}

// set replaces all rates. The buckets are full then.
func (l *limits) set(rates map[string]throttle.Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rates, l.buckets = map[string]throttle.Rate{}, map[string]*throttle.Throttle{}
	for class, r := range rates {
		l.rates[class] = r
	}
}

func (l *limits) get() map[string]throttle.Rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	rates := map[string]throttle.Rate{}
	for class, r := range l.rates {
		rates[class] = r
	}
	return rates
}

// take takes a token for a call, and reports whether there was one.
func (l *limits) take(region string, m *method, now time.Time) bool {
	class := classOf(m)
	l.mu.Lock()
	rate := l.rates[class]
	key := region + " " + class
	if m.service.iam != "elasticloadbalancing" {
		key += " " + m.action
	}
	bucket := l.buckets[key]
	if bucket == nil {
		bucket = throttle.New(map[string]throttle.Rate{"": rate})
		l.buckets[key] = bucket
	}
	l.mu.Unlock()
	return bucket.Take("", now) == 0
}

// Rates returns what each class of calls is held to.
func (a *API) Rates() map[string]throttle.Rate { return a.limits.get() }

// SetRates replaces all rates. The buckets are full then.
func (a *API) SetRates(rates map[string]throttle.Rate) { a.limits.set(rates) }
