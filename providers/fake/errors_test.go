package fake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
)

// cloudThat answers every call in one way.
func cloudThat(t *testing.T, answer http.HandlerFunc) *fake.Provider {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	p, err := fake.New(fake.Config{Endpoint: s.URL + "/", Token: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func refuse(status int, code, message string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		answer := map[string]map[string]string{"error": {"code": code, "message": message}}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			panic(err)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		reason string
		answer http.HandlerFunc
		kind   cloud.Kind
		after  time.Duration
		text   string
	}{
		{"a bad request", refuse(400, "InvalidArgument", "port: 0 is not a port"), cloud.Invalid, 0, "port: 0 is not a port"},
		{"no token", refuse(401, "Unauthenticated", "who are you"), cloud.Denied, 0, "who are you"},
		{"denied", refuse(403, "Denied", "not you"), cloud.Denied, 0, "not you"},
		{"over a quota", refuse(403, "QuotaExceeded", "quota of 5 pools is used up"), cloud.Quota, 0, "quota of 5 pools is used up"},
		{"gone", refuse(404, "NotFound", "no such rule"), cloud.NotFound, 0, "no such rule"},
		{"in use", refuse(409, "InUse", "a rule names it"), cloud.Conflict, 0, "a rule names it"},
		{"somebody was faster", refuse(412, "PreconditionFailed", "read it again"), cloud.Conflict, 0, "read it again"},
		{"too many calls", refuse(429, "Throttled", "slow down", "Retry-After", "1.5"), cloud.Throttled, 1500 * time.Millisecond, "slow down"},
		{"a wait that is no number", refuse(429, "Throttled", "slow down", "Retry-After", "soon"), cloud.Throttled, 0, "slow down"},
		{"a wait without end", refuse(429, "Throttled", "slow down", "Retry-After", "1e300"), cloud.Throttled, 5 * time.Minute, "slow down"},
		{"a negative wait", refuse(429, "Throttled", "slow down", "Retry-After", "-3"), cloud.Throttled, 0, "slow down"},
		{"broken", refuse(500, "Internal", "oops"), cloud.Unknown, 0, "oops"},
		{"away", refuse(503, "Unavailable", "later", "Retry-After", "2"), cloud.Unavailable, 2 * time.Second, "later"},
		{
			"a proxy's error page", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(502)
				fmt.Fprint(w, "<html>request 123 failed at 10:00")
			}, cloud.Unavailable, 0, "the cloud answered 502 Bad Gateway",
		},
		{"a message of several lines", refuse(400, "InvalidArgument", "a\nb\x1b[2J"), cloud.Invalid, 0, "a b [2J"},
		{
			"not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, cloud.Unknown, 0,
			"the cloud's answer is not understood: invalid character 'h' looking for beginning of value",
		},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, cloud.Unavailable, 0, "the cloud's API closed the connection without an answer"},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"items":[`)
			panic(http.ErrAbortHandler)
		}, cloud.Unavailable, 0, "the cloud's API closed the connection without an answer"},
		{"elsewhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(302)
		}, cloud.Unknown, 0, "the cloud answered 302 Found"},
		{
			"pages without end", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[],"nextPageToken":"x"}`) }, cloud.Unknown, 0,
			"the cloud's answer is not understood: the same page token came twice",
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			p := cloudThat(t, test.answer)
			_, err := p.Observe(t.Context(), cloud.Scope{Cluster: "c", UID: "u"})
			var e *cloud.Error
			if !errors.As(err, &e) {
				t.Fatalf("not a *cloud.Error: %v", err)
			}
			if e.Kind != test.kind || e.After != test.after || e.Op != "ListRules" || e.Err.Error() != test.text {
				t.Errorf("got %s, %s, %s, %q; want %s, %s, %q", e.Op, e.Kind, e.After, e.Err, test.kind, test.after, test.text)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	p, err := fake.New(fake.Config{Endpoint: "http://127.81.255.254:1", Token: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	step := plan.Step{Op: plan.Delete, Got: graph.Node{ID: graph.ID{Kind: fake.KindPool, Name: "x"}, External: "po-1"}}
	_, err = p.Apply(t.Context(), ir.Owner{}, step)
	if cloud.KindOf(err) != cloud.Unavailable || err.Error() != "DeletePool pool/x: the cloud's API cannot be reached: connection refused" {
		t.Errorf("got %v, %v", cloud.KindOf(err), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Apply(ctx, ir.Owner{}, step); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestEndpointIsChecked(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:80", "ftp://x", "http://", "http://user:secret@x", "http://x?token=secret", "http://x/%zz"} {
		if _, err := fake.New(fake.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is taken for an endpoint", endpoint)
		} else if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}

func TestTokenIsSent(t *testing.T) {
	var got string
	p := cloudThat(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		fmt.Fprint(w, `{"items":[]}`)
	})
	if _, err := p.Observe(t.Context(), cloud.Scope{Cluster: "c"}); err != nil {
		t.Fatal(err)
	}
	if got != "Bearer s3cret" {
		t.Errorf("got %q", got)
	}
}

// TestNothingOfOthersIsObserved meets a cloud whose filter is broken: what it lets through would be deleted.
func TestNothingOfOthersIsObserved(t *testing.T) {
	p := cloudThat(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/pools") {
			fmt.Fprint(w, `{"items":[]}`)
			return
		}
		fmt.Fprint(w, `{"items":[{"id":"po-1","name":"a"},
			{"id":"po-2","name":"b","labels":{"cloudgate.dev/cluster":"other","cloudgate.dev/owner":"u"}},
			{"id":"po-3","name":"c","labels":{"cloudgate.dev/cluster":"c","cloudgate.dev/owner":"v"}},
			{"id":"po-4","name":"d","labels":{"cloudgate.dev/cluster":"c"}},
			{"id":"po-5","name":"e","labels":{"cloudgate.dev/cluster":"c","cloudgate.dev/owner":"u"}}]}`)
	})
	got, err := p.Observe(t.Context(), cloud.Scope{Cluster: "c", UID: "u"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || len(got[ir.OwnerKey{Cluster: "c", UID: "u"}]) != 1 {
		t.Errorf("got %v", got)
	}
}
