package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

type obj = map[string]any

// cloud is a running server.
type cloud struct {
	t      testing.TB
	server *Server
	stop   func()
}

var prefixes atomic.Uint32

// ownPrefix returns addresses that no other test uses, nor this one in another process.
func ownPrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(80 + os.Getpid()%40), byte(prefixes.Add(1)), 0}), 24)
}

// run starts a server; stop, or the end of the test, ends it.
func run(t testing.TB, cfg Config) *cloud {
	t.Helper()
	if !cfg.AddressPool.IsValid() {
		cfg.AddressPool = ownPrefix()
	}
	cfg.Grace = time.Second
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stopped := false
	c := &cloud{t: t, server: s, stop: func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}}
	t.Cleanup(c.stop)
	return c
}

// call makes a call of the API and fails the test where its status is another than want.
func (c *cloud) call(want int, method, path string, body any) obj {
	c.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body == nil {
		raw = nil
	}
	req, err := http.NewRequest(method, c.server.URL()+path, bytes.NewReader(raw))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != want {
		c.t.Fatalf("%s %s: want %d, got %d: %s", method, path, want, resp.StatusCode, answer)
	}
	got := obj{}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &got); err != nil {
			c.t.Fatal(err)
		}
	}
	return got
}

func (c *cloud) create(path string, body obj) string {
	c.t.Helper()
	return c.call(201, "POST", path, body)["id"].(string)
}

// active waits for a listener to answer and returns its endpoint.
func (c *cloud) active(listener string) string {
	c.t.Helper()
	var got obj
	eventually(c.t, "listener active", func() bool {
		got = c.call(200, "GET", "/v1/listeners/"+listener, nil)
		return got["state"] == "active"
	})
	return got["endpoint"].(string)
}

// site is a load balancer with one HTTP listener.
type site struct{ lb, ls, endpoint string }

func (c *cloud) site(name string, port int) site {
	c.t.Helper()
	lb := c.create("/v1/loadbalancers", obj{"name": name, "scheme": "internet"})
	ls := c.create("/v1/loadbalancers/"+lb+"/listeners",
		obj{"name": "http", "port": port, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})
	return site{lb, ls, c.active(ls)}
}

func (c *cloud) pool(name string, backends ...string) string {
	c.t.Helper()
	return c.create("/v1/pools", obj{"name": name, "protocol": "HTTP1", "members": members(backends...)})
}

func members(backends ...string) []obj {
	list := []obj{}
	for _, b := range backends {
		ap := netip.MustParseAddrPort(b)
		list = append(list, obj{"address": ap.Addr().String(), "port": ap.Port()})
	}
	return list
}

func prefixRule(name, path, pool string) obj {
	return obj{
		"name": name, "server": "all", "matches": []obj{{"rank": name, "path": obj{"type": "Prefix", "value": path}}},
		"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": pool}}}},
	}
}

// backend answers every request with its name.
func backend(t testing.TB, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// get returns status and body, or 0 and the error.
func get(url string) (int, string) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// answers waits until url answers so.
func answers(t testing.TB, url string, status int, body string) {
	t.Helper()
	last := ""
	eventually(t, url, func() bool {
		s, b := get(url)
		last = fmt.Sprintf("last answer of %s: %d %q, want %d %q", url, s, b, status, body)
		return s == status && b == body
	}, func() string { return last })
}

func eventually(t testing.TB, what string, f func() bool, more ...func() string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			for _, m := range more {
				what += ": " + m()
			}
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// freePort is one that is free on 127.0.0.1 for now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
