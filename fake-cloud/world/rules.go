package world

// Rule returns one rule.
func (w *World) Rule(id string) (Rule, error) { return get[Rule](w, KindRule, id) }

// CreateRule makes a rule of a listener.
func (w *World) CreateRule(listener string, n Naming, spec RuleSpec) (Rule, error) {
	var made Rule
	err := w.change(func() error {
		if err := w.state.usableRef(KindListener, listener); err != nil {
			return err
		}
		if err := w.nameFree(KindRule, listener, n.Name, ""); err != nil {
			return err
		}
		if err := room(len(w.state.tables[KindRule].names[listener]), w.quotas.RulesPerListener, "rules per listener"); err != nil {
			return err
		}
		in, err := need[Listener](w.state, KindListener, listener)
		if err != nil {
			return err
		}
		if err := w.fits(&spec, nil, in); err != nil {
			return err
		}
		made = Rule{Meta: w.newMeta(KindRule, n), RuleSpec: spec, Listener: listener, LoadBalancer: in.LoadBalancer}
		w.put(&made)
		return nil
	})
	return made, err
}

// fits checks what spec refers to, and that it says what a rule of the listener can say. The lock is held.
func (w *World) fits(spec, old *RuleSpec, in *Listener) error {
	if (old == nil || old.Server != spec.Server) && !in.hasServer(spec.Server) {
		return failf(InvalidArgument, "server: listener %s has no server %q", in.ID, spec.Server)
	}
	if err := spec.fits(in.Protocol); err != nil {
		return err
	}
	for _, id := range spec.Pools() {
		if err := w.state.usableRef(KindPool, id); err != nil {
			return err
		}
		pool, err := need[Pool](w.state, KindPool, id)
		if err != nil {
			return err
		}
		if !pool.Protocol.carries(in.Protocol) {
			return failf(InvalidArgument, "pool %s speaks %s, which a listener of protocol %s cannot forward to", id, pool.Protocol, in.Protocol)
		}
	}
	return nil
}

// carries says whether a listener of protocol p can forward to a pool.
func (pool PoolProtocol) carries(p Protocol) bool {
	switch p {
	case HTTP, HTTPS:
		return pool == PoolHTTP1 || pool == PoolHTTP2
	case TLS, TCP:
		return pool == PoolTCP
	case UDP:
		return pool == PoolUDP
	}
	return false
}

// fits refuses conditions that a protocol has nothing to hold against.
func (s *RuleSpec) fits(p Protocol) error {
	if p == HTTP || p == HTTPS {
		return nil
	}
	for _, m := range s.Matches {
		if m.Path != nil || m.Method != "" || len(m.Headers) > 0 || len(m.Query) > 0 {
			return failf(InvalidArgument, "matches: a %s listener knows no path, method, header or query", p)
		}
		if p != TLS && m.Hostname != "" {
			return failf(InvalidArgument, "matches: a %s listener knows no hostname", p)
		}
	}
	if s.Action.Redirect != nil {
		return failf(InvalidArgument, "action: a %s listener cannot redirect", p)
	}
	return nil
}

// UpdateRule replaces what a client says of a rule.
func (w *World) UpdateRule(id string, revision uint64, n Naming, spec RuleSpec) (Rule, error) {
	var next Rule
	err := w.change(func() error {
		old, err := need[Rule](w.state, KindRule, id)
		if err != nil {
			return err
		}
		if err := editable(KindRule, &old.Meta, revision); err != nil {
			return err
		}
		if err := w.nameFree(KindRule, old.Listener, n.Name, id); err != nil {
			return err
		}
		in, err := need[Listener](w.state, KindListener, old.Listener)
		if err != nil {
			return err
		}
		if err := w.fits(&spec, &old.RuleSpec, in); err != nil {
			return err
		}
		next = *old
		next.Naming, next.RuleSpec = n, spec
		w.touch(KindRule, &next.Meta)
		w.put(&next)
		return nil
	})
	return next, err
}

// DeleteRule begins to delete a rule, and returns it as it then is.
func (w *World) DeleteRule(id string, revision uint64) (Rule, error) {
	return drop[Rule](w, KindRule, id, revision)
}
