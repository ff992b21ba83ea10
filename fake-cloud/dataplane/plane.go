package dataplane

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// Config is what a Plane is made of.
type Config struct {
	World *world.World // opened with Reported
	Ports *ports.Table // of all load balancers of the process, also of other clouds
	// Addresses are where the load balancers' addresses come from; nil when the machine has them all. The world is opened with
	// Claimed then.
	Addresses Addresses
	Proxy     proxy.Options // for every engine; Name is set for each
	Grace     time.Duration // how long requests may go on when a load balancer is deleted or the Plane stops
	Log       *slog.Logger
}

// Plane carries the traffic of all load balancers of a world.
type Plane struct {
	cfg   Config
	world *world.World
	ports *ports.Table
	watch *world.Watch

	mu        sync.Mutex // all below belongs to sync; others take it to read
	balancers map[string]*balancer
	sites     map[string]*site              // by listener
	homes     map[string]*site              // by rule
	pools     map[string]served             // by pool
	certs     map[string]*proxy.Certificate // by certificate
	users     map[string]map[*balancer]int  // by pool: how many rules of a load balancer name it
	dirty     map[*balancer]struct{}
	gone      proxy.Stats    // of engines that were closed
	closing   sync.WaitGroup // engines of deleted load balancers
	stopping  chan struct{}  // closed when the plane stops
	stop      sync.Once
	settled   atomic.Bool
}

// served is a pool as it is served.
type served struct {
	revision uint64
	proxy    *proxy.Pool
}

// balancer is one load balancer and its engine.
type balancer struct {
	world.LoadBalancer
	ready      bool            // it may be served
	serve      *serve.Balancer // nil until it is ready for the first time
	sites      map[string]*site
	uses       map[string]struct{}    // pools that rules name
	pools      map[string]*proxy.Pool // as applied; shared between versions while no pool changes
	poolsStale bool
	failing    bool                // a bind has to be tried again
	untold     bool                // the world could not be told how the addresses are
	holds      map[netip.Addr]bool // addresses that are held or asked for
	claim      claim
	health     healthCache
}

// retryInterval is how often what cannot be bound is tried again.
const retryInterval = time.Second

// New returns a plane that serves nothing until it is Run.
func New(cfg Config) *Plane {
	return &Plane{
		cfg: cfg, world: cfg.World, ports: cfg.Ports, watch: cfg.World.Watch(),
		balancers: map[string]*balancer{}, sites: map[string]*site{}, homes: map[string]*site{}, pools: map[string]served{},
		certs: map[string]*proxy.Certificate{}, users: map[string]map[*balancer]int{},
		dirty: map[*balancer]struct{}{}, stopping: make(chan struct{}),
	}
}

// Run follows the world until ctx is done, then stops serving, and returns when nothing of it runs any more.
func (p *Plane) Run(ctx context.Context) {
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
		case <-p.watch.C:
			p.sync(p.watch.Take())
			p.prove()
		case <-addresses:
			p.addressesChanged()
		case <-retry.C:
			p.retry()
			p.prove()
		}
	}
}

func (p *Plane) close() {
	p.stop.Do(func() { close(p.stopping) })
	p.mu.Lock()
	for _, b := range p.balancers {
		p.closeEngine(b)
	}
	p.mu.Unlock()
	p.closing.Wait()
}

// closeEngine stops listening at once, lets requests end in the background, and then gives back the addresses.
func (p *Plane) closeEngine(b *balancer) {
	held := b.releaseAll()
	if b.serve == nil {
		p.giveBack(held)
		return
	}
	old := b.serve
	b.serve = nil
	serve.AddStats(&p.gone, old.Stats())
	old.Retire()
	p.closing.Go(func() {
		old.Close(p.cfg.Grace)
		p.giveBack(held)
	})
}

// sync serves what has changed in the world.
func (p *Plane) sync(changed []world.Ref, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if all {
		changed = p.everything()
	}
	// Each kind after those that it refers to, so that a rule finds its listener.
	slices.SortFunc(changed, func(a, b world.Ref) int { return order(a.Kind) - order(b.Kind) })
	for _, ref := range changed {
		switch ref.Kind {
		case world.KindLoadBalancer:
			p.syncLoadBalancer(ref.ID)
		case world.KindListener:
			p.syncListener(ref.ID)
		case world.KindRule:
			p.syncRule(ref.ID)
		case world.KindPool:
			p.syncPool(ref.ID)
		case world.KindCertificate:
			p.syncCertificate(ref.ID)
		}
	}
	p.apply()
	if all && p.cfg.Addresses != nil {
		p.cfg.Addresses.Complete()
	}
	p.settle()
}

func order(k world.Kind) int {
	switch k {
	case world.KindCertificate:
		return 0
	case world.KindPool:
		return 1
	case world.KindLoadBalancer:
		return 2
	case world.KindListener:
		return 3
	case world.KindRule:
		return 4
	}
	return 5
}

// everything is what there is and what is served.
func (p *Plane) everything() []world.Ref {
	refs := map[world.Ref]struct{}{}
	for _, ref := range p.world.Refs() {
		refs[ref] = struct{}{}
	}
	for id := range p.balancers {
		refs[world.Ref{Kind: world.KindLoadBalancer, ID: id}] = struct{}{}
	}
	for id := range p.sites {
		refs[world.Ref{Kind: world.KindListener, ID: id}] = struct{}{}
	}
	for id := range p.homes {
		refs[world.Ref{Kind: world.KindRule, ID: id}] = struct{}{}
	}
	for id := range p.pools {
		refs[world.Ref{Kind: world.KindPool, ID: id}] = struct{}{}
	}
	for id := range p.certs {
		refs[world.Ref{Kind: world.KindCertificate, ID: id}] = struct{}{}
	}
	list := make([]world.Ref, 0, len(refs))
	for ref := range refs {
		list = append(list, ref)
	}
	return list
}
