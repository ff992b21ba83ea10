package proxy

import (
	"net/http"
	"testing"
)

// A connection that was made for one server is not one for another, whatever names its certificate has (GEP-3567).
func TestMisdirectedRequestsOfServersThatOverlap(t *testing.T) {
	ca := newAuthority(t)
	e := newEngine(t, Options{})
	certificates := []*Certificate{ca.issue(t, "example.org", "unknown.example", "second.example", "*.wildcard.example")}
	server := func(name, hostname, host string) Server {
		return Server{Name: name, Hostname: hostname, Certificates: certificates, Rules: hostsTo(t, map[string]Action{host: &Respond{Status: 200, Body: name}})}
	}
	address := apply(t, e, https(
		server("any", "", "example.org"), server("second", "second.example", ""),
		server("wildcard", "*.wildcard.example", ""), server("fourth", "fourth.wildcard.example", ""),
	))
	for _, test := range []struct {
		name, host string
		status     int
		server     string
	}{
		{"example.org", "example.org", 200, "any"},
		{"example.org", "second.example", 421, ""},
		{"example.org", "unknown.example", 404, ""},
		{"second.example", "second.example", 200, "second"},
		{"second.example", "example.org", 421, ""},
		{"second.example", "unknown.example", 421, ""},
		{"third.wildcard.example", "third.wildcard.example", 200, "wildcard"},
		{"third.wildcard.example", "fifth.wildcard.example", 200, "wildcard"},
		{"third.wildcard.example", "fourth.wildcard.example", 421, ""},
		{"third.wildcard.example", "second.example", 421, ""},
		{"third.wildcard.example", "unknown.example", 421, ""},
		{"fourth.wildcard.example", "fourth.wildcard.example", 200, "fourth"},
		{"fourth.wildcard.example", "fifth.wildcard.example", 421, ""},
		{"unknown.example", "example.org", 200, "any"},
		{"unknown.example", "unknown.example", 404, ""},
	} {
		for proto, client := range map[string]*http.Client{"HTTP/1.1": client1(t, ca, test.name), "HTTP/2": client2(t, ca, test.name)} {
			r := request(t, "GET", "https://"+address, "")
			r.Host = test.host
			got := do(t, client, r)
			if got.Status != test.status || test.server != "" && got.Body != test.server {
				t.Errorf("%s, a connection for %s, a request for %s: want %d from %q, got %d %q", proto, test.name, test.host, test.status, test.server, got.Status, got.Body)
			}
		}
	}
}
