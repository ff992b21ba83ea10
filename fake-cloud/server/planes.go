package server

import (
	"context"
	"net/netip"

	"golang.org/x/sync/errgroup"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/elb"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	traffic "github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dns"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// openPlanes makes what carries the traffic of the load balancers of each cloud. They have their ports, and the addresses of an interface,
// in common.
func (s *Server) openPlanes(table *ports.Table) {
	cfg := s.cfg
	native := dataplane.Config{World: s.world, Ports: table, Proxy: cfg.Proxy, Grace: cfg.Grace, Log: cfg.Log}
	if s.link != nil {
		clouds := 1
		if s.aws != nil {
			clouds = 2
		}
		s.share = dataplane.NewShare(s.link, clouds)
		native.Addresses = s.share.Of(0)
	}
	s.plane = dataplane.New(native)
	if s.aws == nil {
		return
	}
	amazon := elb.Config{Cloud: s.aws.cloud, Ports: table, Proxy: cfg.Proxy, Grace: cfg.Grace, Log: cfg.Log}
	if s.share != nil {
		amazon.Addresses = s.share.Of(1)
	}
	s.aws.plane = elb.New(amazon)
}

// runPlanes carries traffic until ctx is done.
func (s *Server) runPlanes(ctx context.Context, g *errgroup.Group) {
	run := func(f func(context.Context)) {
		g.Go(func() error {
			f(ctx)
			return nil
		})
	}
	if s.link != nil {
		run(s.link.Run)
		run(s.share.Run)
	}
	run(s.plane.Run)
	if s.aws != nil {
		run(s.aws.plane.Run)
	}
}

func (s *Server) settled() bool {
	return s.plane.Settled() && (s.aws == nil || s.aws.plane.Settled())
}

// stats adds up the traffic of all clouds.
func (s *Server) stats() proxy.Stats {
	sum := s.plane.Stats()
	if s.aws != nil {
		traffic.AddStats(&sum, s.aws.plane.Stats())
	}
	return sum
}

// awsTTL is how long the names of load balancers of AWS may be kept, in seconds.
const awsTTL = 60

// zones are what DNS answers for. The name of an Application Load Balancer ends in REGION.elb.amazonaws.com, that of a Network Load
// Balancer in elb.REGION.amazonaws.com.
func (s *Server) zones() []dns.Zone {
	zones := []dns.Zone{{Name: s.cfg.Zone, Lookup: s.lookup}}
	if s.cfg.AWS.on() {
		zones = append(zones, dns.Zone{Name: "elb.amazonaws.com", Lookup: s.lookupAWS, TTL: awsTTL},
			dns.Zone{Name: "elb.*.amazonaws.com", Lookup: s.lookupAWS, TTL: awsTTL})
	}
	return zones
}

func (s *Server) lookup(id, _ string) ([]netip.Addr, bool) {
	lb, err := s.world.LoadBalancer(id)
	if err != nil || lb.State == world.Deleting {
		return nil, false
	}
	return lb.IPs, true
}

func (s *Server) lookupAWS(name, domain string) ([]netip.Addr, bool) {
	return s.aws.plane.Lookup(name + "." + domain)
}
