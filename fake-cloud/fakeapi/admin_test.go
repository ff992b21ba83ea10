package fakeapi

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

func TestTokens(t *testing.T) {
	c := newCloud(t, func(_ *world.Config, a *Config) { a.Tokens, a.AdminToken = []string{"one", "two"}, "root" })
	tests := []struct {
		path, header string
		want         int
	}{
		{"/v1/pools", "", 401},
		{"/v1/pools", "Bearer three", 401},
		{"/v1/pools", "Basic one", 401},
		{"/v1/pools", "Bearer one", 200},
		{"/v1/pools", "bearer two", 200},
		{"/v1/pools", "Bearer root", 401},
		{"/admin/v1/status", "Bearer one", 401},
		{"/admin/v1/status", "", 401},
		{"/admin/v1/status", "Bearer root", 200},
		{"/openapi.yaml", "", 200},
	}
	for _, tt := range tests {
		got := c.call("GET", tt.path, nil, "Authorization", tt.header)
		if got.status != tt.want {
			t.Errorf("%s as %q: want %d, got %d", tt.path, tt.header, tt.want, got.status)
		}
		if tt.want == 401 && (got.errorCode() != "Unauthenticated" || got.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s as %q: got %s", tt.path, tt.header, got.raw)
		}
	}
}

func TestJournal(t *testing.T) {
	c := newCloud(t, func(_ *world.Config, a *Config) { a.Journal = journal.New(3) })
	for i := range 4 {
		c.must(201, "POST", "/v1/pools", obj{"name": fmt.Sprint(i), "protocol": "TCP"})
	}
	c.must(404, "GET", "/v1/rules/ru-1", nil)
	got := c.must(200, "GET", "/admin/v1/journal", nil)
	var lines []string
	for _, i := range got.items() {
		e := i.(obj)
		lines = append(lines, fmt.Sprint(e["seq"], " ", e["op"], " ", e["method"], " ", e["path"], " ", e["status"], " ", e["mutating"]))
	}
	want := []string{"3 CreatePool POST /v1/pools 201 true", "4 CreatePool POST /v1/pools 201 true", "5 GetRule GET /v1/rules/ru-1 404 false"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"CreatePool": 4.0, "GetRule": 1.0}, got.body["counts"]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got := len(c.must(200, "GET", "/admin/v1/journal?since=4", nil).items()); got != 1 {
		t.Errorf("since 4: want 1 entry, got %d", got)
	}
	c.must(204, "DELETE", "/admin/v1/journal", nil)
	c.must(200, "GET", "/v1/pools", nil)
	got = c.must(200, "GET", "/admin/v1/journal", nil)
	if len(got.items()) != 1 || got.items()[0].(obj)["seq"] != 6.0 {
		t.Errorf("after a clear: got %s", got.raw)
	}
}

func TestQuotasAndSettings(t *testing.T) {
	c := newCloud(t)
	c.must(200, "PATCH", "/admin/v1/quotas", obj{"pools": 1})
	c.must(201, "POST", "/v1/pools", obj{"name": "a", "protocol": "TCP"})
	if got := c.must(403, "POST", "/v1/pools", obj{"name": "b", "protocol": "TCP"}); got.errorCode() != "QuotaExceeded" {
		t.Errorf("got %s", got.raw)
	}
	c.must(400, "PATCH", "/admin/v1/quotas", obj{"pools": -1})
	c.must(400, "PATCH", "/admin/v1/quotas", obj{"moons": 1})
	c.must(400, "PATCH", "/admin/v1/settings", obj{"latency": "slow"})
	c.must(200, "PATCH", "/admin/v1/settings", obj{"latency": "realistic"})
	lb := c.must(201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "private"})
	if lb.str("state") != "provisioning" {
		t.Errorf("state: got %s", lb.str("state"))
	}
	c.must(400, "POST", "/admin/v1/clock", obj{"advance": "-1s"})
	c.must(200, "POST", "/admin/v1/clock", obj{"advance": "1h"})
	c.must(201, "POST", "/admin/v1/faults", obj{"op": "*", "effect": "error"})
	c.must(204, "POST", "/admin/v1/reset", nil)
	got := c.must(200, "GET", "/admin/v1/status", nil)
	if got.str("latency") != "instant" || got.body["resources"].(obj)["pool"] != 0.0 {
		t.Errorf("after a reset: got %s", got.raw)
	}
	for _, name := range []string{"a", "b"} {
		c.must(201, "POST", "/v1/pools", obj{"name": name, "protocol": "TCP"}) // quotas and faults are as at first
	}
}
