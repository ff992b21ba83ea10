package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// Prefix is where the calls are.
const Prefix = "/admin/v1/aws/"

const (
	maxBody = 4 << 20
	maxLag  = time.Hour
)

// Config is what an API is made of. Cloud, API, Journal and Log are required.
type Config struct {
	Cloud   *aws.Cloud
	API     *awsapi.API
	Journal *journal.Journal
	Latency world.Latency // as the account has it at first, as is Lag
	Lag     time.Duration
	Crashes bool   // the process can be made to
	Token   string // empty lets everybody in
	Log     *slog.Logger
}

// Admin is an http.Handler for Prefix.
type Admin struct {
	cfg Config
	mux *http.ServeMux

	mu      sync.Mutex
	latency world.Latency
	lag     time.Duration
}

// New returns the admin API of an account.
func New(cfg Config) *Admin {
	a := &Admin{cfg: cfg, mux: http.NewServeMux(), latency: cfg.Latency, lag: cfg.Lag}
	for pattern, handle := range map[string]func(*http.Request) (any, error){
		"GET status": a.status, "POST reset": a.reset,
		"GET faults": a.listFaults, "POST faults": a.createFault, "DELETE faults": a.deleteFaults,
		"GET journal": a.getJournal, "DELETE journal": a.clearJournal,
		"GET quotas": a.getQuotas, "PATCH quotas": a.setQuotas,
		"GET settings": a.getSettings, "PATCH settings": a.setSettings,
		"GET identity-providers": a.listIdentities, "POST identity-providers": a.trustIdentity, "DELETE identity-providers": a.distrustIdentity,
		"POST {region}/instances": a.seedInstance, "POST {region}/objects": a.seedObject,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		a.mux.HandleFunc(method+" "+Prefix+path, a.serve(handle))
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		send(w, nil, &refusal{http.StatusNotFound, "NotFound", "there is no such call"})
	})
	return a
}

// ServeHTTP implements http.Handler.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.cfg.Token != "" && !bears(r, a.cfg.Token) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		send(w, nil, &refusal{http.StatusUnauthorized, "Unauthenticated", "give a valid token: Authorization: Bearer TOKEN"})
		return
	}
	a.mux.ServeHTTP(w, r)
}

// bears compares hashes, so that the time it takes tells nothing of the token.
func bears(r *http.Request, token string) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// refusal is an error for the client.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

func badRequest(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, "InvalidArgument", fmt.Sprintf(format, args...)}
}

// made is an answer of 201.
type made struct{ body any }

func (a *Admin) serve(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		body, err := handle(r)
		var said *refusal
		if err != nil && !errors.As(err, &said) {
			var f *aws.Fault
			if errors.As(err, &f) {
				said = &refusal{f.Status, f.Code, f.Message}
			} else {
				a.cfg.Log.Error("internal error", "path", r.URL.Path, "error", err)
				said = &refusal{http.StatusInternalServerError, "Internal", "internal error: see the log of the fake cloud"}
			}
		}
		send(w, body, said)
	}
}

func send(w http.ResponseWriter, body any, said *refusal) {
	status := http.StatusOK
	switch b := body.(type) {
	case made:
		status, body = http.StatusCreated, b.body
	case nil:
		status = http.StatusNoContent
	}
	if said != nil {
		status, body = said.status, map[string]any{"error": map[string]string{"code": said.code, "message": said.message}}
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

// read decodes the body of a call: exactly one JSON value without unknown fields.
func read(r *http.Request, v any) error {
	raw, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &refusal{http.StatusRequestEntityTooLarge, "InvalidArgument", fmt.Sprintf("the body is longer than %d bytes", maxBody)}
	}
	if err != nil {
		return badRequest("the body cannot be read")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest("body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("body: there is more after the JSON value")
	}
	return nil
}

// status is what an operator asks first.
func (a *Admin) status(*http.Request) (any, error) {
	regions := []string{}
	for _, r := range a.cfg.Cloud.Regions() {
		regions = append(regions, r.Name())
	}
	return map[string]any{"account": a.cfg.Cloud.AccountID(), "regions": regions, "actions": a.cfg.API.Ops()}, nil
}

func (a *Admin) reset(*http.Request) (any, error) { return nil, a.Reset() }

// Reset empties the account and forgets what was asked of it and set in it.
func (a *Admin) Reset() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.cfg.Cloud.Reset(); err != nil {
		return err
	}
	a.cfg.API.Reset()
	a.latency, a.lag = a.cfg.Latency, a.cfg.Lag
	return nil
}

// seedInstance makes an instance, for targets by instance id to resolve, and for those who look for the instance of a node.
func (a *Admin) seedInstance(r *http.Request) (any, error) {
	region := r.PathValue("region")
	if !awsapi.IsRegion(region) {
		return nil, &refusal{http.StatusNotFound, "NotFound", strconv.Quote(region) + " is not a region"}
	}
	var seed aws.InstanceSeed
	if err := read(r, &seed); err != nil {
		return nil, err
	}
	id, err := a.cfg.Cloud.Region(region).SeedInstance(seed)
	return made{map[string]string{"id": id}}, err
}

// seedObject keeps a file as S3 would, for trust stores to be made of.
func (a *Admin) seedObject(r *http.Request) (any, error) {
	region := r.PathValue("region")
	if !awsapi.IsRegion(region) {
		return nil, &refusal{http.StatusNotFound, "NotFound", strconv.Quote(region) + " is not a region"}
	}
	var seed struct{ Bucket, Key, Content string }
	if err := read(r, &seed); err != nil {
		return nil, err
	}
	if seed.Bucket == "" || seed.Key == "" {
		return nil, badRequest("name a bucket and a key")
	}
	err := a.cfg.Cloud.Region(region).SeedObject(seed.Bucket, seed.Key, []byte(seed.Content))
	return made{map[string]string{"bucket": seed.Bucket, "key": seed.Key}}, err
}

func (a *Admin) listFaults(*http.Request) (any, error) {
	return map[string]any{"items": a.cfg.API.Faults().Rules()}, nil
}

func (a *Admin) createFault(r *http.Request) (any, error) {
	var rule fault.Rule
	if err := read(r, &rule); err != nil {
		return nil, err
	}
	if !a.cfg.Crashes && (rule.Effect == fault.CrashBefore || rule.Effect == fault.CrashAfter) {
		return nil, badRequest("effect: this fake cloud is part of another process and does not crash")
	}
	added, err := a.cfg.API.Faults().Add(rule)
	if err != nil {
		return nil, badRequest("%s", err)
	}
	return made{added}, nil
}

// deleteFaults ends all rules, or the one that ?id= names.
func (a *Admin) deleteFaults(r *http.Request) (any, error) {
	id := r.URL.Query().Get("id")
	if id == "" {
		a.cfg.API.Faults().Clear()
		return nil, nil
	}
	if !a.cfg.API.Faults().Remove(id) {
		return nil, &refusal{http.StatusNotFound, "NotFound", "fault rule " + strconv.Quote(id) + " does not exist"}
	}
	return nil, nil
}

func (a *Admin) getJournal(r *http.Request) (any, error) {
	var since uint64
	if s := r.URL.Query().Get("since"); s != "" {
		var err error
		if since, err = strconv.ParseUint(s, 10, 64); err != nil {
			return nil, badRequest("since: it has to be the seq of an entry")
		}
	}
	entries, counts := a.cfg.Journal.Since(since)
	return map[string]any{"items": entries, "counts": counts}, nil
}

func (a *Admin) clearJournal(*http.Request) (any, error) {
	a.cfg.Journal.Clear()
	return nil, nil
}

func (a *Admin) getQuotas(*http.Request) (any, error) { return a.cfg.Cloud.Quotas(), nil }

func (a *Admin) setQuotas(r *http.Request) (any, error) {
	wanted := map[string]int{}
	if err := read(r, &wanted); err != nil {
		return nil, err
	}
	known := a.cfg.Cloud.Quotas()
	for name, limit := range wanted {
		if _, ok := known[name]; !ok {
			return nil, badRequest("%q is not a quota", name)
		}
		if limit < 0 {
			return nil, badRequest("%s: a quota cannot be under 0", name)
		}
	}
	for name, limit := range wanted {
		a.cfg.Cloud.SetQuota(name, limit)
	}
	return a.cfg.Cloud.Quotas(), nil
}

// settings are what can be set without a restart. They last until the next.
type settings struct {
	Latency  string                   `json:"latency"`
	Lag      string                   `json:"lag"`
	Throttle map[string]throttle.Rate `json:"throttle"`
}

func (a *Admin) getSettings(*http.Request) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.settings(), nil
}

func (a *Admin) settings() settings {
	return settings{a.latency.String(), a.lag.String(), a.cfg.API.Rates()}
}

func (a *Admin) setSettings(r *http.Request) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.settings()
	if err := read(r, &s); err != nil {
		return nil, err
	}
	latency, err := world.ParseLatency(s.Latency)
	if err != nil {
		return nil, badRequest("latency: %s", err)
	}
	lag, err := time.ParseDuration(s.Lag)
	if err != nil || lag < 0 || lag > maxLag {
		return nil, badRequest("lag: %q is not a duration of at most %s, such as 500ms", s.Lag, maxLag)
	}
	for class, rate := range s.Throttle {
		if !slices.Contains(awsapi.Classes, class) {
			return nil, badRequest("throttle: %q is not a class of calls: %s", class, strings.Join(awsapi.Classes, ", "))
		}
		if err := rate.Check(); err != nil {
			return nil, badRequest("throttle.%s: %s", class, err)
		}
	}
	a.latency, a.lag = latency, lag
	a.cfg.Cloud.SetLatency(latency)
	a.cfg.Cloud.SetLag(lag)
	a.cfg.API.SetRates(s.Throttle)
	return a.settings(), nil
}
