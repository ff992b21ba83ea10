package aws

import (
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// spans are the mean times that things take. Realistic ones are the order of magnitude of AWS's own.
type spans struct {
	loadBalancer time.Duration // from provisioning to active
	interfaces   time.Duration // that a deleted load balancer's network interfaces stay
	registration time.Duration // from Elb.RegistrationInProgress to Elb.InitialHealthChecking
	trustStore   time.Duration // from CREATING to ACTIVE
	certificate  time.Duration // from PENDING_VALIDATION to ISSUED
}

var latencies = map[world.Latency]spans{
	world.Instant: {},
	world.Fast: {300 * time.Millisecond, 200 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
		200 * time.Millisecond},
	world.Realistic: {150 * time.Second, 60 * time.Second, 10 * time.Second, 5 * time.Second, 30 * time.Second},
}

// span returns how long something that begins now takes. The lock is held.
func (x *tx) span(of func(spans) time.Duration) time.Duration {
	c := x.region.cloud
	return c.cfg.Dice.Around(of(latencies[c.latency]))
}
