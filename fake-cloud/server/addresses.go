package server

import (
	"fmt"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// openPool finds out which addresses load balancers get: some of the network that an interface is on, or of those that this machine
// has anyway, as loopback's.
func (s *Server) openPool() (pool world.AddressPool, shared bool, err error) {
	if s.cfg.Interface != "" {
		pool, err = s.openLink()
		return pool, false, err
	}
	pool = s.cfg.pool()
	if pool.Shared, err = dataplane.Shared(pool); err != nil {
		return pool, false, err
	}
	if shared = pool.Shared.IsValid(); shared {
		s.cfg.Log.Warn("this machine does not have the addresses of the pool: all load balancers share one and differ in their ports",
			"pool", world.AddressPool{First: pool.First, Last: pool.Last}.String(), "shared", pool.Shared)
	}
	return pool, shared, nil
}

// openLink opens the interface, and derives the pool from its network when none was given.
func (s *Server) openLink() (world.AddressPool, error) {
	var err error
	// Not the cloud's clock, which can be put forward: how long a network takes to answer goes by the machine's.
	now := world.RealClock().Now
	if s.link, err = lan.Open(lan.Config{Interface: s.cfg.Interface, Now: now, Log: s.cfg.Log}); err != nil {
		return world.AddressPool{}, err
	}
	network := s.link.Network()
	pool := s.cfg.pool()
	if !s.cfg.poolGiven {
		if !network.IsValid() {
			return pool, fmt.Errorf("interface %s has no IPv4 network to take addresses from: say which ones with --address-pool", s.link.Name())
		}
		if pool.First, pool.Last, err = lan.Share(network); err != nil {
			return pool, fmt.Errorf("interface %s: %w", s.link.Name(), err)
		}
	}
	if err := lan.Suits(pool.First, pool.Last); err != nil {
		return pool, fmt.Errorf("address pool %s: %w", pool, err)
	}
	if network.IsValid() && !(network.Contains(pool.First) && network.Contains(pool.Last)) {
		s.cfg.Log.Warn("the address pool is not within the interface's network: other machines need a route to it",
			"pool", pool.String(), "interface", s.link.Name(), "network", network.Masked())
	}
	pool.Taken = s.link.Taken
	s.cfg.Log.Info("load balancers get addresses on an interface", "interface", s.link.Name(), "network", network.Masked(), "pool", pool.String())
	return pool, nil
}
