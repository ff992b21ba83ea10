package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Apply makes the engine serve c in place of what it served before. What c shares with that by pointer is not touched, and no
// connection is dropped: a request that has begun ends on the configuration that it began with.
//
// A listener that cannot be bound, or not serve all that it should, costs only itself: the others serve, and the error joins a *ListenError for each
// such listener. Applying the same configuration again tries those again. The only other error is ErrClosed. Apply returns when new
// connections and requests are served as c says; removed listeners drain after that.
func (e *Engine) Apply(c *Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.setSessionKey(c.SessionKey)
	old := e.pools
	pools, changed := e.applyPools(c.Pools)
	e.pools = pools
	if changed {
		e.sticky = anySticky(pools)
	}
	err := e.applyListeners(c.Listeners)
	// Last, so that no request finds a pool gone that its rule still names.
	if changed {
		e.dropPools(old, pools)
	}
	e.routes.sweep(coarse())
	return err
}

// applyListeners binds, updates and closes listeners.
func (e *Engine) applyListeners(want map[string]*Listener) error {
	var errs []error
	fail := func(name string, bound bool, err error) {
		errs = append(errs, &ListenError{Listener: name, Bound: bound, Err: err})
	}
	bound := make(map[socketKey]*listener, len(e.listeners))
	for _, l := range e.listeners {
		bound[l.key] = l
	}
	names := slices.Sorted(maps.Keys(want))
	owner := map[socketKey]string{}
	for _, name := range names {
		if key := keyOf(name, want[name]); owner[key] == "" {
			owner[key] = name
		}
	}
	// Closed first: what is new may want an address that is given up.
	for key, l := range bound {
		if owner[key] == "" {
			l.close()
			e.drainLater(l)
		}
	}
	got := make(map[string]*listener, len(want))
	for _, name := range names {
		cfg := want[name]
		key := keyOf(name, cfg)
		if owner[key] != name {
			fail(name, false, fmt.Errorf("listener %q has the address %s already", owner[key], cfg.Address))
			continue
		}
		l := bound[key]
		site, err := e.siteFor(l, name, cfg)
		if err != nil {
			fail(name, true, err)
		}
		v := &version{site: site, pools: e.pools, sticky: e.sticky}
		if l != nil {
			l.version.Store(v)
		} else if l, err = e.listen(key); err != nil {
			fail(name, false, err)
			continue
		} else {
			l.version.Store(v)
			l.start()
		}
		got[name] = l
	}
	e.listeners = got
	return errors.Join(errs...)
}

// siteFor returns cfg ready to serve: what l has already when it is the same.
func (e *Engine) siteFor(l *listener, name string, cfg *Listener) (*listenerView, error) {
	if l != nil {
		if site := l.version.Load().site; site.cfg == cfg && site.name == name {
			return site, site.err
		}
	}
	return newListenerView(name, cfg, &e.options)
}

// drainLater lets a closed listener's connections end, for as long as the options allow, or as Close does. e.mu is held.
func (e *Engine) drainLater(l *listener) {
	ctx, cancel := e.ctx, context.CancelFunc(func() {})
	if e.options.DrainTimeout >= 0 {
		ctx, cancel = context.WithTimeout(e.ctx, e.options.DrainTimeout)
	}
	e.draining[l] = struct{}{}
	e.running.Go(func() {
		defer cancel()
		l.drained(ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.draining, l)
	})
}
