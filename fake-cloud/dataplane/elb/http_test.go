package elb

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// shows answers with the request as it came.
func shows(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "Host: %s\n", r.Host)
	_ = r.Header.Write(w)
}

// seen returns the value of a field that a target saw, and "-" where it did not.
func seen(body, name string) string {
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+": "); ok {
			return value
		}
	}
	return "-"
}

func TestWhatTargetsAreTold(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	s.listener(lb, 8080, forward(s.group(nil, backend(t, "", shows))), nil)
	at := s.at(lb, 8080)
	eventually(t, "served", func() bool { got, err := get(at, "/"); return err == nil && got.status == 200 })
	tests := []struct {
		reason     string
		attributes []string
		sent       []string
		want       map[string]string // fields, as expressions
	}{
		{"by default", nil, []string{"Host: a.test"}, map[string]string{
			"X-Forwarded-For": `127\.0\.0\.1`, "X-Forwarded-Proto": "http", "X-Forwarded-Port": "8080",
			"X-Amzn-Trace-Id": `Root=1-[0-9a-f]{8}-[0-9a-f]{24}`, "Host": `a\.test:8080`,
		}},
		{"what was said before is continued", nil, []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"}, map[string]string{
			"X-Forwarded-For": `192\.0\.2\.1, 127\.0\.0\.1`, "X-Forwarded-Proto": "http",
		}},
		{"a trace goes on", nil, []string{"X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678"}, map[string]string{
			"X-Amzn-Trace-Id": `Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-67891233-abcdef012345678912345678`,
		}},
		{"removed", []string{"routing.http.xff_header_processing.mode=remove"}, []string{"X-Forwarded-For: 192.0.2.1"},
			map[string]string{"X-Forwarded-For": "-"}},
		{"preserved", []string{"routing.http.xff_header_processing.mode=preserve"}, []string{"X-Forwarded-For: 192.0.2.1"},
			map[string]string{"X-Forwarded-For": `192\.0\.2\.1`}},
		{"the client's port", []string{"routing.http.xff_header_processing.mode=append", "routing.http.xff_client_port.enabled=true"}, nil,
			map[string]string{"X-Forwarded-For": `127\.0\.0\.1:[0-9]+`}},
		{"the host is kept", []string{"routing.http.preserve_host_header.enabled=true"}, []string{"Host: a.test"},
			map[string]string{"Host": `a\.test`}},
		{"a name that is not one", []string{"routing.http.drop_invalid_header_fields.enabled=true"}, []string{"X_Odd: 1", "X-Even: 2"},
			map[string]string{"X_odd": "-", "X-Even": "2"}},
	}
	for _, tt := range tests {
		if len(tt.attributes) > 0 {
			s.tune(lb, tt.attributes...)
		}
		last := ""
		eventually(t, tt.reason, func() bool {
			got, err := get(at, "/", tt.sent...)
			if err != nil {
				last = err.Error()
				return false
			}
			last = got.body
			for name, want := range tt.want {
				if !regexp.MustCompile("^" + want + "$").MatchString(seen(got.body, name)) {
					return false
				}
			}
			return true
		}, func() string { return fmt.Sprintf("want %v, got\n%s", tt.want, last) })
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, fixed("404", ""), nil)
	redirect := func(priority int32, path_ string, c types.RedirectActionConfig) {
		t.Helper()
		s.rule(ls, priority, types.Action{Type: types.ActionTypeEnumRedirect, RedirectConfig: &c}, path(path_))
	}
	redirect(1, "/https*", types.RedirectActionConfig{
		Protocol: sdk.String("HTTPS"), Port: sdk.String("443"), StatusCode: types.RedirectActionStatusCodeEnumHttp301})
	redirect(2, "/host", types.RedirectActionConfig{
		Host: sdk.String("new.#{host}"), Path: sdk.String("/v2/#{path}"), StatusCode: types.RedirectActionStatusCodeEnumHttp302})
	redirect(3, "/query", types.RedirectActionConfig{
		Query: sdk.String("from=old&#{query}"), Path: sdk.String("/q"), StatusCode: types.RedirectActionStatusCodeEnumHttp302})
	at := s.at(lb, 8080)
	eventually(t, "served", func() bool { got, err := get(at, "/https"); return err == nil && got.status == 301 })
	tests := []struct {
		target string
		status int
		want   string
	}{
		{"/https/a?b=c", 301, "https://a.test:443/https/a?b=c"},
		{"/https", 301, "https://a.test:443/https"},
		{"/host", 302, "http://new.a.test:8080/v2/host"},
		{"/query?x=1", 302, "http://a.test:8080/q?from=old&x=1"},
	}
	for _, tt := range tests {
		got, err := get(at, tt.target, "Host: a.test")
		if err != nil || got.status != tt.status || got.header.Get("Location") != tt.want || got.header.Get("Server") != serverName {
			t.Errorf("%s: want %d %s, got %+v, %v", tt.target, tt.status, tt.want, got, err)
		}
	}
}

// TestPages are what the load balancer says itself.
func TestPages(t *testing.T) {
	if got := len(page(503)); got != 162 {
		t.Errorf("a page of 503 has %d bytes", got) // as seen on the wire
	}
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	empty := s.group(nil)
	refused := s.group(nil, closed(t))
	broken := s.group(nil, breaking(t))
	function := *do(s, s.CreateTargetGroup, &api.CreateTargetGroupInput{Name: s.name("f"), TargetType: types.TargetTypeEnumLambda}).TargetGroups[0].TargetGroupArn
	ls := s.listener(lb, 8080, fixed("403", "no"), nil)
	s.rule(ls, 4, forward(function), path("/function"))
	s.rule(ls, 1, forward(empty), path("/empty"))
	s.rule(ls, 2, forward(refused), path("/refused"))
	s.rule(ls, 3, forward(broken), path("/broken"))
	at := s.at(lb, 8080)
	for _, tt := range []struct {
		target string
		status int
	}{{"/empty", 503}, {"/refused", 502}, {"/broken", 502}, {"/function", 503}} {
		got := answers(t, at, tt.target, tt.status, page(tt.status))
		if got.header.Get("Server") != serverName || got.header.Get("Content-Type") != "text/html" {
			t.Errorf("%s: got %v", tt.target, got.header)
		}
	}
	got := answers(t, at, "/", 403, "no")
	if got.header.Get("Server") != serverName || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("a fixed response: got %v", got.header)
	}
	if got := raw(t, at, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400") || !strings.HasSuffix(got, page(400)) {
		t.Errorf("a request that is not one: got %q", got)
	}
}

// TestRefusedConnection: a target that refuses connections costs the requests that come to it. No request goes on to another target.
func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	live := backend(t, "live", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sick" {
			w.WriteHeader(500)
		}
	})
	// Both are found sick, so both get requests.
	group := s.group(func(in *api.CreateTargetGroupInput) { in.HealthCheckPath = sdk.String("/sick") }, closed(t), live)
	s.listener(lb, 8080, forward(group), nil)
	at := s.at(lb, 8080)
	counts := map[int]int{}
	eventually(t, "half of the requests to fail", func() bool {
		clear(counts)
		for range 20 {
			got, err := get(at, "/")
			if err != nil {
				return false
			}
			counts[got.status]++
		}
		return counts[200] == 10 && counts[502] == 10
	})
}

// breaking is a target that is healthy to look at and breaks every answer off.
func breaking(t *testing.T) string {
	return backend(t, "", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.UserAgent(), "ELB-HealthChecker/") {
			return
		}
		panic(http.ErrAbortHandler)
	})
}

func raw(t *testing.T, at, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestResponseFields are what a listener's attributes add to every answer.
func TestResponseFields(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "web", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Server", "mine") }))
	ls := s.listener(lb, 8080, fixed("200", "fixed"), nil)
	s.rule(ls, 1, forward(web), path("/web"))
	at := s.at(lb, 8080)
	if got := answers(t, at, "/web", 200, "web"); got.header.Get("Server") != "mine" {
		t.Errorf("the target's own name: got %v", got.header)
	}
	do(s, s.ModifyListenerAttributes, &api.ModifyListenerAttributesInput{ListenerArn: &ls, Attributes: []types.ListenerAttribute{
		{Key: sdk.String("routing.http.response.x_frame_options.header_value"), Value: sdk.String("DENY")},
		{Key: sdk.String("routing.http.response.server.enabled"), Value: sdk.String("false")},
	}})
	for _, target := range []string{"/web", "/"} {
		eventually(t, target, func() bool {
			got, err := get(at, target)
			return err == nil && got.header.Get("X-Frame-Options") == "DENY" && got.header.Get("Server") == ""
		})
	}
}

// TestWebSocket upgrades a connection.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		line, _ := rw.ReadString('\n')
		_, _ = io.WriteString(conn, "echo "+line)
		_ = conn.Close()
		panic(http.ErrAbortHandler) // nothing more is written
	}))
	s.listener(lb, 8080, forward(web), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "")
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("got %v, %v", resp, err)
	}
	_, _ = io.WriteString(conn, "hello\n")
	if line, err := r.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// TestIdleTimeout ends what a target, or a client, keeps waiting.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "late", func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/never" {
			<-r.Context().Done()
		}
	}))
	s.tune(lb, "idle_timeout.timeout_seconds=1")
	s.listener(lb, 8080, forward(web), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "late")
	answers(t, at, "/never", 504, page(504))
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), "late") { // until it is closed
		t.Errorf("a connection that is idle: %q, %v", got, err)
	}
}

// TestNetworksOfABalancerChange takes a zone away, whose address answers no more.
func TestNetworksOfABalancerChange(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	s.listener(lb, 8080, fixed("200", "here"), nil)
	all := s.addresses(lb)
	for _, ip := range all {
		answers(t, netip.AddrPortFrom(ip, 8080).String(), "/", 200, "here")
	}
	do(s, s.SetSubnets, &api.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: s.zones[:2]})
	eventually(t, "one address is gone", func() bool {
		left := s.addresses(lb)
		answering := 0
		for _, ip := range all {
			if got, err := get(netip.AddrPortFrom(ip, 8080).String(), "/"); err == nil && got.body == "here" {
				answering++
			}
		}
		return len(left) == len(all)-1 && answering == len(left)
	})
}
