package traffic

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// The stories that are told of `cloudgate dev` and of a cluster alike: what a user writes, and what has to come of it.

// Gateway80 is a Gateway with one HTTP listener.
func Gateway80(name string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s}
spec:
  gatewayClassName: fake
  listeners:
  - {name: http, port: 80, protocol: HTTP}
`, name)
}

// HTTPRoute is a route with one parent, one hostname and the rules.
func HTTPRoute(name, parent, hostname, rules string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [%s]
  hostnames: [%s]
  rules:
%s`, name, parent, hostname, rules)
}

// MatchRules are rules for app.example.com, whose backends are MatchServices.
const MatchRules = `  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{name: rest, port: 80}]
  - matches: [{headers: [{name: X-Version, value: two}]}]
    backendRefs: [{name: header, port: 80}]
  - matches: [{queryParams: [{name: beta, value: "1"}]}]
    backendRefs: [{name: query, port: 80}]
  - matches: [{method: POST}]
    backendRefs: [{name: method, port: 80}]
  - matches: [{path: {type: RegularExpression, value: "/v[0-9]+/.*"}}]
    backendRefs: [{name: regex, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /long/prefix}}]
    backendRefs: [{name: long, port: 80}]
  - matches: [{path: {type: Exact, value: /long/prefix}}]
    backendRefs: [{name: exact, port: 80}]
`

// MatchServices are the Services of MatchRules.
var MatchServices = []string{"rest", "header", "query", "method", "regex", "long", "exact"}

// WantMatches checks that MatchRules are served in the order of precedence that the specification names.
func WantMatches(t testing.TB, v *Visitor) {
	t.Helper()
	tests := []struct {
		method, path string
		header       http.Header
		want         string
		reason       string
	}{
		{"GET", "/", nil, "rest", "nothing else matches"},
		{"GET", "/", http.Header{"X-Version": {"two"}}, "header", "a header counts more than nothing"},
		{"GET", "/", http.Header{"X-Version": {"three"}}, "rest", "the value differs"},
		{"GET", "/?beta=1", nil, "query", "a query parameter counts more than nothing"},
		{"GET", "/?beta=2", nil, "rest", "the value differs"},
		{"POST", "/", nil, "method", "a method counts more than nothing"},
		{"POST", "/?beta=1", http.Header{"X-Version": {"two"}}, "method", "the method comes before headers and query"},
		{"GET", "/?beta=1", http.Header{"X-Version": {"two"}}, "header", "headers come before the query"},
		{"GET", "/long/prefix", nil, "exact", "an exact path comes first"},
		{"POST", "/long/prefix/more", nil, "long", "the longer path comes before a method"},
		{"GET", "/v12/x", nil, "regex", "the expression matches"},
		{"GET", "/vx/x", nil, "rest", "the expression does not match"},
	}
	for _, tt := range tests {
		request, err := http.NewRequest(tt.method, "http://app.example.com"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.header != nil {
			request.Header = tt.header.Clone()
		}
		a, err := v.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if !a.From(tt.want) {
			t.Errorf("%s %s %v went to %q, want one of %s: %s", tt.method, tt.path, tt.header, a.Backend(), tt.want, tt.reason)
		}
	}
}

// FilterRules are rules for app.example.com, whose backend is the Service app.
const FilterRules = `  - matches: [{path: {type: PathPrefix, value: /slow}}]
    timeouts: {request: 100ms}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /moved}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {hostname: new.example.com, port: 8443, scheme: https, statusCode: 302, path: {type: ReplacePrefixMatch, replacePrefixMatch: /here}}
  - matches: [{path: {type: PathPrefix, value: /rewritten}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: inner.example.com, path: {type: ReplaceFullPath, replaceFullPath: /whole}}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {add: [{name: X-Added, value: "yes"}], remove: [Content-Type]}
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Set, value: new}]}
    backendRefs: [{name: app, port: 80}]
`

// WantFilters checks the timeout, the redirect, the rewrite and the headers of FilterRules.
func WantFilters(t testing.TB, v *Visitor) {
	t.Helper()
	if a := v.Must("http://app.example.com/slow?delay=30s"); a.Status != http.StatusGatewayTimeout {
		t.Errorf("past its timeout a request was answered %d, want 504", a.Status)
	}
	if a := v.Must("http://app.example.com/moved/a?b=c"); a.Status != 302 || a.Header.Get("Location") != "https://new.example.com:8443/here/a?b=c" {
		t.Errorf("redirect: %d to %q", a.Status, a.Header.Get("Location"))
	}
	a := v.Must("http://app.example.com/rewritten/x?y=z")
	if a.Status != 200 || a.Header.Get("X-Added") != "yes" || a.Header.Get("Content-Type") != "" {
		t.Errorf("response: %d, X-Added %q, Content-Type %q", a.Status, a.Header.Get("X-Added"), a.Header.Get("Content-Type"))
	}
	if e := a.Echo; e.Host != "inner.example.com" || e.Path != "/whole" || e.Query != "y=z" || e.Headers.Get("X-Set") != "new" {
		t.Errorf("the backend saw host %q, path %q, query %q, X-Set %q", e.Host, e.Path, e.Query, e.Headers.Get("X-Set"))
	}
}

// TwoCertificates is a Gateway web with two certificates behind one HTTPS listener, the Secrets one-tls and two-tls, and a route for each
// of the host names in them.
func TwoCertificates() string {
	manifest := `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: fake
  listeners:
  - name: https
    port: 443
    protocol: HTTPS
    tls:
      certificateRefs: [{name: one-tls}, {name: two-tls}]
`
	for _, name := range []string{"one", "two"} {
		manifest += "---\n" + HTTPRoute(name, "{name: web}", name+".example.com", fmt.Sprintf("  - backendRefs: [{name: %s, port: 80}]\n", name))
	}
	return manifest
}

// BackendTLS has the load balancer ask the Service app over TLS, as a host name, and want a certificate that is trusted.
func BackendTLS(hostname string, trusted echo.Certificate) string {
	return fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data:
  ca.crt: |
    %s
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation:
    hostname: %s
    caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]
`, strings.ReplaceAll(strings.TrimSpace(string(trusted.Chain)), "\n", "\n    "), hostname)
}

const (
	oneAndTwo = `  - matches: [{path: {type: PathPrefix, value: /one}}]
    backendRefs: [{name: one, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /two}}]
    backendRefs: [{name: two, port: 80}]
`
	newInFront = `  - matches: [{path: {type: PathPrefix, value: /new}}]
    backendRefs: [{name: two, port: 80}]
` + oneAndTwo
)

// Edit is a change of a route of the Gateway web with the Services one and two. What the route says before and after is answered
// while the edit is carried out: by what it said before, or by what it says after.
type Edit struct {
	Name          string
	Before, After string   // manifests
	Asked         []string // URLs that both answer
	Tell          string   // a URL that tells which of the two is in force
	Told          string   // the backend that answers it after, empty for none before and any after
}

// Edits are edits that a careless controller loses requests over.
func Edits() []Edit {
	both := []string{"http://a.example.com/one", "http://a.example.com/two"}
	before := HTTPRoute("app", "{name: web}", "a.example.com", oneAndTwo)
	swapped := strings.NewReplacer("/one", "/two", "/two", "/one").Replace(oneAndTwo)
	return []Edit{
		{
			Name: "a rule comes in front and goes", Before: before, Asked: both,
			After: HTTPRoute("app", "{name: web}", "a.example.com", newInFront),
			Tell:  "http://a.example.com/new",
		},
		{
			Name: "two rules swap what they match", Before: before, Asked: both,
			After: HTTPRoute("app", "{name: web}", "a.example.com", swapped),
			Tell:  "http://a.example.com/one", Told: "two",
		},
		{
			Name: "a hostname becomes a wildcard that covers it", Before: before, Asked: both,
			After: HTTPRoute("app", "{name: web}", `"*.example.com"`, oneAndTwo),
			Tell:  "http://b.example.com/one",
		},
		{
			Name: "a route gets another name", Before: before, Asked: both,
			After: HTTPRoute("renamed", "{name: web}", "a.example.com", newInFront),
			Tell:  "http://a.example.com/new",
		},
	}
}

// UnderLoad makes the edit and takes it back, so many times in all, while clients ask. put makes a manifest what there is in the place
// of the one before.
func (e Edit) UnderLoad(t testing.TB, v *Visitor, turns int, put func(manifest string)) {
	t.Helper()
	var loads []*Load
	for _, url := range e.Asked {
		loads = append(loads, v.Ask(url, 2, 0))
	}
	for turn := range turns {
		after := turn%2 == 0
		if after {
			put(e.After)
		} else {
			put(e.Before)
		}
		Eventually(t, "the edit to be in force", func() error {
			a, err := v.Get(e.Tell)
			if err != nil {
				return err
			}
			if now := a.Status == http.StatusOK && (e.Told == "" || a.From(e.Told)); now != after {
				return fmt.Errorf("status %d from %q", a.Status, a.Backend())
			}
			return nil
		})
		for _, l := range loads {
			l.More(20)
		}
	}
	for _, l := range loads {
		l.End()
	}
}
