package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// version is the configuration as one listener's traffic sees it: its servers and the pools that their rules point at. It is immutable and
// swapped whole. A request, connection or session takes one when it begins and keeps it to its end.
type version struct {
	site   *listenerView
	pools  map[string]*pool
	sticky bool // one of pools has sessions
}

// listenerView is a Listener made ready to serve.
type listenerView struct {
	name    string
	cfg     *Listener
	options *Options // the engine's, and what the listener says of its own
	err     error    // why it does not serve all that cfg says
	// How a host finds its server: exact, then the longest wildcard, then any.
	exact        map[string]*Server
	wildcard     map[string]*Server // by what follows "*."
	any          *Server
	tls          *termination
	proof        bool              // clients without a valid certificate are not served
	policy       *HTTPPolicy       // nil for none
	clientFields *ClientValidation // whose Fields tell of clients; nil for none
}

// newListenerView makes cfg ready. An error does not stop it from serving what it can.
func newListenerView(name string, cfg *Listener, o *Options) (*listenerView, error) {
	v := &listenerView{name: name, cfg: cfg, options: o.with(cfg.Limits), exact: map[string]*Server{}, wildcard: map[string]*Server{}}
	var errs []error
	for i := range cfg.Servers {
		s := &cfg.Servers[i]
		host := strings.ToLower(strings.TrimSuffix(s.Hostname, "."))
		var taken bool
		if suffix, wild := strings.CutPrefix(host, "*."); wild {
			if _, taken = v.wildcard[suffix]; !taken {
				v.wildcard[suffix] = s
			}
		} else if host != "" {
			if _, taken = v.exact[host]; !taken {
				v.exact[host] = s
			}
		} else if taken = v.any != nil; !taken {
			v.any = s
		}
		if taken {
			errs = append(errs, errors.New("server "+s.Name+": another server has its hostname"))
		}
	}
	var bad []error
	v.tls, bad = newTermination(cfg)
	v.proof = cfg.Protocol == HTTPS && cfg.Clients != nil && !cfg.Clients.InsecureFallback && !cfg.Clients.Passthrough
	if c := cfg.Clients; c != nil && c.Fields != "" && c.checkFields() == nil {
		v.clientFields = c
	}
	errs = append(errs, bad...)
	if err := cfg.HTTP.check(); err != nil {
		errs = append(errs, fmt.Errorf("the policy for HTTP is not followed: %w", err))
	} else {
		v.policy = cfg.HTTP
	}
	v.err = errors.Join(errs...)
	return v, v.err
}

// admits reports whether an address may connect.
func (v *listenerView) admits(from netip.Addr) bool {
	if v.cfg.Sources == nil {
		return true
	}
	from = from.Unmap().WithZone("")
	for _, p := range v.cfg.Sources {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// server returns the server whose hostname matches host best, and nil when none does. That server serves the host alone. host is lower
// case, without a port.
func (v *listenerView) server(host string) *Server {
	if s, ok := v.exact[host]; ok {
		return s
	}
	if len(v.wildcard) > 0 {
		for rest := host; ; {
			dot := strings.IndexByte(rest, '.')
			if dot < 0 {
				break
			}
			label := dot > 0
			rest = rest[dot+1:]
			if s, ok := v.wildcard[rest]; ok && label {
				return s
			}
		}
	}
	return v.any
}
