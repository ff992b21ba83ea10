package reconciler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/recorder"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Domain is what the controller names of our classes begin with: "cloudgate.dev/fake" is the class of provider fake.
const Domain = "cloudgate.dev/"

// Config says what Setup sets up. Providers and Cluster are required; the zero value of every other field has a default.
type Config struct {
	Providers []cloud.Provider
	// Cluster is the identity of this cluster in the marks on what is made in clouds. Two clusters that share a cloud account must not
	// share it, and it must not change while anything is marked with it.
	Cluster string
	// BundleVersion is that of the Gateway API CRDs that are installed, for the SupportedVersion condition; empty when unknown.
	BundleVersion string
	// StandardChannel tells that these CRDs lack the experimental fields.
	StandardChannel bool

	// ObserveNew has the cloud read once before anything is made for Gateways that nothing was made for yet, as far as their objects
	// tell. It is for a store that forgets its objects while the cloud does not.
	ObserveNew bool

	// AuditInterval is how often each cloud is read in bulk and compared with what is remembered. Default 10 minutes.
	AuditInterval time.Duration
	// AuditDelay bounds how long after the start the first audit comes, at random. Default: a tenth of AuditInterval, at most 30 s.
	AuditDelay time.Duration
	// DeepAudits is in how many audits the content of everything is read once, in a cloud that is read in bulk without it. Default 6.
	DeepAudits int
	// OrphanGrace is how long resources may have no Gateway before they are deleted. Default 5 minutes.
	OrphanGrace time.Duration

	// Workers is how many Gateways are worked on at the same time. Default 8.
	Workers int
	// StepsAtOnce is how many calls to its cloud are under way at the same time for one Gateway. Default 16.
	StepsAtOnce int
	// Reads and Writes limit the calls to each cloud. Default 100 and 2000 a second, and lower while the cloud throttles.
	Reads, Writes Rate
	// CallTimeout is the time that one step may take, and a quarter of what a bulk read may. Default 30 s.
	CallTimeout time.Duration

	// RetryMin and RetryMax bound the wait before what failed is tried again. Default 100 ms and 30 s.
	RetryMin, RetryMax time.Duration
	// PollMin and PollMax bound the wait before the cloud is asked whether it is done. Default 25 ms and 5 s.
	PollMin, PollMax time.Duration

	// PodReadinessGates has pods watched that list the readiness gate cloudgate.dev/load-balancer-ready: they become targets before they are
	// ready, and ready when load balancers find them healthy. It needs permission to watch pods and to patch their status.
	PodReadinessGates bool

	// GatewayServices has a Service made for each Gateway, so that its load balancer has a name in the cluster's DNS. It needs permission to
	// create, patch and delete Services and EndpointSlices.
	GatewayServices bool

	// Now is the clock and Dice gives numbers in [0, 1) for jitter. The defaults are the system's.
	Now  func() time.Time
	Dice func() float64
}

func (c *Config) complete() error {
	if c.Cluster == "" {
		return errors.New("the identity of the cluster is not set")
	}
	if len(c.Providers) == 0 {
		return errors.New("no provider is configured")
	}
	fill(&c.AuditInterval, 10*time.Minute)
	fill(&c.AuditDelay, min(c.AuditInterval/10, 30*time.Second))
	fill(&c.DeepAudits, 6)
	fill(&c.OrphanGrace, 5*time.Minute)
	fill(&c.Workers, 8)
	fill(&c.StepsAtOnce, 16)
	fill(&c.Reads, Rate{PerSecond: 100, Burst: 100})
	fill(&c.Writes, Rate{PerSecond: 2000, Burst: 2000})
	fill(&c.CallTimeout, 30*time.Second)
	fill(&c.RetryMin, 100*time.Millisecond)
	fill(&c.RetryMax, 30*time.Second)
	fill(&c.PollMin, 25*time.Millisecond)
	fill(&c.PollMax, 5*time.Second)
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the clock of the reconcilers is made here
	}
	if c.Dice == nil {
		c.Dice = rand.Float64 //nolint:forbidigo // and their dice
	}
	return nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Controller is the reconcilers of one Manager.
type Controller struct {
	cfg       Config
	client    client.Client
	api       client.Reader // not cached: asked before something irreversible
	log       logr.Logger
	views     *views
	mapping   mapping
	indexes   indexes
	ledger    *ledger
	executors map[string]*executor // by provider
	metrics   *metrics
	events    recorder.EventRecorder
	writer    *writer
	missing   []string
	wakes     chan event.GenericEvent
	classes   chan event.GenericEvent // wakes them
	wakeups   *wakeups
	newborns  *newborns
	auditor   *auditor

	complaints complaints
}

// now returns the time of the configured clock.
func (c *Controller) now() time.Time { return c.cfg.Now() }

// executorOf returns what works for a controller name, nil when it is not one of ours or no provider has that name.
func (c *Controller) executorOf(name gwv1.GatewayController) *executor {
	provider, ours := strings.CutPrefix(string(name), Domain)
	if !ours {
		return nil
	}
	return c.executors[provider]
}

func ours(name gwv1.GatewayController) bool { return strings.HasPrefix(string(name), Domain) }

// Got returns what is remembered of the resources of a Gateway, and whether anything is. The graph must not be changed.
func (c *Controller) Got(uid types.UID) (graph.Graph, bool) {
	key := ir.OwnerKey{Cluster: c.cfg.Cluster, UID: string(uid)}
	for name := range c.executors {
		if e := c.ledger.find(name, key); e != nil && e.isKnown() {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.got, true
		}
	}
	return nil, false
}

// Setup adds the reconcilers to a Manager. The Manager's scheme has to be one of SchemeFor's. What the cluster does not have is left
// out, and said once in the log.
func Setup(mgr manager.Manager, cfg Config) (*Controller, error) {
	c, err := prepare(mgr, cfg)
	if err != nil {
		return nil, err
	}
	if err := c.watch(mgr); err != nil {
		return nil, err
	}
	c.auditor = newAuditor(c)
	return c, mgr.Add(c.auditor)
}

// prepare makes a Controller that can read the cluster, write to it and work on clouds, and that nothing wakes yet.
func prepare(mgr manager.Manager, cfg Config) (*Controller, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	m, err := newMetrics(defaultRegistry)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	missing, err := Missing(mgr.GetRESTMapper())
	if err != nil {
		return nil, err
	}
	c := &Controller{
		cfg:       cfg,
		client:    mgr.GetClient(),
		api:       mgr.GetAPIReader(),
		log:       mgr.GetLogger().WithName("cloudgate"),
		indexes:   indexes{ours: ours},
		ledger:    newLedger(cfg.Now),
		executors: make(map[string]*executor),
		metrics:   m,
		events:    mgr.GetEventRecorder("cloudgate"),
		missing:   missing,
		wakes:     make(chan event.GenericEvent),
		classes:   make(chan event.GenericEvent),
		wakeups:   &wakeups{since: make(map[types.NamespacedName]wakeup)},
		newborns:  &newborns{by: make(map[types.NamespacedName]*v1alpha1.LoadBalancer)},
	}
	c.writer = newWriter(c.client, m)
	for _, p := range cfg.Providers {
		if c.executors[p.Name()] != nil {
			return nil, fmt.Errorf("provider %s is configured twice", p.Name())
		}
		c.executors[p.Name()] = &executor{
			provider: p, reads: newLimiter(cfg.Reads, cfg.Now), writes: newLimiter(cfg.Writes, cfg.Now),
			atOnce: cfg.StepsAtOnce, timeout: cfg.CallTimeout, metrics: m,
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		c.log.Info("the cluster does not have all kinds of the Gateway API: serving without", "kinds", strings.Join(missing, ", "))
	}
	if c.views, err = openViews(context.Background(), mgr.GetCache(), c.unread(), c.indexes); err != nil {
		return nil, err
	}
	c.mapping = mapping{v: c.views, x: c.indexes, networked: c.tellsNetworks, woken: func(name types.NamespacedName) { c.wakeups.start(name, c.now()) }}
	return c, nil
}

// unread returns the kinds that are not read.
func (c *Controller) unread() []string {
	if c.cfg.PodReadinessGates {
		return c.missing
	}
	return append(slices.Clone(c.missing), "Pod")
}

// wakeups remember when the first change came that a Gateway has not caught up with.
type wakeups struct {
	mu    sync.Mutex
	since map[types.NamespacedName]wakeup
}

// wakeup is the first of those changes.
type wakeup struct {
	at     time.Time
	worked bool // a pass has changed the cloud since
}

// start notes that a change came.
func (w *wakeups) start(name types.NamespacedName, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, waiting := w.since[name]; !waiting {
		w.since[name] = wakeup{at: now}
	}
}

// take returns the first change, and starts anew.
func (w *wakeups) take(name types.NamespacedName) (wakeup, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, ok := w.since[name]
	delete(w.since, name)
	return first, ok
}

// keep puts back what was taken: the Gateway has not caught up yet. It came before whatever came since.
func (w *wakeups) keep(name types.NamespacedName, first wakeup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since[name] = first
}
