package proxy

import (
	"cmp"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// routeState is a Rule made ready to act, and what it remembers between requests.
type routeState struct {
	rule     *Rule
	used     atomic.Int64  // coarse time
	forward  *forwardState // of a *Forward
	response edit          // of any Action
	cors     *corsState    // nil without CORS
	location *location     // of a *Redirect with a Template
	broken   string        // why the rule cannot be followed: it is answered with 500
}

// forwardState is a Forward made ready.
type forwardState struct {
	cfg      *Forward
	request  edit
	backends []backendState
	sticky   *sticky // nil without sessions of the rule's own
	group    *sticky // nil unless clients are kept at one of backends
	hosts    []regexEdit
	urls     []regexEdit
	sums     []uint64 // sums[i] is the weight of backends[:i+1]
	turn     atomic.Uint64
	mirrored atomic.Uint64 // counts the requests that may go to mirrors
}

type backendState struct {
	cfg               *Backend
	request, response edit
}

// chooseFor returns the backend for of, and nil when none has weight.
func (f *forwardState) chooseFor(of *flow) *backendState {
	if !f.cfg.Choose.hashes() || len(f.sums) == 0 || f.sums[len(f.sums)-1] == 0 {
		return f.choose()
	}
	const salt = 0x5851f42d4c957f2d // Or the endpoints of a backend would be chosen by what is left of the same hash.
	return f.at(mulHigh(scrambled(of.hash(f.cfg.Choose)^salt), f.sums[len(f.sums)-1]))
}

// choose returns the backend whose turn it is by weight, and nil when none has any.
func (f *forwardState) choose() *backendState {
	if len(f.sums) == 0 {
		return nil
	}
	total := f.sums[len(f.sums)-1]
	if total == 0 {
		return nil
	}
	if len(f.sums) == 1 {
		return &f.backends[0]
	}
	return f.at(spread(f.turn.Add(1), total))
}

// at returns the backend that has at of the sum of weights.
func (f *forwardState) at(at uint64) *backendState {
	for i := range f.sums {
		if at < f.sums[i] {
			return &f.backends[i]
		}
	}
	return nil
}

// edit is a HeaderEdit made ready.
type edit struct {
	remove   []string
	set, add []h1.Field
}

// apply changes fields: first remove, then set, then add.
func (e *edit) apply(fields []h1.Field) []h1.Field {
	for _, name := range e.remove {
		h1.Remove(fields, name)
	}
	for i := range e.set {
		h1.Remove(fields, e.set[i].Name)
	}
	fields = append(fields, e.set...)
	return append(fields, e.add...)
}

// newEdit leaves out what would break a message: what is no valid field, and the fields that frame it or belong to one connection.
func newEdit(h *HeaderEdit, refused func(name string)) edit {
	var e edit
	for _, name := range h.Remove {
		if fieldAllowed(name, "") {
			e.remove = append(e.remove, name)
		} else {
			refused(name)
		}
	}
	ready := func(list []Header) (fields []h1.Field) {
		for _, f := range list {
			if fieldAllowed(f.Name, f.Value) {
				fields = append(fields, h1.Field{Name: f.Name, Value: f.Value, ID: h1.Identify(f.Name)})
			} else {
				refused(f.Name)
			}
		}
		return fields
	}
	e.set, e.add = ready(h.Set), ready(h.Add)
	return e
}

func fieldAllowed(name, value string) bool {
	id := h1.Identify(name)
	return h1.ValidField(name, value) && !id.HopByHop() && id != h1.ContentLength && id != h1.Trailer
}

// routeCache has the states of the rules that were used lately. Rules of tables are many and shared between versions, so a state is made
// when the first request comes and not when a table does.
type routeCache struct {
	states sync.Map // *Rule to *routeState
	swept  int64    // coarse time of the last sweep; guarded by Engine.mu
}

// routeFor returns the state of rule.
func (e *Engine) routeFor(rule *Rule) *routeState {
	if s, ok := e.routes.states.Load(rule); ok {
		state := s.(*routeState)
		if now := coarse(); state.used.Load() != now {
			state.used.Store(now)
		}
		return state
	}
	state := newRouteState(rule, e.options.Logf)
	state.used.Store(coarse())
	s, _ := e.routes.states.LoadOrStore(rule, state)
	return s.(*routeState)
}

// forgotten is how long a rule goes without a request until its state is dropped. All that is lost is whose turn it is.
const forgotten = int64(2 * time.Minute)

// sweep drops the states of rules that are not used any more, now and then. Apply calls it: without changes there is nothing to drop.
func (c *routeCache) sweep(now int64) {
	if now-c.swept < forgotten/2 {
		return
	}
	c.swept = now
	c.states.Range(func(rule, state any) bool {
		if now-state.(*routeState).used.Load() > forgotten {
			c.states.Delete(rule)
		}
		return true
	})
}

func newRouteState(rule *Rule, logf func(string, ...any)) *routeState {
	s := &routeState{rule: rule, cors: newCORS(rule, logf)}
	refused := func(name string) {
		logf("rule %q: header field %q is not one that a filter may change, or has a value that cannot be sent; it is left as it was", rule.Name, name)
	}
	switch a := rule.Action.(type) {
	case *Forward:
		s.response = newEdit(&a.ResponseHeaders, refused)
		f := &forwardState{cfg: a, request: newEdit(&a.RequestHeaders, refused), sticky: newSticky(a.Session, logf, "rule", rule.Name)}
		f.group = newGroup(a.BackendSession, logf, rule.Name)
		s.broken = cmp.Or(unsendable(a.RewriteHost, a.RewritePath), f.compile())
		var sum uint64
		for i := range a.Backends {
			b := &a.Backends[i]
			sum += uint64(b.Weight)
			f.sums = append(f.sums, sum)
			f.backends = append(f.backends, backendState{cfg: b, request: newEdit(&b.RequestHeaders, refused), response: newEdit(&b.ResponseHeaders, refused)})
		}
		s.forward = f
	case *Redirect:
		s.broken = unsendable(a.Hostname, a.Path)
		if !h1.ValidScheme(a.Scheme) {
			s.broken = "the scheme is not one"
		}
		if a.Template != nil {
			s.location = newLocation(a.Template)
			s.broken = cmp.Or(s.broken, s.location.unsendable())
		}
		s.response = newEdit(&a.ResponseHeaders, refused)
	case *Respond:
		s.response = newEdit(&a.ResponseHeaders, refused)
		if !h1.ValidField("Content-Type", a.ContentType) {
			s.broken = "the content type is not one"
		}
	default:
		s.broken = fmt.Sprintf("no action is called %T", rule.Action)
	}
	if s.broken != "" {
		logf("rule %q: %s; it answers 500", rule.Name, s.broken)
	}
	return s
}

// unsendable says why host and path cannot be written into a request or a URL; "" when they can. Whoever writes a rule must not be able to
// write another request with it.
func unsendable(host string, path *PathEdit) string {
	var r h1.Request
	switch {
	case host != "" && !r.SetAuthority(host):
		return "the hostname is not one"
	case path != nil && !h1.ValidPath(path.Value):
		return "the path is not one"
	}
	return ""
}
