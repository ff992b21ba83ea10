package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const toApp = "  - backendRefs: [{name: app, port: 80}]\n"

// TestInvalidManifestsSayWhyAndCostNothingElse applies one mistake after the other to a Gateway that serves: each gets its condition
// and reason, and what is right goes on serving.
func TestInvalidManifestsSayWhyAndCostNothingElse(t *testing.T) {
	tellInvalidManifestsSayWhyAndCostNothingElse(t, onFake)
}

func tellInvalidManifestsSayWhyAndCostNothingElse(t *testing.T, on class) {
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("good", "{name: web}", "good.example.com", toApp))
		w.serve("app", "app-1")
	})
	v := visit(t, w.programmed("web", 1), nil)

	tests := []struct {
		name     string
		manifest string
		want     []string // all in one problem
	}{
		{"missing Service", traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", "  - backendRefs: [{name: nobody, port: 80}]\n"),
			[]string{"HTTPRoute default/bad", "ResolvedRefs=False", "BackendNotFound", "default/nobody"}},
		{"missing port of a Service", traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", "  - backendRefs: [{name: app, port: 81}]\n"),
			[]string{"HTTPRoute default/bad", "ResolvedRefs=False", "81"}},
		{"backend of an unknown kind", traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", "  - backendRefs: [{group: example.com, kind: Bucket, name: app}]\n"),
			[]string{"HTTPRoute default/bad", "ResolvedRefs=False", "InvalidKind"}},
		{"backend of another namespace", traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", "  - backendRefs: [{name: app, namespace: other, port: 80}]\n"),
			[]string{"HTTPRoute default/bad", "ResolvedRefs=False", "RefNotPermitted"}},
		{"section that does not exist", traffic.HTTPRoute("bad", "{name: web, sectionName: nowhere}", "bad.example.com", toApp),
			[]string{"HTTPRoute default/bad", "Accepted=False", "NoMatchingParent"}},
		{"port that no listener has", traffic.HTTPRoute("bad", "{name: web, port: 81}", "bad.example.com", toApp),
			[]string{"HTTPRoute default/bad", "Accepted=False", "NoMatchingParent"}},
		{"parent that does not exist", traffic.HTTPRoute("bad", "{name: lost}", "bad.example.com", toApp),
			[]string{"HTTPRoute default/bad", "no such Gateway"}},
		{"expression that does not compile", traffic.HTTPRoute("bad", "{name: web}", "bad.example.com",
			"  - matches: [{path: {type: RegularExpression, value: \"/a(\"}}]\n    backendRefs: [{name: app, port: 80}]\n"),
			[]string{"HTTPRoute default/bad", "UnsupportedValue"}},
		{"route of a kind that the listener does not take", strings.NewReplacer("HTTPRoute", "TCPRoute", "  hostnames: [bad.example.com]\n", "").Replace(
			traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", toApp)),
			[]string{"TCPRoute default/bad", "Accepted=False", "NotAllowedByListeners"}},
		{"class that does not exist", strings.Replace(traffic.Gateway80("bad"), "gatewayClassName: fake", "gatewayClassName: gold", 1),
			[]string{"Gateway default/bad", `no GatewayClass "gold"`}},
		{"class of another controller", "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: theirs}\nspec: {controllerName: example.com/theirs}\n---\n" +
			strings.Replace(traffic.Gateway80("bad"), "gatewayClassName: fake", "gatewayClassName: theirs", 1),
			[]string{"Gateway default/bad", "another controller's"}},
		{"protocol that does not exist", strings.Replace(traffic.Gateway80("bad"), "protocol: HTTP", "protocol: example.com/gopher", 1),
			[]string{"Gateway default/bad listener http", "Accepted=False", "UnsupportedProtocol"}},
		{"kind of route that the protocol cannot carry", strings.Replace(traffic.Gateway80("bad"), "protocol: HTTP", "protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}", 1),
			[]string{"Gateway default/bad listener http", "ResolvedRefs=False", "InvalidRouteKinds"}},
		{"two protocols on one port", traffic.Gateway80("bad") + "  - {name: raw, port: 80, protocol: TCP}\n",
			[]string{"Gateway default/bad listener", "Conflicted=True", "ProtocolConflict"}},
		{"one hostname twice", traffic.Gateway80("bad") + "  - {name: again, port: 80, protocol: HTTP}\n",
			[]string{"Gateway default/bad listener", "Conflicted=True", "HostnameConflict"}},
		{"no YAML", "apiVersion: [\n", []string{"bad.yaml:"}},
		{"no object", "- just\n- a list\n", []string{"bad.yaml:1", "not a Kubernetes object"}},
		{"unknown field", strings.Replace(traffic.Gateway80("bad"), "  gatewayClassName", "  gatewayKlassName", 1), []string{"bad.yaml:5", "gatewayKlassName"}},
		{"wrong type", strings.Replace(traffic.Gateway80("bad"), "port: 80", "port: eighty", 1), []string{"bad.yaml:6", "spec.listeners.port", "string"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func(parent *testing.T) { w.T = parent }(w.T)
			w.T = t
			w.write("bad.yaml", tt.manifest)
			w.wait(fmt.Sprintf("a problem that says %q", tt.want), func(s dev.State) bool {
				return s.Settled && slices.ContainsFunc(s.Problems, func(p string) bool {
					return !slices.ContainsFunc(tt.want, func(part string) bool { return !strings.Contains(p, part) })
				})
			})
			v.Want("http://good.example.com/", 200, "app-1")
			w.remove("bad.yaml")
			w.wait("the mistake to be forgotten", func(s dev.State) bool { return s.Converged && len(s.Gateways) == 1 && len(s.Routes) == 1 })
		})
	}
	v.Want("http://good.example.com/", 200, "app-1")
}

// TestMissingBackendAnswers500 in its share of the weight. An ALB answers 503.
func TestMissingBackendAnswers500(t *testing.T) { tellMissingBackendAnswers500(t, onFake) }

func tellMissingBackendAnswers500(t *testing.T, on class) {
	missing := "500"
	if on == onAWS {
		missing = "503"
	}
	w := on.start(t, on.approximate, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web"))
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("half", "{name: web}", "half.example.com",
			"  - backendRefs: [{name: app, port: 80, weight: 1}, {name: nobody, port: 80, weight: 1}]\n"))
		w.serve("app", "app-1")
	})
	s := w.wait("the route to be judged", func(s dev.State) bool {
		g, ok := gatewayOf(s, "web")
		return s.Settled && ok && attached(g) == 1 && len(s.Problems) > 0
	})
	g, _ := gatewayOf(s, "web")
	v := visit(t, g, nil)
	w.eventually("the rule to be served", func() error { return v.Answers("http://half.example.com/", 200, "app-1") })
	counts := map[string]int{}
	for range 200 {
		counts[fmt.Sprint(v.Must("http://half.example.com/").Status)]++
	}
	traffic.WantShare(t, counts, missing, 50, 5)
	traffic.WantShare(t, counts, "200", 50, 5)
}

// TestBadCertificateCostsItsListenerOnly: the other listeners, of the same port too, go on serving.
func TestBadCertificateCostsItsListenerOnly(t *testing.T) {
	tellBadCertificateCostsItsListenerOnly(t, onFake)
}

func tellBadCertificateCostsItsListenerOnly(t *testing.T, on class) {
	good := traffic.NewCertificate(t, "good.example.com")
	w := on.start(t, func(w *world) {
		w.write("gateway.yaml", traffic.Gateway80("web")+`  - name: good
    port: 443
    protocol: HTTPS
    hostname: good.example.com
    tls: {certificateRefs: [{name: good}]}
  - name: bad
    port: 443
    protocol: HTTPS
    hostname: bad.example.com
    tls: {certificateRefs: [{name: bad}]}
`)
		w.write("app.yaml", service("app")+"---\n"+traffic.HTTPRoute("app", "{name: web}", "good.example.com", toApp))
		w.serve("app", "app-1")
		w.secret("good", "default", good)
		w.write("secret-bad.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ntype: kubernetes.io/tls\nstringData: {tls.crt: nonsense, tls.key: nonsense}\n")
	})
	s := w.wait("the bad listener to be judged", func(s dev.State) bool {
		g, ok := gatewayOf(s, "web")
		return s.Settled && ok && g.Programmed && len(g.Listeners) == 3 && says(g.Listeners[2].Problems, "InvalidCertificateRef")
	})
	g, _ := gatewayOf(s, "web")
	if !g.Listeners[0].Programmed || !g.Listeners[1].Programmed || g.Listeners[2].Programmed {
		t.Errorf("listeners: %+v", g.Listeners)
	}
	v := visit(t, g, good.Pool())
	w.eventually("HTTPS to answer", func() error { return v.Answers("https://good.example.com/", 200, "app-1") })
	v.Want("http://good.example.com/", 200, "app-1")

	// The mended Secret makes the listener serve.
	w.secret("bad", "default", traffic.NewCertificate(t, "bad.example.com"))
	w.wait("the listener to be programmed", func(s dev.State) bool {
		g, ok := gatewayOf(s, "web")
		return s.Converged && ok && g.Listeners[2].Programmed
	})
}
