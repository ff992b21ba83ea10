package dataplane

import (
	"fmt"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// site is one listener as it is served: its rules in a table for each server, whether or not it is bound already.
type site struct {
	id, balancer string
	listener     *world.Listener // what is served; nil until it may be
	clients      *proxy.ClientValidation
	tables       map[string]*proxy.Table // by server; those of servers that are not there are kept
	placed       map[string]placement    // by rule
	edits        map[string]*route.Edit[*proxy.Rule]
	stale        bool            // servers have to be made anew
	serve        *serve.Listener // as it was made last
}

// placement is where the routes of a rule are.
type placement struct {
	server   string
	revision uint64
	matches  int
	pools    []string
}

func newSite(id, balancer string) *site {
	return &site{
		id: id, balancer: balancer, tables: map[string]*proxy.Table{}, placed: map[string]placement{},
		edits: map[string]*route.Edit[*proxy.Rule]{}, stale: true,
	}
}

func (s *site) edit(server string) *route.Edit[*proxy.Rule] {
	e := s.edits[server]
	if e == nil {
		e = s.tables[server].Edit()
		s.edits[server] = e
	}
	return e
}

// place puts the routes of a rule in place of those that it had.
func (s *site) place(r *world.Rule) error {
	s.displace(r.ID)
	e := s.edit(r.Server)
	value := &proxy.Rule{Name: r.Name, CORS: compileCORS(r.CORS), Action: compileAction(&r.Action)}
	var failed error
	for i := range r.Matches {
		err := e.Put(route.Route[*proxy.Rule]{ID: routeID(r.ID, i), Rank: rank(r, i), Match: compileMatch(&r.Matches[i]), Value: value})
		if err != nil {
			failed = fmt.Errorf("match %d of rule %s: %w", i, r.ID, err)
		}
	}
	s.placed[r.ID] = placement{server: r.Server, revision: r.Revision, matches: len(r.Matches), pools: r.Pools()}
	return failed
}

// displace removes the routes of a rule.
func (s *site) displace(rule string) {
	p, ok := s.placed[rule]
	if !ok {
		return
	}
	e := s.edit(p.server)
	for i := range p.matches {
		e.Delete(routeID(rule, i))
	}
	delete(s.placed, rule)
}

func routeID(rule string, match int) string {
	if match == 0 {
		return rule
	}
	return fmt.Sprintf("%s/%d", rule, match)
}

// commit makes what is served from the listener and the tables, if anything of that changed.
func (s *site) commit(certificate func(id string) *proxy.Certificate) {
	for name, e := range s.edits {
		s.tables[name] = e.Commit()
		s.stale = true
	}
	clear(s.edits)
	if s.listener == nil || !s.stale {
		return
	}
	s.stale = false
	s.clients = compileClients(s.listener.Clients, s.clients)
	servers := make([]proxy.Server, 0, len(s.listener.Servers))
	for i, server := range s.listener.Servers {
		out := proxy.Server{
			Name: server.Name, Hostname: server.Hostname, Passthrough: server.TLS == world.TLSPassthrough, Rules: s.tables[server.Name],
		}
		for _, id := range s.listener.Servers[i].Certificates {
			if c := certificate(id); c != nil {
				out.Certificates = append(out.Certificates, c)
			}
		}
		servers = append(servers, out)
	}
	s.serve = &serve.Listener{
		Label: s.listener.Name, Port: s.listener.Port, Before: before(s.listener),
		Serve: proxy.Listener{Protocol: compileProtocol(s.listener.Protocol), Servers: servers, Clients: s.clients},
	}
}
