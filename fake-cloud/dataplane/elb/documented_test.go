package elb

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
)

// TestDocumentedErrors asks for what AWS documents an error of the load balancer's own for.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
func TestDocumentedErrors(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "", func(w http.ResponseWriter, r *http.Request) {
		if n, err := strconv.Atoi(r.URL.Query().Get("head")); err == nil {
			for range n / 1000 {
				w.Header().Add("X", strings.Repeat("x", 1000))
			}
		}
	}))
	s.listener(lb, 8080, forward(web), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "")
	const ok = "HTTP/1.1 200 OK"
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct{ reason, request, want string }{
		{"the method TRACE", "TRACE / HTTP/1.1\r\n", "HTTP/1.1 405 Method Not Allowed"},
		{"any other", "BREW / HTTP/1.1\r\n", ok},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
		{"a coding of the transfer", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", "HTTP/1.1 501 Not Implemented"},
		{"30 addresses", "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1" + strings.Repeat(", 1.1.1.1", 29) + "\r\n", ok},
		{"31 addresses", "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1" + strings.Repeat(", 1.1.1.1", 30) + "\r\n", "HTTP/1.1 463 "},
		{"a line of 16K", "GET /" + strings.Repeat(long, 17) + " HTTP/1.1\r\n", "HTTP/1.1 414 Request-URI Too Large"},
		{"a field of 16K", "GET / HTTP/1.1\r\nX: " + strings.Repeat(long, 17) + "\r\n", "HTTP/1.1 400 Bad Request"},
		{"fields of 64K", "GET / HTTP/1.1\r\n" + strings.Repeat("X: "+long+"\r\n", 70), "HTTP/1.1 400 Bad Request"},
		{"many fields", "GET / HTTP/1.1\r\n" + strings.Repeat("X: x\r\n", 1000), ok},
		{"a response of less than 32K", "GET /?head=30000 HTTP/1.1\r\n", ok},
		{"a response of more", "GET /?head=33000 HTTP/1.1\r\n", "HTTP/1.1 502 Bad Gateway"},
		{"no host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	} {
		request := tt.request
		if !strings.HasSuffix(request, "\r\n\r\n") {
			request += "Host: a\r\nConnection: close\r\n\r\n"
		}
		got := raw(t, at, request)
		line, _, _ := strings.Cut(got, "\r\n")
		if line != tt.want {
			t.Errorf("%s: want %s, got %s", tt.reason, tt.want, line)
		}
		if status, _ := strconv.Atoi(strings.Fields(tt.want)[1]); status != 200 && !strings.HasSuffix(got, page(status)) {
			t.Errorf("%s: want its page, got %q", tt.reason, got)
		}
	}
}

// TestStatusLinesAndPages are as seen on the wire: the words of the status line and those of the page are the same.
func TestStatusLinesAndPages(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, forward(s.group(nil)), nil)
	s.rule(ls, 1, types.Action{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{
		Protocol: sdk.String("HTTPS"), Port: sdk.String("443"), StatusCode: types.RedirectActionStatusCodeEnumHttp301,
	}}, path("/moved"))
	at := s.at(lb, 8080)
	answers(t, at, "/", 503, page(503))
	for target, want := range map[string][3]string{
		"/":      {"HTTP/1.1 503 Service Temporarily Unavailable", "162", page(503)},
		"/moved": {"HTTP/1.1 301 Moved Permanently", "134", page(301)},
	} {
		got := raw(t, at, "GET "+target+" HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		line, _, _ := strings.Cut(head, "\r\n")
		_, length, _ := strings.Cut(head, "Content-Length: ")
		length, _, _ = strings.Cut(length, "\r\n")
		if diff := cmp.Diff(want, [3]string{line, length, body}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
		if !strings.Contains(head, "\r\nContent-Type: text/html") {
			t.Errorf("%s: got %s", target, head)
		}
	}
}

// TestDesyncMitigation: the strictest mode lets in what leaves no room for doubt.
func TestDesyncMitigation(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	s.listener(lb, 8080, forward(s.group(nil, backend(t, "", nil))), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "")
	const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	line := func() string {
		line, _, _ := strings.Cut(raw(t, at, request), "\r\n")
		return line
	}
	for _, tt := range []struct{ mode, want string }{
		{"strictest", "HTTP/1.1 400 Bad Request"}, {"monitor", "HTTP/1.1 200 OK"}, {"strictest", "HTTP/1.1 400 Bad Request"},
		{"defensive", "HTTP/1.1 200 OK"}, {"strictest", "HTTP/1.1 400 Bad Request"},
	} {
		s.tune(lb, "routing.http.desync_mitigation_mode="+tt.mode)
		eventually(t, tt.mode, func() bool { return line() == tt.want })
	}
	answers(t, at, "/", 400, page(400), "X-Accent: \xc3\xa9")
	answers(t, at, "/", 200, "")
}

// TestSlowClients: the idle timeout is that of clients that say nothing, or begin and go no further.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	s.tune(lb, "idle_timeout.timeout_seconds=1")
	s.listener(lb, 8080, fixed("200", "here"), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "here")
	for request, want := range map[string]string{"": "", "GET / HT": page(408)} {
		if got := raw(t, at, request); !strings.HasSuffix(got, want) || want == "" && got != "" {
			t.Errorf("%q and no more: want %q, got %q", request, want, got)
		}
	}
}
