package serve

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// Config is what a Balancer is made of. All is required but Proxy.
type Config struct {
	Name  string // for people
	Ports *ports.Table
	Proxy proxy.Options
	Log   *slog.Logger
}

// Listener is what answers on one port. Share it by pointer: one that is the same is not touched.
type Listener struct {
	Label  string // for people; "" for its name
	Port   uint16
	Before map[netip.Addr]netip.AddrPort // where it was bound before, if that is known: it is tried first
	Serve  proxy.Listener                // but its Address
}

func (l *Listener) udp() bool { return l.Serve.Protocol == proxy.UDP }

// Wanted is all that a load balancer serves. Listeners and Pools that are the same by pointer are not touched.
type Wanted struct {
	IPs        []netip.Addr
	Listeners  map[string]*Listener
	Pools      map[string]*proxy.Pool
	SessionKey []byte
}

// State is how a listener is.
type State struct {
	Bound   []netip.AddrPort // where it answers, in the order of the addresses
	Failure string           // sentences of why it does not, or not at all of its addresses
}

// Balancer serves one load balancer. Its methods may not be called concurrently, but for Health and Stats.
type Balancer struct {
	cfg    Config
	engine *proxy.Engine
	binds  map[bindKey]*bind
}

type bindKey struct {
	listener string
	ip       netip.Addr
}

// bind is one address of one listener, and what was made of what for it.
type bind struct {
	ports.Bind
	of    *Listener
	proxy *proxy.Listener // nil where it has to be made anew
}

// New returns a load balancer that serves nothing yet. Close it.
func New(cfg Config) *Balancer {
	options := cfg.Proxy
	options.Name = cfg.Name
	return &Balancer{cfg: cfg, engine: proxy.New(options), binds: map[bindKey]*bind{}}
}

// Apply serves want in place of what was served, and returns how each listener is. What fails is tried again by applying the same.
func (b *Balancer) Apply(want *Wanted) map[string]State {
	b.claim(want)
	for b.applyOnce(want) {
		// A listener moved to another port.
	}
	states := make(map[string]State, len(want.Listeners))
	for name := range want.Listeners {
		states[name] = b.state(name, want)
	}
	return states
}

// claim makes the binds that are wanted, and drops the others.
func (b *Balancer) claim(want *Wanted) {
	for key, bind := range b.binds {
		l := want.Listeners[key.listener]
		if l == nil || l.Port != bind.Want.Port() || l.udp() != bind.UDP || !slices.Contains(want.IPs, key.ip) {
			b.cfg.Ports.Release(&bind.Bind)
			delete(b.binds, key)
		}
	}
	for name, l := range want.Listeners {
		for i, ip := range want.IPs {
			key := bindKey{name, ip}
			at := b.binds[key]
			if at == nil {
				at = &bind{Bind: ports.Bind{Name: name, UDP: l.udp(), Want: netip.AddrPortFrom(ip, l.Port), Before: l.Before[ip]}}
				if i > 0 {
					at.Name += "@" + ip.String()
				}
				b.binds[key] = at
				b.cfg.Ports.Claim(&at.Bind)
			}
			if at.of != l {
				at.of, at.proxy = l, nil
			}
		}
	}
}

// applyOnce applies all as it is now, and reports whether a bind that failed should be tried at another address.
func (b *Balancer) applyOnce(want *Wanted) (again bool) {
	cfg := &proxy.Config{Listeners: map[string]*proxy.Listener{}, Pools: want.Pools, SessionKey: want.SessionKey}
	byName := map[string]*bind{}
	for _, bind := range b.binds {
		if bind.proxy == nil {
			l := bind.of.Serve
			l.Address = bind.At
			bind.proxy = &l
		}
		bind.Failure = ""
		cfg.Listeners[bind.Name] = bind.proxy
		byName[bind.Name] = bind
	}
	for _, e := range listenErrors(b.engine.Apply(cfg)) {
		bind := byName[e.Listener]
		switch {
		case bind == nil:
		case e.Bound:
			b.cfg.Log.Warn("listener does not serve all that it should", "listener", e.Listener, "error", e.Err)
		default:
			again = b.cfg.Ports.Failed(&bind.Bind, e.Err) || again
			bind.proxy = nil // it moved, or is tried again
		}
	}
	return again
}

// listenErrors are those that an error of proxy.Engine.Apply joins.
func listenErrors(err error) []*proxy.ListenError {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // errors.As would find the first only
		var all []*proxy.ListenError
		for _, e := range joined.Unwrap() {
			all = append(all, listenErrors(e)...)
		}
		return all
	}
	var one *proxy.ListenError
	if errors.As(err, &one) {
		return []*proxy.ListenError{one}
	}
	return nil
}

func (b *Balancer) state(name string, want *Wanted) State {
	var s State
	var failures []string
	for _, ip := range want.IPs {
		bind := b.binds[bindKey{name, ip}]
		if bind.Failure != "" {
			failures = append(failures, bind.Failure)
			continue
		}
		s.Bound = append(s.Bound, bind.At)
		b.cfg.Ports.Bound(&bind.Bind, "loadBalancer", b.cfg.Name, "listener", cmp.Or(want.Listeners[name].Label, name))
	}
	s.Failure = strings.Join(failures, "; ")
	return s
}

// Health is that of proxy.Engine.
func (b *Balancer) Health() map[string][]proxy.EndpointHealth { return b.engine.Health() }

// Stats is that of proxy.Engine.
func (b *Balancer) Stats() proxy.Stats { return b.engine.Stats() }

// Retire gives up the ports and stops listening at once. Close it after.
func (b *Balancer) Retire() {
	for key, bind := range b.binds {
		b.cfg.Ports.Release(&bind.Bind)
		delete(b.binds, key)
	}
	if err := b.engine.Apply(&proxy.Config{}); err != nil && !errors.Is(err, proxy.ErrClosed) {
		b.cfg.Log.Error("load balancer does not stop", "loadBalancer", b.cfg.Name, "error", err)
	}
}

// Close retires it, lets what is in flight end for grace, and cuts off the rest.
func (b *Balancer) Close(grace time.Duration) {
	b.Retire()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := b.engine.Close(ctx); err != nil {
		b.cfg.Log.Info("requests were cut off", "loadBalancer", b.cfg.Name, "after", grace)
	}
}
