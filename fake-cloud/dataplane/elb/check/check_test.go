package check

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMatches(t *testing.T) {
	tests := []struct {
		list string
		code int
		want bool
	}{
		{"200", 200, true}, {"200", 201, false}, {"200-299", 204, true}, {"200-299,301", 301, true}, {"200, 202", 202, true},
		{"0-99", 12, true}, {"", 200, false}, {"ok", 200, false}, {"200-x", 200, false},
	}
	for _, tt := range tests {
		if got := matches(tt.list, tt.code); got != tt.want {
			t.Errorf("%d in %q: want %v, got %v", tt.code, tt.list, tt.want, got)
		}
	}
}

// answering serves over HTTP/1 and HTTP/2, with TLS where that is asked for.
func answering(t *testing.T, secure bool, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	s.Config.Protocols = &p
	s.EnableHTTP2 = true
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// announcedTo answers HTTP where the PROXY protocol comes first and names no client, and else hangs up.
func announcedTo(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve := func(c net.Conn) {
		defer c.Close()
		in, got := bufio.NewReader(c), make([]byte, 16)
		want := []byte{13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10, 0x20, 0, 0, 0} // version 2, LOCAL, and nothing more
		if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want) {
			return
		}
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

func TestProbe(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.UserAgent() != agent:
			w.WriteHeader(400)
		case r.URL.Path == "/slow":
			<-r.Context().Done()
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case r.URL.Path == "/version":
			w.WriteHeader(200 + r.ProtoMajor)
		case r.URL.Path == "/grpc":
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = w.Write(make([]byte, 5))
			w.Header().Set("Grpc-Status", "12")
		case r.URL.Path == "/grpc-at-once":
			w.Header().Set("Grpc-Status", "0")
		}
	}
	open, secure := answering(t, false, handler), answering(t, true, handler)
	announced := announcedTo(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	tests := []struct {
		reason  string
		address netip.AddrPort
		spec    Spec
		want    State // Verdict Healthy, or what the failure says
	}{
		{"answers", open, Spec{Protocol: HTTP, Path: "/", Matcher: "200"}, State{Verdict: Healthy}},
		{"redirects are not followed", open, Spec{Protocol: HTTP, Path: "/moved", Matcher: "200"}, State{Cause: CodeMismatch, Code: 302}},
		{"a certificate of nobody's", secure, Spec{Protocol: HTTPS, Path: "/", Matcher: "200"}, State{Verdict: Healthy}},
		{"HTTP/1", open, Spec{Protocol: HTTP, Path: "/version", Matcher: "201"}, State{Verdict: Healthy}},
		{"HTTP/2 with prior knowledge", open, Spec{Protocol: HTTP, Version: HTTP2, Path: "/version", Matcher: "202"}, State{Verdict: Healthy}},
		{"HTTP/2 over TLS", secure, Spec{Protocol: HTTPS, Version: HTTP2, Path: "/version", Matcher: "202"}, State{Verdict: Healthy}},
		{"gRPC, after a message", open, Spec{Protocol: HTTP, Version: GRPC, Path: "/grpc", Matcher: "12"}, State{Verdict: Healthy}},
		{"gRPC, without one", open, Spec{Protocol: HTTP, Version: GRPC, Path: "/grpc-at-once", Matcher: "12"}, State{Cause: CodeMismatch}},
		{"gRPC that is none", open, Spec{Protocol: HTTP, Version: GRPC, Path: "/", Matcher: "12"}, State{Cause: Failed}},
		{"no answer in time", open, Spec{Protocol: HTTP, Path: "/slow", Matcher: "200", Timeout: 50 * time.Millisecond}, State{Cause: TimedOut}},
		{"refused", closed, Spec{Protocol: HTTP, Path: "/", Matcher: "200"}, State{Cause: Failed}},
		{"a connection", open, Spec{Protocol: TCP}, State{Verdict: Healthy}},
		{"no connection", closed, Spec{Protocol: TCP}, State{Cause: Failed}},
		{"HTTP after the PROXY protocol", announced, Spec{Protocol: HTTP, Path: "/", Matcher: "200", Announce: true}, State{Verdict: Healthy}},
		{"HTTP without it", announced, Spec{Protocol: HTTP, Path: "/", Matcher: "200"}, State{Cause: Failed}},
		{"a connection with it", announced, Spec{Protocol: TCP, Announce: true}, State{Verdict: Healthy}},
		{"HTTP to TLS", secure, Spec{Protocol: HTTP, Path: "/", Matcher: "200"}, State{Cause: CodeMismatch, Code: 400}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if tt.spec.Timeout == 0 {
				tt.spec.Timeout = 20 * time.Second
			}
			err := probe(t.Context(), tt.address, &tt.spec)
			got := State{Verdict: Healthy}
			var f *failure
			if errors.As(err, &f) {
				got = State{Cause: f.cause, Code: f.code}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	spec := &Spec{Healthy: 3, Unhealthy: 2}
	bad := &failure{cause: CodeMismatch, code: 500}
	worse := &failure{cause: TimedOut, err: errors.New("slow")}
	type result struct {
		err    error
		counts bool
		want   Verdict
	}
	tests := []struct {
		reason  string
		results []result
	}{
		{"the first good answer is enough", []result{{nil, true, Healthy}}},
		{"quick tries do not count", []result{{bad, true, Initial}, {bad, false, Initial}, {bad, false, Initial}, {bad, true, Unhealthy}}},
		{"a good answer among them", []result{{bad, true, Initial}, {bad, false, Initial}, {nil, false, Healthy}}},
		{"thresholds after that", []result{
			{nil, true, Healthy}, {bad, true, Healthy}, {nil, true, Healthy}, {bad, true, Healthy}, {worse, true, Unhealthy},
			{nil, true, Unhealthy}, {nil, true, Unhealthy}, {bad, true, Unhealthy}, {nil, true, Unhealthy}, {nil, true, Unhealthy}, {nil, true, Healthy},
		}},
	}
	for _, tt := range tests {
		c := &Checker{}
		for i, r := range tt.results {
			before := c.State()
			changed := c.judge(r.err, r.counts, spec)
			if got := c.State(); got.Verdict != r.want || changed != (got != before) {
				t.Errorf("%s: result %d: want %v, got %+v (changed %v)", tt.reason, i, r.want, got, changed)
			}
		}
	}
}

func TestTheReasonIsThatOfTheLastCheck(t *testing.T) {
	spec := &Spec{Healthy: 3, Unhealthy: 1}
	c := &Checker{}
	c.judge(&failure{cause: CodeMismatch, code: 500}, true, spec)
	if !c.judge(&failure{cause: CodeMismatch, code: 503}, true, spec) || c.State().Code != 503 {
		t.Errorf("got %+v", c.State())
	}
}

// TestCheckerFollows has a target that comes late, goes, and moves.
func TestCheckerFollows(t *testing.T) {
	var status atomic.Int32
	status.Store(503)
	address := answering(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	spec := Spec{Protocol: HTTP, Path: "/", Matcher: "200", Interval: 20 * time.Millisecond, Timeout: 10 * time.Second, Healthy: 2, Unhealthy: 2}
	changed := make(chan struct{}, 1)
	c := Start(address, spec, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer c.Stop()
	until := func(want Verdict) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for c.State().Verdict != want {
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("want %v, got %+v", want, c.State())
			}
		}
	}
	until(Unhealthy)
	status.Store(200)
	until(Healthy)
	status.Store(500)
	until(Unhealthy)
	status.Store(200)
	until(Healthy)
	other := answering(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) })
	c.Set(other, spec)
	until(Unhealthy)
	if got := c.State(); got.Code != 418 {
		t.Errorf("got %+v of the other address", got)
	}
}
