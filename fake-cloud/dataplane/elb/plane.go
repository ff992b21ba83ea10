package elb

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/lan"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// Config is what a Plane is made of.
type Config struct {
	Cloud *aws.Cloud   // opened with Reported
	Ports *ports.Table // of all load balancers of the process, also of other clouds
	// Addresses put the load balancers' addresses on a network; nil when the machine has them all.
	Addresses Addresses
	Proxy     proxy.Options // for every engine, where Elastic Load Balancing does not say otherwise
	Grace     time.Duration // how long requests may go on when a load balancer is deleted or the Plane stops
	Log       *slog.Logger
}

// Addresses put addresses on a network. A share of a *lan.Link is one: see dataplane.Share.
type Addresses interface {
	Hold(ip netip.Addr, familiar bool)
	Release(ip netip.Addr)
	Status(ip netip.Addr) lan.Status
	Changed() <-chan struct{}
	Complete()
}

// Plane carries the traffic of all load balancers of an account.
type Plane struct {
	cfg Config

	news   chan struct{} // the account changed
	health chan struct{} // the health of a target did

	mu           sync.Mutex // all below belongs to sync; others take it to read
	balancers    map[string]*balancer
	groups       map[string]*group
	views        map[string]*aws.View // by region
	certificates certificateCache
	started      bool // what was there at the start has been looked at
	gone         proxy.Stats
	closing      sync.WaitGroup // engines of deleted load balancers
}

// retryInterval is how often what cannot be bound is tried again.
const retryInterval = time.Second

// New returns a plane that serves nothing until it is Run.
func New(cfg Config) *Plane {
	return &Plane{
		cfg: cfg, news: make(chan struct{}, 1), health: make(chan struct{}, 1), balancers: map[string]*balancer{},
		groups: map[string]*group{}, views: map[string]*aws.View{}, certificates: certificateCache{},
	}
}

// Run follows the account until ctx is done, then stops serving, and returns when nothing of it runs any more.
func (p *Plane) Run(ctx context.Context) {
	stop := p.cfg.Cloud.Watch(func() { signal(p.news) })
	defer stop()
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	var addresses <-chan struct{}
	if p.cfg.Addresses != nil {
		addresses = p.cfg.Addresses.Changed()
	}
	for {
		select {
		case <-ctx.Done():
			p.close()
			return
		case <-p.news:
			p.sync()
		case <-p.health:
			p.healthChanged()
		case <-addresses:
			p.serveAll(nil)
		case <-retry.C:
			p.healthChanged() // shares grow with time
			p.serveAll((*balancer).troubled)
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *Plane) close() {
	p.mu.Lock()
	for _, b := range p.balancers {
		p.remove(b)
	}
	for _, g := range p.groups {
		g.stop()
	}
	p.mu.Unlock()
	p.closing.Wait()
}

// sync serves what there is now.
func (p *Plane) sync() {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := map[string]bool{}
	rows := map[*aws.Certificate]bool{}
	var dirty []*balancer
	for _, r := range p.cfg.Cloud.Regions() {
		view := r.View()
		p.views[r.Name()] = view
		for _, c := range view.Certificates {
			rows[c] = true
		}
		for _, lb := range view.LoadBalancers {
			live[lb.Key] = true
			if b := p.syncBalancer(r, view, lb); b != nil {
				dirty = append(dirty, b)
			}
		}
	}
	p.certificates.keep(rows)
	for key, b := range p.balancers {
		if !live[key] {
			p.remove(b)
		}
	}
	p.syncGroups()
	changed := p.compileGroups()
	for _, b := range p.balancers {
		if b.uses(changed) {
			dirty = append(dirty, b)
		}
	}
	p.serve(dirty)
	if !p.started {
		p.started = true
		if p.cfg.Addresses != nil {
			p.cfg.Addresses.Complete()
		}
	}
}

// syncGroups has the targets of all target groups checked.
func (p *Plane) syncGroups() {
	live := map[string]bool{}
	for _, r := range p.cfg.Cloud.Regions() {
		view := p.views[r.Name()]
		if view == nil {
			continue // it was used for the first time a moment ago
		}
		for key, v := range view.TargetGroups {
			live[key] = true
			g := p.groups[key]
			if g == nil {
				g = &group{region: r, targets: map[string]*target{}}
				p.groups[key] = g
			}
			g.sync(v, p.resolver(view), func() { signal(p.health) })
		}
	}
	for key, g := range p.groups {
		if !live[key] {
			g.stop()
			delete(p.groups, key)
		}
	}
}

// compileGroups makes the pools of groups anew whose targets have changed, and returns which groups' changed.
func (p *Plane) compileGroups() map[string]bool {
	changed := map[string]bool{}
	now := p.cfg.Cloud.Clock().Now()
	for key, g := range p.groups {
		if g.compile(now) {
			changed[key] = true
		}
	}
	return changed
}

// healthChanged takes out targets that have failed, and in those that are well.
func (p *Plane) healthChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := p.compileGroups()
	var dirty []*balancer
	for _, b := range p.balancers {
		if b.uses(changed) {
			dirty = append(dirty, b)
		}
	}
	p.serve(dirty)
}

// serveAll serves again the load balancers that which says, all where it is nil.
func (p *Plane) serveAll(which func(*balancer) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var dirty []*balancer
	for _, b := range p.balancers {
		if which == nil || which(b) {
			dirty = append(dirty, b)
		}
	}
	p.serve(dirty)
}

// serve applies load balancers. Where one is bound elsewhere than before, the targets that it is itself are resolved anew.
func (p *Plane) serve(dirty []*balancer) {
	moved := false
	for _, b := range dirty {
		moved = p.apply(b) || moved
	}
	if !moved {
		return
	}
	p.syncGroups()
	changed := p.compileGroups()
	for _, b := range p.balancers {
		if b.uses(changed) {
			p.apply(b) // its ports stay: it was served with them a moment ago, or is new and nobody's target
		}
	}
}

// Settled says whether what was there at the start serves, or is known to fail.
func (p *Plane) Settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started {
		return false
	}
	for _, b := range p.balancers {
		if b.waits() {
			return false
		}
	}
	return true
}

// Stats adds up what the engines counted.
func (p *Plane) Stats() proxy.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.gone
	for _, b := range p.balancers {
		if b.serve != nil {
			serve.AddStats(&sum, b.serve.Stats())
		}
	}
	return sum
}
