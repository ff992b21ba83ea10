package fakeapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// maxAdvance is how far one call may put the clock forward.
const maxAdvance = 10 * 365 * 24 * time.Hour

// settings are what can be set without a restart. They last until the next.
type settings struct {
	Latency  string                   `json:"latency"`
	Throttle map[string]throttle.Rate `json:"throttle,omitempty"`
}

// status is what an operator asks first.
type status struct {
	Version     string         `json:"version"`
	Seed        string         `json:"seed"`
	Time        time.Time      `json:"time"`
	Latency     string         `json:"latency"`
	Unwritable  string         `json:"unwritable,omitempty"` // why changes are refused
	StateFileIn string         `json:"movedAside,omitempty"` // where a damaged state file was moved to at the start
	Resources   map[string]int `json:"resources"`
}

func (a *API) adminOperations() []op {
	ops := []op{
		{"AdminStatus", http.MethodGet, "status", "", false, a.adminStatus},
		{"Reset", http.MethodPost, "reset", "", true, a.reset},
		{"ListFaults", http.MethodGet, "faults", "", false, a.listFaults},
		{"CreateFault", http.MethodPost, "faults", "", true, a.createFault},
		{"DeleteFaults", http.MethodDelete, "faults", "", true, a.deleteFaults},
		{"GetClock", http.MethodGet, "clock", "", false, a.getClock},
		{"AdvanceClock", http.MethodPost, "clock", "", true, a.advanceClock},
		{"GetJournal", http.MethodGet, "journal", "", false, a.getJournal},
		{"ClearJournal", http.MethodDelete, "journal", "", true, a.clearJournal},
		{"GetQuotas", http.MethodGet, "quotas", "", false, a.getQuotas},
		{"SetQuotas", http.MethodPatch, "quotas", "", true, a.setQuotas},
		{"GetSettings", http.MethodGet, "settings", "", false, a.getSettings},
		{"SetSettings", http.MethodPatch, "settings", "", true, a.setSettings},
	}
	for i := range ops {
		ops[i].path = "/admin/v1/" + ops[i].path
	}
	return ops
}

func (a *API) serveAdmin(o op) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.AdminToken != "" && !bears(r, a.cfg.AdminToken) {
			send(w, unauthenticated())
			return
		}
		send(w, a.perform(o, r))
	}
}

func ok(body any) (*answer, error) { return &answer{status: http.StatusOK, body: body}, nil }

func done() (*answer, error) { return &answer{status: http.StatusNoContent}, nil }

func (a *API) adminStatus(*http.Request) (*answer, error) {
	s := status{
		Version: a.cfg.Version, Seed: strconv.FormatUint(a.world.Dice().Seed(), 10), Time: a.world.Clock().Now(),
		Latency: a.world.Latency().String(), StateFileIn: a.world.MovedAside(), Resources: map[string]int{},
	}
	if err := a.world.Health(); err != nil {
		s.Unwritable = err.Error()
	}
	for kind, n := range a.world.Counts() {
		s.Resources[kind.String()] = n
	}
	return ok(s)
}

// reset empties the cloud and forgets what was asked of it and set in it. The clock stays where it is.
func (a *API) reset(*http.Request) (*answer, error) {
	if a.cfg.Reset != nil {
		if err := a.cfg.Reset(); err != nil {
			return nil, err
		}
	}
	if err := a.world.Reset(); err != nil {
		return nil, err
	}
	a.faults.Clear()
	a.cfg.Journal.Clear()
	a.cfg.Throttle.Set(a.rates)
	return done()
}

func (a *API) listFaults(*http.Request) (*answer, error) { return ok(page{Items: a.faults.Rules()}) }

func (a *API) createFault(r *http.Request) (*answer, error) {
	var rule fault.Rule
	if err := read(r, &rule); err != nil {
		return nil, err
	}
	if a.cfg.Crash == nil && (rule.Effect == fault.CrashBefore || rule.Effect == fault.CrashAfter) {
		return nil, badRequest("effect: this fake cloud is part of another process and does not crash")
	}
	made, err := a.faults.Add(rule)
	if err != nil {
		return nil, badRequest(err.Error())
	}
	return &answer{status: http.StatusCreated, body: made}, nil
}

// deleteFaults ends all rules, or the one that ?id= names.
func (a *API) deleteFaults(r *http.Request) (*answer, error) {
	id := r.URL.Query().Get("id")
	if id == "" {
		a.faults.Clear()
		return done()
	}
	if !a.faults.Remove(id) {
		return refuse(http.StatusNotFound, "NotFound", "fault rule "+strconv.Quote(id)+" does not exist"), nil
	}
	return done()
}

func (a *API) getClock(*http.Request) (*answer, error) {
	return ok(map[string]time.Time{"now": a.world.Clock().Now()})
}

func (a *API) advanceClock(r *http.Request) (*answer, error) {
	var w struct {
		Advance world.Duration `json:"advance"`
	}
	if err := read(r, &w); err != nil {
		return nil, err
	}
	if d := time.Duration(w.Advance); d <= 0 || d > maxAdvance {
		return nil, badRequest("advance: it has to be a duration over 0 and of at most ten years, such as 10s")
	}
	a.world.Clock().Advance(time.Duration(w.Advance))
	return a.getClock(r)
}

func (a *API) getJournal(r *http.Request) (*answer, error) {
	var since uint64
	if s := r.URL.Query().Get("since"); s != "" {
		var err error
		if since, err = strconv.ParseUint(s, 10, 64); err != nil {
			return nil, badRequest("since: it has to be the seq of an entry")
		}
	}
	entries, counts := a.cfg.Journal.Since(since)
	return ok(map[string]any{"items": entries, "counts": counts})
}

func (a *API) clearJournal(*http.Request) (*answer, error) {
	a.cfg.Journal.Clear()
	return done()
}

func (a *API) getQuotas(*http.Request) (*answer, error) { return ok(a.world.Quotas()) }

func (a *API) setQuotas(r *http.Request) (*answer, error) {
	q := a.world.Quotas()
	if err := read(r, &q); err != nil {
		return nil, err
	}
	for _, n := range []int{q.LoadBalancers, q.ListenersPerLoadBalancer, q.RulesPerListener, q.Pools, q.MembersPerPool, q.Certificates} {
		if n < 0 {
			return nil, badRequest("a quota cannot be under 0")
		}
	}
	a.world.SetQuotas(q)
	return ok(q)
}

func (a *API) getSettings(*http.Request) (*answer, error) {
	return ok(settings{a.world.Latency().String(), a.cfg.Throttle.Rates()})
}

func (a *API) setSettings(r *http.Request) (*answer, error) {
	s := settings{Latency: a.world.Latency().String(), Throttle: a.cfg.Throttle.Rates()}
	if err := read(r, &s); err != nil {
		return nil, err
	}
	latency, err := world.ParseLatency(s.Latency)
	if err != nil {
		return nil, badRequest("latency: " + err.Error())
	}
	for class, rate := range s.Throttle {
		if !slices.Contains(Classes, class) {
			return nil, badRequest("throttle: " + strconv.Quote(class) + " is not a class of calls: read, write, members")
		}
		if err := rate.Check(); err != nil {
			return nil, badRequest("throttle." + class + ": " + err.Error())
		}
	}
	a.world.SetLatency(latency)
	a.cfg.Throttle.Set(s.Throttle)
	return a.getSettings(r)
}

// read decodes the body of an admin call.
func read(r *http.Request, v any) error {
	raw, err := body(r)
	if err != nil {
		return err
	}
	return decode(raw, v)
}
