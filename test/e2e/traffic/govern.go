package traffic

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// GovernRules are rules for app.example.com, with the backends app and shadow, for WantCORS, WantRetries and WantSession.
const GovernRules = `  - matches: [{path: {type: PathPrefix, value: /cors}, method: GET}]
    filters:
    - type: CORS
      cors: {allowOrigins: ["https://*.example.org"], allowMethods: [PUT], allowHeaders: [X-Token], exposeHeaders: [X-Backend], allowCredentials: true, maxAge: 60}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /mirrored}}]
    filters:
    - {type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}, percent: 25}}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /retried}}]
    retry: {codes: [503], attempts: 2, backoff: 5ms}
    timeouts: {request: 20s, backendRequest: 5s}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /kept}}]
    sessionPersistence: {sessionName: kept, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}
    backendRefs: [{name: app, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /header}}]
    sessionPersistence: {sessionName: X-Kept, type: Header}
    backendRefs: [{name: app, port: 80}]
  - backendRefs: [{name: app, port: 80}]
`

// Send sends a request with header fields.
func (v *Visitor) Send(method, url string, fields ...string) Answer {
	v.t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		request.Header.Add(fields[i], fields[i+1])
	}
	a, err := v.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	return a
}

// WantCORS asks as a browser does: before a PUT from a page of another origin, and with a GET.
func WantCORS(t testing.TB, v *Visitor) {
	t.Helper()
	const url = "http://app.example.com/cors"
	want := func(a Answer, name, value string) {
		t.Helper()
		if got := strings.Join(a.Header.Values(name), " | "); got != value {
			t.Errorf("%d answer with %s: %q, want %q", a.Status, name, got, value)
		}
	}
	before := func(origin string) Answer {
		return v.Send(http.MethodOptions, url, "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-token")
	}
	a := before("https://shop.example.org")
	if a.Status != 200 && a.Status != 204 || a.Backend() != "" {
		t.Errorf("a preflight request was answered %d by %q", a.Status, a.Backend())
	}
	want(a, "Access-Control-Allow-Origin", "https://shop.example.org")
	want(a, "Access-Control-Allow-Credentials", "true")
	want(a, "Access-Control-Max-Age", "60")
	want(a, "Access-Control-Allow-Headers", "X-Token")
	want(before("https://example.net"), "Access-Control-Allow-Origin", "")
	a = v.Send(http.MethodGet, url, "Origin", "https://shop.example.org")
	if a.Status != 200 || a.Backend() == "" {
		t.Errorf("a GET from another origin was answered %d by %q", a.Status, a.Backend())
	}
	want(a, "Access-Control-Allow-Origin", "https://shop.example.org")
	want(a, "Access-Control-Expose-Headers", "X-Backend")
	want(v.Send(http.MethodGet, url, "Origin", "https://example.net"), "Access-Control-Allow-Origin", "")
}

// WantSession asks n times as a client that keeps its cookies, and n times as one that shows a header: each gets answers of one backend.
func WantSession(t testing.TB, v *Visitor, n int) {
	t.Helper()
	first := v.Send(http.MethodGet, "http://app.example.com/kept")
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	shown := v.Send(http.MethodGet, "http://app.example.com/header")
	token := shown.Header.Get("X-Kept")
	if !strings.HasPrefix(cookie, "kept=") || token == "" {
		t.Fatalf("cookie %q, header %q", first.Header.Get("Set-Cookie"), token)
	}
	for range n {
		if a := v.Send(http.MethodGet, "http://app.example.com/kept", "Cookie", cookie); a.Backend() != first.Backend() {
			t.Fatalf("the session of a cookie began at %s and went on at %s", first.Backend(), a.Backend())
		}
		if a := v.Send(http.MethodGet, "http://app.example.com/header", "X-Kept", token); a.Backend() != shown.Backend() {
			t.Fatalf("the session of a header began at %s and went on at %s", shown.Backend(), a.Backend())
		}
	}
}

// WantClients opens connections to the HTTPS listener of a URL without a certificate, with one of a stranger, and with that of a friend.
func WantClients(t testing.TB, v *Visitor, url string, friend, stranger echo.Certificate) {
	t.Helper()
	try := func(who *echo.Certificate) error {
		own := v.Transport.Clone()
		defer own.CloseIdleConnections()
		if who != nil {
			pair, err := who.TLS()
			if err != nil {
				return err
			}
			own.TLSClientConfig.Certificates = append(own.TLSClientConfig.Certificates, pair)
		}
		response, err := (&http.Client{Transport: own, Timeout: v.Client.Timeout}).Get(url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", response.StatusCode)
		}
		return nil
	}
	if err := try(&friend); err != nil {
		t.Errorf("a client with a valid certificate: %v", err)
	}
	if err := errors.Join(wantError("a client without a certificate", try(nil)), wantError("a client with a stranger's certificate", try(&stranger))); err != nil {
		t.Error(err)
	}
}

func wantError(who string, err error) error {
	if err == nil {
		return errors.New(who + " was served")
	}
	return nil
}
