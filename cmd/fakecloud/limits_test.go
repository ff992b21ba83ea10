package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLimitsReachTheTraffic gives two limits as flags and sees them hold on a load balancer.
func TestLimitsReachTheTraffic(t *testing.T) {
	forwarded := make(chan string, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		forwarded <- r.Header.Get("X-Forwarded-For")
	}))
	t.Cleanup(backend.Close)
	at := backend.Listener.Addr().(*net.TCPAddr)
	p := begin(t, "--state", "memory", "--address-pool", ownPool(), "--max-fields", "8", "--trusted-proxies", "127.0.0.0/8")
	lb := p.must(t, 201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	ls := p.must(t, 201, "POST", "/v1/loadbalancers/"+lb["id"].(string)+"/listeners",
		obj{"name": "http", "port": 8080, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})["id"].(string)
	po := p.must(t, 201, "POST", "/v1/pools", obj{"name": "p", "protocol": "HTTP1",
		"members": []obj{{"address": at.IP.String(), "port": at.Port}}})["id"].(string)
	p.must(t, 201, "POST", "/v1/listeners/"+ls+"/rules", rule("x", po))
	endpoint := ""
	eventually(t, "active", func() bool {
		endpoint, _ = p.must(t, 200, "GET", "/v1/listeners/"+ls, nil)["endpoint"].(string)
		return endpoint != ""
	})
	get := func(fields ...string) int {
		req, err := http.NewRequest(http.MethodGet, "http://"+endpoint+"/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range fields {
			req.Header.Set(name, "198.51.100.7")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // nothing of it is read
		return resp.StatusCode
	}
	eventually(t, "the rule serves", func() bool {
		if get("X-Forwarded-For") != 200 {
			return false
		}
		if want, got := "198.51.100.7, 127.0.0.1", <-forwarded; got != want {
			t.Fatalf("X-Forwarded-For from a trusted proxy: want %q, got %q", want, got)
		}
		return true
	})
	if got := get("a", "b", "c", "d", "e", "f", "g", "h", "i"); got != 431 {
		t.Errorf("a request of too many fields: want 431, got %d", got)
	}
}
