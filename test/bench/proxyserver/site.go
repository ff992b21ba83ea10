package main

import (
	"fmt"
	"maps"
	"net/netip"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// The listeners, and the pools of the same backends.
const (
	plain  = "plain"
	secure = "secure"
	echo   = "echo"
	flood  = "flood"
)

type flags struct {
	web, echo, flood netip.AddrPort
	cert, key        string
	routes           int
}

// site is a configuration and how it changes.
type site struct {
	config *proxy.Config
	rules  *proxy.Table // of the HTTP listeners
	routes int
	turn   int
}

// Two pools with one endpoint, so that a change of what a route points at is a change of pool.
var webPools = [2]string{"blue", "green"}

func newSite(f flags) (*site, error) {
	certificate, err := f.certificate()
	if err != nil {
		return nil, err
	}
	s := &site{routes: f.routes}
	edit := s.rules.Edit()
	if err := edit.Put(servedRoute(0)); err != nil {
		return nil, err
	}
	for i := 1; i < f.routes; i++ {
		if err := edit.Put(otherRoute(i, 0)); err != nil {
			return nil, err
		}
	}
	s.rules = edit.Commit()
	web := &proxy.Pool{Protocol: proxy.PoolHTTP1, Endpoints: []proxy.Endpoint{{Address: f.web}}}
	twin := *web
	s.config = &proxy.Config{
		Listeners: map[string]*proxy.Listener{
			plain:  listener(proxy.HTTP, proxy.Server{Rules: s.rules}),
			secure: listener(proxy.HTTPS, proxy.Server{Rules: s.rules, Certificates: []*proxy.Certificate{certificate}}),
		},
		Pools: map[string]*proxy.Pool{webPools[0]: web, webPools[1]: &twin},
	}
	for name, address := range map[string]netip.AddrPort{echo: f.echo, flood: f.flood} {
		rules, err := (*proxy.Table)(nil).With(route.Route[*proxy.Rule]{ID: name, Rank: "0", Value: forward(name, name)})
		if err != nil {
			return nil, err
		}
		s.config.Listeners[name] = listener(proxy.TCP, proxy.Server{Rules: rules})
		s.config.Pools[name] = &proxy.Pool{Protocol: proxy.PoolTCP, Endpoints: []proxy.Endpoint{{Address: address}}}
	}
	return s, nil
}

func listener(p proxy.Protocol, server proxy.Server) *proxy.Listener {
	return &proxy.Listener{Protocol: p, Address: netip.MustParseAddrPort("127.0.0.1:0"), Servers: []proxy.Server{server}}
}

func forward(name, pool string) *proxy.Rule {
	return &proxy.Rule{Name: name, Action: &proxy.Forward{Backends: []proxy.Backend{{Weight: 1, Pool: pool}}}}
}

// servedRoute is the one that the load goes through, whatever its host.
func servedRoute(turn int) route.Route[*proxy.Rule] {
	return route.Route[*proxy.Rule]{ID: "served", Rank: "1", Value: forward("served", webPools[turn%2]),
		Match: route.Match{Path: route.Path{Kind: route.PathPrefix, Value: "/"}}}
}

// otherRoute is one of the many that the load does not go through.
func otherRoute(i, turn int) route.Route[*proxy.Rule] {
	return route.Route[*proxy.Rule]{ID: fmt.Sprint("other-", i), Rank: fmt.Sprintf("0-%08d", i), Value: forward("other", webPools[turn%2]),
		Match: route.Match{Host: fmt.Sprintf("service-%d.example.com", i), Path: route.Path{Kind: route.PathPrefix, Value: "/"}}}
}

// next changes one route: every second time the one that is served, else one of the others. It returns the new configuration, which
// shares all else with the one before.
func (s *site) next() (*proxy.Config, error) {
	s.turn++
	changed := servedRoute(s.turn / 2)
	if s.turn%2 == 0 && s.routes > 1 {
		changed = otherRoute(1+s.turn%(s.routes-1), s.turn/2)
	}
	rules, err := s.rules.With(changed)
	if err != nil {
		return nil, err
	}
	s.rules = rules
	config := *s.config
	config.Listeners = maps.Clone(config.Listeners)
	for _, name := range []string{plain, secure} {
		l := *config.Listeners[name]
		server := l.Servers[0]
		server.Rules = rules
		l.Servers = []proxy.Server{server}
		config.Listeners[name] = &l
	}
	s.config = &config
	return s.config, nil
}
