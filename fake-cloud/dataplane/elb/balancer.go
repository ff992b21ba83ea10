package elb

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// balancer is one load balancer at work.
type balancer struct {
	region    *aws.Region
	view      *aws.LoadBalancerView
	serve     *serve.Balancer // nil until it is active
	listeners map[string]*compiled
	states    map[string]serve.State // by the name of the proxy's listener
	holds     map[netip.Addr]bool    // addresses that were asked for
	held      bool                   // and all are there
	failing   bool                   // something has to be tried again
}

// dialTimeout is how long a target of an Application Load Balancer has to accept a connection.
const dialTimeout = 10 * time.Second

// active says whether a load balancer has been made.
func active(lb *aws.LoadBalancer) bool {
	return lb.State == types.LoadBalancerStateEnumActive || lb.State == types.LoadBalancerStateEnumActiveImpaired
}

// syncBalancer compiles a load balancer, and returns it where there is something to serve anew.
func (p *Plane) syncBalancer(r *aws.Region, view *aws.View, lb *aws.LoadBalancerView) *balancer {
	b := p.balancers[lb.Key]
	if b == nil {
		b = &balancer{region: r, listeners: map[string]*compiled{}, holds: map[netip.Addr]bool{}}
		p.balancers[lb.Key] = b
	}
	changed := b.view != lb
	b.view = lb
	if !active(lb.LoadBalancer) {
		return nil
	}
	next := make(map[string]*compiled, len(lb.Listeners))
	for _, l := range lb.Listeners {
		in := gather(view, lb, l)
		c := b.listeners[l.Key]
		if c == nil || !c.same(&in) {
			c = compileListener(in, p.certificates)
			changed = true
			if c.err != nil {
				// The account has let it pass, so this is a defect of ours.
				p.cfg.Log.Error("listener does not serve all that it should", "loadBalancer", lb.Name, "listener", l.Key, "error", c.err)
			}
		}
		next[l.Key] = c
	}
	b.listeners = next
	if !changed {
		return nil
	}
	return b
}

// uses reports whether a listener forwards to one of the groups.
func (b *balancer) uses(groups map[string]bool) bool {
	if len(groups) == 0 {
		return false
	}
	for _, c := range b.listeners {
		if slices.ContainsFunc(c.groups, func(arn string) bool { return groups[arn] }) {
			return true
		}
	}
	return false
}

func (b *balancer) troubled() bool { return b.failing }

// waits says whether it will serve without anybody doing anything.
func (b *balancer) waits() bool { return active(b.view.LoadBalancer) && !b.held && !b.failing }

// addresses on which it answers, each once.
func (b *balancer) addresses() []netip.Addr {
	var out []netip.Addr
	for _, ip := range b.view.Addresses {
		if ip.IsValid() && !slices.Contains(out, ip) {
			out = append(out, ip)
		}
	}
	return out
}

// apply serves b as it is now, and reports whether a listener answers elsewhere than before.
func (p *Plane) apply(b *balancer) (moved bool) {
	if !active(b.view.LoadBalancer) || !p.claim(b) {
		return false
	}
	if b.serve == nil {
		options := p.cfg.Proxy
		options.DialTimeout = dialTimeout
		options.MaxTries = 2               // the second is for connections that the target has closed meanwhile
		options.OneDial = true             // health checks alone take a target out, and until then it costs requests
		options.UpstreamIdle = time.Minute // of a connection that nothing uses
		b.serve = serve.New(serve.Config{Name: b.view.Name, Ports: p.cfg.Ports, Proxy: options, Log: p.cfg.Log})
	}
	want := serve.Wanted{
		IPs: b.addresses(), Listeners: map[string]*serve.Listener{}, Pools: map[string]*proxy.Pool{}, SessionKey: []byte(b.view.SessionKey),
	}
	for _, c := range b.listeners {
		maps.Copy(want.Listeners, c.serve)
		for _, arn := range c.groups {
			if g := p.groups[arn]; g != nil {
				maps.Copy(want.Pools, g.pools)
			}
		}
	}
	before := b.states
	b.states = b.serve.Apply(&want)
	b.failing = false
	for _, l := range b.view.Listeners {
		b.report(l.Key)
	}
	return !maps.EqualFunc(before, b.states, func(x, y serve.State) bool { return slices.Equal(x.Bound, y.Bound) })
}

// report tells the account whether a listener carries traffic.
func (b *balancer) report(listener string) {
	r := aws.ListenerReport{Bound: true}
	for _, name := range []string{listener, listener + udpSuffix} {
		if s, ok := b.states[name]; ok && s.Failure != "" {
			b.failing = true
			r.Reason = s.Failure
			r.Bound = len(s.Bound) > 0
		}
	}
	b.region.ReportListener(listener, r)
}

// claim asks for the addresses that a load balancer has, and reports whether it has them all.
func (p *Plane) claim(b *balancer) bool {
	if p.cfg.Addresses == nil {
		b.held = true
		return true
	}
	wanted := b.addresses()
	b.held, b.failing = true, false
	for _, ip := range wanted {
		if !b.holds[ip] {
			b.holds[ip] = true
			p.cfg.Addresses.Hold(ip, !p.started) // what was there at the start was ours before
		}
		status := p.cfg.Addresses.Status(ip)
		b.held = b.held && status.Held
		failure := status.Failure
		if status.TakenBy != "" {
			failure = "address " + ip.String() + " is in use by " + status.TakenBy
		}
		if failure != "" && !status.Held {
			b.failing = true
			for _, l := range b.view.Listeners {
				b.region.ReportListener(l.Key, aws.ListenerReport{Reason: failure})
			}
		}
	}
	for ip := range b.holds {
		if !slices.Contains(wanted, ip) {
			delete(b.holds, ip)
			p.cfg.Addresses.Release(ip)
		}
	}
	return b.held
}

// remove stops serving a load balancer at once, and lets requests end in the background.
func (p *Plane) remove(b *balancer) {
	delete(p.balancers, b.view.Key)
	release := func() {
		for ip := range b.holds {
			p.cfg.Addresses.Release(ip)
		}
	}
	if b.serve == nil {
		release()
		return
	}
	serve.AddStats(&p.gone, b.serve.Stats())
	b.serve.Retire()
	p.closing.Go(func() {
		b.serve.Close(p.cfg.Grace)
		release()
	})
}
