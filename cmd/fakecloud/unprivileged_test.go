//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestPortsThatMayNotBeBound runs the program as a user who may not bind port 80.
func TestPortsThatMayNotBeBound(t *testing.T) {
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Skip(err)
	}
	if first, err := strconv.Atoi(strings.TrimSpace(string(raw))); err != nil || first <= 80 {
		t.Skip("everybody may bind port 80 here")
	}
	dir, err := os.MkdirTemp("", "fakecloud") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	p := &process{}
	args := []string{"--state", filepath.Join(dir, "state.db"), "--address-pool", ownPool()}
	cmd := program(t, append(args, startArgs...)...)
	if os.Getuid() == 0 {
		becomeNobody(t, dir, cmd)
	}
	p.start(t, cmd)
	lb := p.must(t, 201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	for port, want := range map[int]string{80: "8080", 443: "8443", 5000: "5000"} {
		ls := p.must(t, 201, "POST", "/v1/loadbalancers/"+lb["id"].(string)+"/listeners",
			obj{"name": strconv.Itoa(port), "port": port, "protocol": "TCP", "servers": []obj{{"name": "all"}}})
		var got obj
		eventually(t, "active", func() bool {
			got = p.must(t, 200, "GET", "/v1/listeners/"+ls["id"].(string), nil)
			return got["state"] == "active"
		})
		if want := lb["ips"].([]any)[0].(string) + ":" + want; got["endpoint"] != want {
			t.Errorf("port %d: want endpoint %s, got %v", port, want, got["endpoint"])
		}
	}
}
