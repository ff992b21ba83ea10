package e2e

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// TestSessionsOutliveTheirProcess: clients stay where they are when the load balancer's process ends and another goes on with its state, and
// when all new clients go to another backend.
func TestSessionsOutliveTheirProcess(t *testing.T) { tellSessionsOutliveTheirProcess(t, onFake) }

func tellSessionsOutliveTheirProcess(t *testing.T, on class) {
	config := dev.Config{StateDir: t.TempDir(), Pool: newPool()}
	rules := on.kept()
	var apps, shadows []netip.AddrPort
	again := func() (*world, *traffic.Visitor) {
		w := on.startWith(t, config, on.approximate, func(w *world) {
			w.write("gateway.yaml", traffic.Gateway80("web"))
			w.write("route.yaml", traffic.HTTPRoute("app", "{name: web}", "app.example.com", rules))
			w.write("services.yaml", service("app")+service("shadow"))
			if apps == nil {
				apps = []netip.AddrPort{w.backend("app-1").Addr(), w.backend("app-2").Addr(), w.backend("app-3").Addr()}
				shadows = []netip.AddrPort{w.backend("shadow-1").Addr()}
			}
			w.endpoints("default", "app", "http", "TCP", apps...)
			w.endpoints("default", "shadow", "http", "TCP", shadows...)
		})
		return w, visit(t, w.programmed("web", 1), nil)
	}
	w, v := again()
	begun := v.Must("http://app.example.com/kept")
	cookie, _, _ := strings.Cut(begun.Header.Get("Set-Cookie"), ";")
	var shown traffic.Answer
	var token string
	if on != onAWS { // an ALB knows cookies alone
		shown = v.Must("http://app.example.com/header")
		token = shown.Header.Get("X-Kept")
	}
	if cookie == "" || token == "" && on != onAWS {
		t.Fatalf("cookie %q, header %q", cookie, token)
	}
	stay := func(after string, v *traffic.Visitor) {
		t.Helper()
		for range 12 {
			if a := v.Send(http.MethodGet, "http://app.example.com/kept", "Cookie", cookie); a.Backend() != begun.Backend() {
				t.Fatalf("after %s the session of a cookie of %s went on at %q", after, begun.Backend(), a.Backend())
			}
			if token == "" {
				continue
			}
			if a := v.Send(http.MethodGet, "http://app.example.com/header", "X-Kept", token); a.Backend() != shown.Backend() {
				t.Fatalf("after %s the session of a header of %s went on at %q", after, shown.Backend(), a.Backend())
			}
		}
	}
	stay("nothing", v)
	w.stop()
	w, v = again()
	stay("the end of the process", v)
	if on == onAWS {
		return // its cookies are those of a target group: another backend begins another session
	}

	const weighed = "[{name: app, port: 80, weight: 0}, {name: shadow, port: 80}]"
	for _, kind := range []string{"lifetimeType: Permanent}}", "type: Header}"} {
		rules = strings.Replace(rules, kind+"\n    backendRefs: [{name: app, port: 80}]", kind+"\n    backendRefs: "+weighed, 1)
	}
	w.write("route.yaml", traffic.HTTPRoute("app", "{name: web}", "app.example.com", rules))
	for _, path := range []string{"kept", "header"} {
		w.eventually("new clients to go elsewhere", func() error { return v.Answers("http://app.example.com/"+path, 200, "shadow-1") })
	}
	stay("its backend's weight became 0", v)
}
