package fakeapi

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

//go:embed openapi.yaml
var document []byte

// maxBody is how long the body of a request may be.
const maxBody = 4 << 20

// MemberHealth is the state of one member as the data path sees it.
type MemberHealth struct {
	State  string // initial, healthy, unhealthy or draining
	Reason string
}

// Config is what an API is made of. World, Throttle, Journal and Log are required.
type Config struct {
	World    *world.World
	Throttle *throttle.Throttle
	Journal  *journal.Journal
	// Health returns how the members of a pool are; those that it leaves out are initial. Nil leaves out all.
	Health func(pool string) map[netip.AddrPort]MemberHealth
	// CheckRule says why the data path could not carry out a rule that is sound by itself. May be nil.
	CheckRule func(*world.RuleSpec) error
	// Tokens are the bearer tokens of /v1, and AdminToken that of /admin/v1; none lets everybody in.
	Tokens     []string
	AdminToken string
	// Reset empties, with the world, what else there is. May be nil.
	Reset func() error
	// Crash ends the process without warning. Nil refuses faults that would need it.
	Crash func()
	// Served is told of each call of /v1 when it is answered. May be nil.
	Served  func(op string, status int, took time.Duration)
	Version string
	Log     *slog.Logger
}

// API is an http.Handler for /v1, /admin/v1 and /openapi.yaml.
type API struct {
	cfg    Config
	world  *world.World
	faults *fault.Set
	ops    []op
	rates  map[string]throttle.Rate // at the start, for reset
	mux    *http.ServeMux
}

// op is one call of the API.
type op struct {
	name     string // "CreateRule"
	method   string
	path     string // as net/http's patterns have it
	class    string // of the throttle
	mutating bool
	handle   func(*http.Request) (*answer, error)
}

// answer is what is sent back.
type answer struct {
	status int
	body   any
	etag   string
	header http.Header
}

// New returns the API of a world.
func New(cfg Config) *API {
	a := &API{cfg: cfg, world: cfg.World, mux: http.NewServeMux(), rates: cfg.Throttle.Rates()}
	a.ops = a.operations()
	names := make([]string, 0, len(a.ops))
	for _, o := range a.ops {
		names = append(names, o.name)
	}
	a.faults = fault.NewSet(names, faultCodes, cfg.World.Dice().Float)
	routes := map[string]map[string]http.HandlerFunc{} // path, method
	add := func(method, path string, h http.HandlerFunc) {
		if routes[path] == nil {
			routes[path] = map[string]http.HandlerFunc{}
		}
		routes[path][method] = h
	}
	for _, o := range a.ops {
		add(o.method, o.path, a.serve(o))
	}
	for _, o := range a.adminOperations() {
		add(o.method, o.path, a.serveAdmin(o))
	}
	add(http.MethodGet, "/openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(document) // the client may have gone
	})
	for path, methods := range routes {
		a.mux.HandleFunc(path, byMethod(methods))
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		send(w, refuse(http.StatusNotFound, "NotFound", "there is no such call: see /openapi.yaml"))
	})
	return a
}

// byMethod answers 405 in the API's own words.
func byMethod(methods map[string]http.HandlerFunc) http.HandlerFunc {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if methods[m] != nil {
			allowed = append(allowed, m)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if h := methods[r.Method]; h != nil {
			h(w, r)
			return
		}
		refused := refuse(http.StatusMethodNotAllowed, "InvalidArgument", "method "+r.Method+" is not allowed here: "+strings.Join(allowed, ", "))
		refused.header.Set("Allow", strings.Join(allowed, ", "))
		send(w, refused)
	}
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// serve is the way of one call of /v1: who asks, how often, what mishap it meets, what it does, and the journal.
func (a *API) serve(o op) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := a.world.Clock().Now()
		var effect string
		got := a.unauthenticated(r)
		if got == nil {
			got = a.throttled(o, begin)
		}
		drop := false
		if got == nil {
			got, effect, drop = a.withFault(o, r)
		}
		now := a.world.Clock().Now()
		a.cfg.Journal.Add(journal.Entry{
			Time: now, Op: o.name, Method: r.Method, Path: r.URL.Path, Status: got.status, Mutating: o.mutating, Fault: effect,
		})
		if a.cfg.Served != nil {
			a.cfg.Served(o.name, got.status, now.Sub(begin))
		}
		if drop {
			panic(http.ErrAbortHandler) // closes the connection without an answer
		}
		send(w, got)
	}
}

// withFault performs the call, or what a fault rule makes of it.
func (a *API) withFault(o op, r *http.Request) (got *answer, effect string, drop bool) {
	f := a.faults.Next(o.name)
	if f == nil {
		return a.perform(o, r), "", false
	}
	a.cfg.Log.Info("fault", "op", o.name, "effect", f.Effect, "rule", f.ID)
	switch f.Effect {
	case fault.Error:
		return injected(f), string(f.Effect), false
	case fault.Unavailable:
		return refuse(http.StatusServiceUnavailable, "Unavailable", "unavailable by fault rule "+f.ID), string(f.Effect), false
	case fault.Throttle:
		wait := f.Wait()
		if wait == 0 {
			wait = time.Second
		}
		return throttledAnswer(wait), string(f.Effect), false
	case fault.Delay:
		if !a.wait(r, f.Wait()) {
			return refuse(http.StatusServiceUnavailable, "Unavailable", "the client went away"), string(f.Effect), true
		}
	case fault.CrashBefore:
		a.cfg.Crash()
	case fault.DropReply, fault.CrashAfter:
	}
	got = a.perform(o, r)
	if f.Effect == fault.CrashAfter {
		a.cfg.Crash()
	}
	return got, string(f.Effect), f.Effect == fault.DropReply
}

// wait waits on the world's clock, and reports whether the client did too.
func (a *API) wait(r *http.Request, d time.Duration) bool {
	over := make(chan struct{})
	stop := a.world.Clock().Alarm(a.world.Clock().Now().Add(d), func() { close(over) })
	select {
	case <-over:
		return true
	case <-r.Context().Done():
		stop()
		return false
	}
}

func (a *API) perform(o op, r *http.Request) *answer {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	got, err := o.handle(r)
	if err != nil {
		return a.failed(err)
	}
	return got
}

func (a *API) throttled(o op, now time.Time) *answer {
	if wait := a.cfg.Throttle.Take(o.class, now); wait > 0 {
		return throttledAnswer(wait)
	}
	return nil
}

func (a *API) unauthenticated(r *http.Request) *answer {
	if len(a.cfg.Tokens) == 0 || bears(r, a.cfg.Tokens...) {
		return nil
	}
	return unauthenticated()
}

func unauthenticated() *answer {
	refused := refuse(http.StatusUnauthorized, "Unauthenticated", "give a valid token: Authorization: Bearer TOKEN")
	refused.header.Set("WWW-Authenticate", "Bearer")
	return refused
}

// bears compares hashes, so that the time it takes tells nothing of the tokens.
func bears(r *http.Request, tokens ...string) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(given)))
	found := 0
	for _, t := range tokens {
		want := sha256.Sum256([]byte(t))
		found |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return found == 1
}

func send(w http.ResponseWriter, a *answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.etag != "" {
		w.Header().Set("ETag", `"`+a.etag+`"`)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a.body); err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(buf.Bytes()) // the client may have gone
}
