package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// checkable answers checks with HTTP/1.1 and HTTP/2, in the clear.
func checkable(t testing.TB, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return mustAddrPort(s.Listener.Addr().String())
}

// answerChecks is an endpoint that answers each path in its own way.
func answerChecks(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Content-Type") == "application/grpc":
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write(make([]byte, len(body)))
		w.Header().Set("Grpc-Status", strings.TrimPrefix(r.URL.Path, "/test.Service/"))
	case r.URL.Path == "/host" && (r.Host != "a.example" || r.UserAgent() != "Checker/1"):
		w.WriteHeader(400)
	case r.URL.Path == "/http2" && r.ProtoMajor != 2, r.URL.Path == "/http1" && r.ProtoMajor != 1:
		w.WriteHeader(505)
	case r.URL.Path == "/teapot":
		w.WriteHeader(418)
	case r.URL.Path == "/slow":
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	}
}

func TestCheckups(t *testing.T) {
	web := checkable(t, answerChecks)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer secure.Close()
	announced := mustAddrPort(scripted(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		header := make([]byte, 16)
		if _, err := io.ReadFull(in, header); err == nil && string(header) == string(proxyHeader(nil)) {
			if _, err := http.ReadRequest(in); err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}
	}))
	dead := mustAddrPort(deadAddress(t))
	secured := mustAddrPort(secure.Listener.Addr().String())
	for name, test := range map[string]struct {
		address   netip.AddrPort
		check     HealthCheck
		pool      PoolProtocol
		announces bool
		cause     HealthCause
		code      int
	}{
		"TCP":                   {web, HealthCheck{Protocol: CheckTCP, Path: "/teapot"}, PoolHTTP1, false, CauseNone, 0},
		"TCP refused":           {dead, HealthCheck{Protocol: CheckTCP}, PoolTCP, false, CauseFailed, 0},
		"HTTP":                  {web, HealthCheck{Protocol: CheckHTTP, Path: "/http1"}, PoolTCP, false, CauseNone, 0},
		"HTTP on another port":  {netip.AddrPortFrom(web.Addr(), 1), HealthCheck{Port: web.Port(), Path: "/http1"}, PoolTCP, false, CauseNone, 0},
		"HTTP of a pool":        {web, HealthCheck{Codes: "200", Path: "/http1"}, PoolHTTP1, false, CauseNone, 0},
		"HTTP/2 of a pool":      {web, HealthCheck{Codes: "200", Path: "/http2"}, PoolHTTP2, false, CauseNone, 0},
		"HTTP/2":                {web, HealthCheck{Protocol: CheckHTTP2, Path: "/http2"}, PoolHTTP1, false, CauseNone, 0},
		"another status":        {web, HealthCheck{Protocol: CheckHTTP, Path: "/teapot"}, PoolHTTP1, false, CauseStatus, 418},
		"the status wanted":     {web, HealthCheck{Codes: "200, 410-420", Path: "/teapot"}, PoolHTTP1, false, CauseNone, 0},
		"not the status wanted": {web, HealthCheck{Codes: "201-299,404", Path: "/"}, PoolHTTP1, false, CauseStatus, 200},
		"no codes":              {web, HealthCheck{Codes: "2xx", Path: "/"}, PoolHTTP1, false, CauseFailed, 0},
		"host and agent":        {web, HealthCheck{Host: "a.example", UserAgent: "Checker/1", Path: "/host"}, PoolHTTP1, false, CauseNone, 0},
		"another host":          {web, HealthCheck{UserAgent: "Checker/1", Path: "/host"}, PoolHTTP1, false, CauseStatus, 400},
		"a path that is none":   {web, HealthCheck{Codes: "200", Path: "/ HTTP/1.1\r\nA: b"}, PoolHTTP1, false, CauseFailed, 0},
		"slow":                  {web, HealthCheck{Protocol: CheckHTTP, Path: "/slow"}, PoolHTTP1, false, CauseTimeout, 0},
		"slow HTTP/2":           {web, HealthCheck{Protocol: CheckHTTP2, Path: "/slow"}, PoolHTTP1, false, CauseTimeout, 0},
		"gRPC":                  {web, HealthCheck{Protocol: CheckGRPC, Path: "/test.Service/12"}, PoolHTTP2, false, CauseNone, 0},
		"gRPC, another code":    {web, HealthCheck{Protocol: CheckGRPC, Path: "/test.Service/14"}, PoolHTTP2, false, CauseStatus, 14},
		"gRPC, the code wanted": {web, HealthCheck{Protocol: CheckGRPC, Path: "/test.Service/0", Codes: "0-5"}, PoolHTTP2, false, CauseNone, 0},
		"HTTPS":                 {secured, HealthCheck{Protocol: CheckHTTPS, Path: "/"}, PoolHTTP1, false, CauseNone, 0},
		"HTTP where HTTPS is":   {secured, HealthCheck{Protocol: CheckHTTP, Path: "/"}, PoolHTTP1, false, CauseStatus, 400},
		"announced":             {announced, HealthCheck{Path: "/"}, PoolTCP, true, CauseNone, 0},
	} {
		e := newEngine(t, Options{})
		key := endpointKey{address: test.address, protocol: test.pool}
		c := &check{key: checkKey{key, test.check, test.announces}, endpoint: e.newEndpoint(key, nil), report: t.Logf}
		if c.checkup = newCheckup(c.key, c.endpoint); c.checkup == nil {
			t.Fatalf("%s: want a check of its own", name)
		}
		c.key.Timeout = 5 * time.Second
		if strings.HasPrefix(name, "slow") {
			c.key.Timeout = 100 * time.Millisecond
		}
		err := c.once(context.Background())
		c.result(err)
		var got EndpointHealth
		c.tell(&got)
		want := Healthy
		if test.cause != CauseNone {
			want = Unhealthy
		}
		if got.Health != want || got.Cause != test.cause || got.Code != test.code {
			t.Errorf("%s: want %v for %d (%d), got %v for %d (%d): %v", name, want, test.cause, test.code, got.Health, got.Cause, got.Code, err)
		}
	}
}

// A check with TLS proves the endpoint where its pool does.
func TestCheckupProves(t *testing.T) {
	ca := newAuthority(t)
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	back.TLS = &tls.Config{Certificates: []tls.Certificate{ca.pair(t, "a.example")}}
	back.StartTLS()
	defer back.Close()
	for name, healthy := range map[string]bool{"a.example": true, "b.example": false} {
		e := newEngine(t, Options{})
		prove := &BackendTLS{ServerName: name, CAs: ca.pem()}
		key := endpointKey{address: mustAddrPort(back.Listener.Addr().String()), protocol: PoolHTTP1, tls: prove.fingerprint()}
		c := newCheckup(checkKey{endpointKey: key, HealthCheck: HealthCheck{Path: "/", Codes: "200"}}, e.newEndpoint(key, prove))
		if err := c.once(context.Background()); (err == nil) != healthy {
			t.Errorf("%s: want healthy %v, got %v", name, healthy, err)
		}
	}
}

func TestSteadyChecksDecideAlone(t *testing.T) {
	for steady, want := range map[bool]Health{false: Unhealthy, true: Healthy} {
		c := &check{key: checkKey{HealthCheck: HealthCheck{Steady: steady}}, endpoint: absentPool(t, RoundRobin, 1).members[0].endpoint, report: t.Logf}
		c.result(nil)
		if c.fail("test"); c.state() != want {
			t.Errorf("steady %v: want %v, got %v", steady, want, c.state())
		}
	}
}
