package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Engine serves one load balancer. Its methods may be called concurrently. Many engines in a process share their buffers and their
// sweeper, and one that serves nothing costs nearly nothing.
type Engine struct {
	options Options
	routes  routeCache
	shards  counterShards
	log     *accessLog    // nil when off
	slots   slots         // for clients' connections
	epoch   atomic.Uint64 // see pool.epoch
	layer4  layer4
	tickets tickets
	mirrors mirrors
	sealer  atomic.Pointer[sealer] // of sessions

	ctx    context.Context // of what runs in the background
	cancel context.CancelFunc

	mu        sync.Mutex // held while the configuration changes
	closed    bool
	listeners map[string]*listener   // that are bound, by name
	draining  map[*listener]struct{} // that are closed and have connections yet
	pools     map[string]*pool
	sticky    bool // one of pools has sessions
	endpoints map[endpointKey]*endpoint
	checks    map[checkKey]*check
	budgets   map[string]*budget // of pools, by name
	stakes    map[stakeKey]*stake

	running sync.WaitGroup // accept loops, connections, drains, health checks
}

// New returns an engine that serves nothing yet. Close it.
func New(o Options) *Engine {
	e := &Engine{
		options:   o.withDefaults(),
		listeners: map[string]*listener{},
		draining:  map[*listener]struct{}{},
		endpoints: map[endpointKey]*endpoint{},
		checks:    map[checkKey]*check{},
		budgets:   map[string]*budget{},
		stakes:    map[stakeKey]*stake{},
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.slots = newSlots(e.options.MaxConnections)
	e.shards = newCounterShards()
	theSweeper.acquire()
	if e.options.AccessLog != nil {
		e.log = startAccessLog(e.options.AccessLog, e.options.AccessEvery)
	}
	return e
}

// ListenError says that a listener of a configuration does not serve, or not all that it should. Engine.Apply joins one for each.
type ListenError struct {
	Listener string // its name
	Bound    bool   // it serves, but not all that it should
	Err      error
}

func (e *ListenError) Error() string { return fmt.Sprintf("listener %q: %v", e.Listener, e.Err) }

func (e *ListenError) Unwrap() error { return e.Err }

// ErrClosed is what Apply returns after Close.
var ErrClosed = errors.New("the engine is closed")

// ListenerAddress returns the address that the named listener is bound to, and whether it is bound. It differs from the configured one
// when that has port 0.
func (e *Engine) ListenerAddress(name string) (netip.AddrPort, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, ok := e.listeners[name]
	if !ok {
		return netip.AddrPort{}, false
	}
	return l.address, true
}

// Close stops accepting at once, lets what is in flight end until ctx is done, and then cuts it off. It returns ctx's error if it had to.
// Nothing of the engine runs after it. Closing twice does no harm.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	ending := slices.Collect(maps.Keys(e.draining)) // those that Apply has removed too
	for _, l := range e.listeners {
		l.close()
		ending = append(ending, l)
	}
	e.listeners = map[string]*listener{}
	e.mu.Unlock()

	for _, l := range ending {
		l.drained(ctx)
	}
	err := ctx.Err()
	e.mu.Lock()
	e.dropPools(e.pools, nil)
	e.pools = nil
	for _, s := range e.stakes {
		s.stay()
	}
	e.mu.Unlock()
	e.cancel()
	e.running.Wait()
	e.mirrors.close()
	if e.log != nil {
		e.log.stop()
	}
	theSweeper.release()
	return err
}
