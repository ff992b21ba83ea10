package fakeapi

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// cloud is an API with a world in memory, behind a real HTTP server.
type cloud struct {
	t     testing.TB
	url   string
	world *world.World
	clock world.Clock
	api   *API
	token string
}

func newCloud(t testing.TB, edit ...func(*world.Config, *Config)) *cloud {
	t.Helper()
	c := newAPI(t, edit...)
	server := httptest.NewServer(c.api)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// newAPI is newCloud without a server.
func newAPI(t testing.TB, edit ...func(*world.Config, *Config)) *cloud {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	wc := world.Config{
		Pool: world.PrefixPool(netip.MustParsePrefix("127.64.0.0/16")), Zone: "lb.test",
		Clock: world.ManualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), Dice: world.NewDice(7),
		Latency: world.Instant, Quotas: world.DefaultQuotas(), Log: log,
	}
	ac := Config{Throttle: throttle.New(nil), Journal: journal.New(1000), Log: log, Version: "test"}
	for _, f := range edit {
		f(&wc, &ac)
	}
	w, err := world.New(wc)
	if err != nil {
		t.Fatal(err)
	}
	ac.World = w
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return &cloud{t: t, world: w, clock: wc.Clock, api: New(ac)}
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (r reply) str(name string) string {
	s, _ := r.body[name].(string)
	return s
}

func (r reply) errorCode() string {
	e, _ := r.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (r reply) errorMessage() string {
	e, _ := r.body["error"].(map[string]any)
	message, _ := e["message"].(string)
	return message
}

func (r reply) items() []any {
	items, _ := r.body["items"].([]any)
	return items
}

// try sends a request; headers are name, value, name, value.
func (c *cloud) try(method, path string, body any, headers ...string) (reply, error) {
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			return reply{}, err
		}
	}
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: resp.StatusCode, header: resp.Header, raw: string(answer)}
	if len(answer) > 0 && resp.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(answer, &r.body); err != nil {
			return r, err
		}
	}
	// Every answer of every test is held against the document, and every request that was accepted.
	for _, wrong := range readSpec().checkAnswer(method, path, r.status, answer) {
		c.t.Errorf("%s %s is not as in openapi.yaml: %s\n%s", method, path, wrong, answer)
	}
	if r.status < 300 && len(raw) > 0 {
		for _, wrong := range readSpec().checkRequest(method, path, raw) {
			c.t.Errorf("%s %s was accepted, against openapi.yaml: %s\n%s", method, path, wrong, raw)
		}
	}
	return r, nil
}

func (c *cloud) call(method, path string, body any, headers ...string) reply {
	c.t.Helper()
	r, err := c.try(method, path, body, headers...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// must is call with the status that is wanted.
func (c *cloud) must(want int, method, path string, body any, headers ...string) reply {
	c.t.Helper()
	r := c.call(method, path, body, headers...)
	if r.status != want {
		c.t.Fatalf("%s %s: want %d, got %d: %s", method, path, want, r.status, r.raw)
	}
	return r
}

type obj = map[string]any

// chain makes a load balancer with an HTTP listener and a pool, and returns their ids.
func (c *cloud) chain(name string) (lb, ls, po string) {
	c.t.Helper()
	lb = c.must(201, "POST", "/v1/loadbalancers", obj{"name": name, "scheme": "internet"}).str("id")
	ls = c.must(201, "POST", "/v1/loadbalancers/"+lb+"/listeners",
		obj{"name": "http", "port": 80, "protocol": "HTTP", "servers": []obj{{"name": "all"}}}).str("id")
	po = c.must(201, "POST", "/v1/pools", obj{"name": name + "-pool", "protocol": "HTTP1"}).str("id")
	return lb, ls, po
}

func forward(name, pool string) obj {
	return obj{
		"name": name, "server": "all", "matches": []obj{{"rank": name, "path": obj{"type": "Prefix", "value": "/" + name}}},
		"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": pool}}}},
	}
}
