package crash

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// clusterID is the identity of the cluster in marks.
const clusterID = "crash"

// death says when a process ends: at the step with a number, counted from 1, before or after the cloud has performed it. Zero never.
type death struct {
	step  int
	after bool
}

// mortal is a provider whose process ends at a step. From then on nothing reaches the cloud.
type mortal struct {
	cloud.Provider
	death death
	kill  context.CancelFunc

	mu    sync.Mutex
	steps int
	dead  bool
}

var errDead = errors.New("the process has ended")

// Apply implements cloud.Provider.
func (m *mortal) Apply(ctx context.Context, owner ir.Owner, step plan.Step) (graph.Node, error) {
	m.mu.Lock()
	m.steps++
	dies := m.steps == m.death.step
	dead := m.dead
	m.dead = m.dead || dies
	m.mu.Unlock()
	switch {
	case dead:
		return graph.Node{}, &cloud.Error{Kind: cloud.Unavailable, Op: "Apply", Err: errDead}
	case dies:
		if m.death.after {
			// What becomes of it, nobody hears.
			_, _ = m.Provider.Apply(context.WithoutCancel(ctx), owner, step)
		}
		m.kill()
		<-ctx.Done()
		return graph.Node{}, &cloud.Error{Kind: cloud.Unavailable, Op: "Apply", Err: errDead}
	default:
		return m.Provider.Apply(ctx, owner, step)
	}
}

// Observe implements cloud.Provider.
func (m *mortal) Observe(ctx context.Context, scope cloud.Scope) (map[ir.OwnerKey]graph.Graph, error) {
	m.mu.Lock()
	dead := m.dead
	m.mu.Unlock()
	if dead {
		return nil, &cloud.Error{Kind: cloud.Unavailable, Op: "Observe", Err: errDead}
	}
	return m.Provider.Observe(ctx, scope)
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// process is one life of the controller.
type process struct {
	provider *mortal
	ended    chan error
	kill     context.CancelFunc
}

// start runs a controller over a store until it dies or is killed.
func start(t *testing.T, store *memory.Store, provider cloud.Provider, d death, atOnce int) *process {
	t.Helper()
	ctx, kill := context.WithCancel(context.Background())
	p := &process{provider: &mortal{Provider: provider, death: d, kill: kill}, ended: make(chan error, 1), kill: kill}
	patience := time.Minute
	mgr, err := store.Manager(manager.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", GracefulShutdownTimeout: &patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reconciler.Setup(mgr, reconciler.Config{
		Providers: []cloud.Provider{p.provider}, Cluster: clusterID, StepsAtOnce: atOnce, AuditInterval: time.Hour, AuditDelay: time.Hour,
		RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond, PollMin: time.Millisecond, PollMax: 20 * time.Millisecond,
	}); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- mgr.Start(ctx) }()
	return p
}

// wait returns when the process has ended. It has to be killed, or to die.
func (p *process) wait(t *testing.T) {
	t.Helper()
	if err := <-p.ended; err != nil {
		t.Fatalf("the controller: %v", err)
	}
}
