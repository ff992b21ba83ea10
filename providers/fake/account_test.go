package fake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

// account is a fake cloud of its own.
type account struct {
	url      string
	provider *fake.Provider
}

// addressPool is this package's own, so that packages that are tested at the same time do not meet.
var addressPool = netip.MustParsePrefix("127.81.0.0/16")

// openAccount starts a fake cloud in memory, which ends with the test.
func openAccount(t *testing.T, latency world.Latency) *account {
	t.Helper()
	s, err := server.New(server.Config{DNSListen: server.Off, JournalSize: 100_000, AddressPool: addressPool, Latency: latency})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("fake cloud: %v", err)
		}
	})
	p, err := fake.New(fake.Config{Endpoint: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	return &account{url: s.URL(), provider: p}
}

// Provider implements providertest.Account.
func (a *account) Provider() cloud.Provider { return a.provider }

// Calls implements providertest.Account.
func (a *account) Calls(t *testing.T) []providertest.Call {
	t.Helper()
	var journal struct {
		Items []struct {
			Op       string
			Mutating bool
		}
	}
	a.admin(t, http.MethodGet, "journal", nil, &journal)
	calls := make([]providertest.Call, 0, len(journal.Items))
	for _, e := range journal.Items {
		calls = append(calls, providertest.Call(e))
	}
	return calls
}

// Fault implements providertest.Account.
func (a *account) Fault(t *testing.T, nth int, effect string) {
	t.Helper()
	a.admin(t, http.MethodDelete, "faults", nil, nil)
	rule := map[string]any{"op": "*", "nth": nth, "times": 1, "effect": effect}
	if effect == "throttle" {
		rule["delay"] = "5ms" // is its Retry-After
	}
	a.admin(t, http.MethodPost, "faults", rule, nil)
}

// Heal implements providertest.Account.
func (a *account) Heal(t *testing.T) bool {
	t.Helper()
	var rules struct{ Items []struct{ Hits int } }
	a.admin(t, http.MethodGet, "faults", nil, &rules)
	a.admin(t, http.MethodDelete, "faults", nil, nil)
	for _, r := range rules.Items {
		if r.Hits > 0 {
			return true
		}
	}
	return false
}

// Resources implements providertest.Account.
func (a *account) Resources(t *testing.T) int {
	t.Helper()
	var status struct{ Resources map[string]int }
	a.admin(t, http.MethodGet, "status", nil, &status)
	total := 0
	for _, n := range status.Resources {
		total += n
	}
	return total
}

// admin speaks the fake cloud's admin API.
func (a *account) admin(t *testing.T, method, path string, body, out any) {
	t.Helper()
	a.call(t, method, "/admin/v1/"+path, body, out)
}

// call is a call of somebody else.
func (a *account) call(t *testing.T, method, path string, body, out any) {
	t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, a.url+path, in)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode > 299 {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, raw)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
}
