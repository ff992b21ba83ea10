package proxy

import "net/netip"

// named is what is known of a connection or session that is not opened: who it is from, and the server name that it asks for, if any. It
// is a route.Detailed that matches no condition on HTTP.
type named struct {
	host   string
	source netip.Addr
}

func (n *named) Host() string                        { return n.host }
func (*named) Path() string                          { return "" }
func (*named) Method() string                        { return "" }
func (*named) Header(string) (string, bool)          { return "", false }
func (*named) Query(string) (string, bool)           { return "", false }
func (*named) HeaderAt(string, int) (string, int)    { return "", 0 }
func (*named) QueryAt(int) (key, v string, next int) { return "", "", 0 }
func (n *named) Source() netip.Addr                  { return n.source }

// route4 returns the pool that the rules of server send a connection or session to, and nil when it is to be refused: no rule, one
// that does not forward, or the share of a backend that does not exist.
func (e *Engine) route4(v *version, server *Server, host string, f *flow) *pool {
	forward := e.forward4(server, host, f)
	if forward == nil {
		return nil
	}
	backend := forward.chooseFor(f)
	if backend == nil || backend.cfg.Pool == "" {
		return nil
	}
	return v.pools[backend.cfg.Pool]
}

// routes4 reports whether the rules of server send some connections or sessions to a pool.
func (e *Engine) routes4(server *Server, host string, f *flow, pool string) bool {
	forward := e.forward4(server, host, f)
	if forward == nil {
		return false
	}
	for i := range forward.backends {
		if b := forward.backends[i].cfg; b.Pool == pool && b.Weight > 0 {
			return true
		}
	}
	return false
}

// forward4 returns what the rule for a connection or session does when it forwards.
func (e *Engine) forward4(server *Server, host string, f *flow) *forwardState {
	if server == nil {
		return nil
	}
	found, ok := server.Rules.Lookup(&named{host: host, source: f.remote.Addr()})
	if !ok {
		return nil
	}
	return e.routeFor(found.Value).forward
}
