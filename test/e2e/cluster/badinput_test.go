package cluster

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const good = "http://good.example.com/"

// startGood runs a Gateway web with a route that serves.
func startGood(t *testing.T) (*world, *traffic.Visitor) {
	t.Helper()
	w := start(t)
	w.apply(traffic.Gateway80("web"), traffic.HTTPRoute("good", "{name: web}", "good.example.com", toApp))
	w.serve("app")
	v := w.visit(w.programmed("web", 1), nil)
	w.serves(v, good, 200, "app")
	return w, v
}

// TestInvalidRoutesSayWhyAndCostNothingElse applies one mistake after the other to a Gateway that serves: each gets its condition and
// reason, and what is right goes on serving.
func TestInvalidRoutesSayWhyAndCostNothingElse(t *testing.T) {
	w, v := startGood(t)
	bad := func(parent, rules string) string { return traffic.HTTPRoute("bad", parent, "bad.example.com", rules) }
	tests := []struct {
		name              string
		manifest          string
		condition, reason string
	}{
		{"missing Service", bad("{name: web}", "  - backendRefs: [{name: nobody, port: 80}]\n"), "ResolvedRefs", "BackendNotFound"},
		{"missing port of a Service", bad("{name: web}", "  - backendRefs: [{name: app, port: 81}]\n"), "ResolvedRefs", "BackendNotFound"},
		{"backend of an unknown kind", bad("{name: web}", "  - backendRefs: [{group: example.com, kind: Bucket, name: app}]\n"), "ResolvedRefs", "InvalidKind"},
		{"backend of another namespace", bad("{name: web}", "  - backendRefs: [{name: app, namespace: default, port: 80}]\n"), "ResolvedRefs", "RefNotPermitted"},
		{"section that does not exist", bad("{name: web, sectionName: nowhere}", toApp), "Accepted", "NoMatchingParent"},
		{"port that no listener has", bad("{name: web, port: 81}", toApp), "Accepted", "NoMatchingParent"},
		{"expression that does not compile", bad("{name: web}",
			"  - matches: [{path: {type: RegularExpression, value: \"/a(\"}}]\n    backendRefs: [{name: app, port: 80}]\n"), "Accepted", "UnsupportedValue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.apply(tt.manifest)
			w.eventually(fmt.Sprintf("%s=False, %s", tt.condition, tt.reason), func() error {
				return w.routeSays(w.ns, "bad", tt.condition, tt.reason)
			})
			v.For(t).Want(good, 200, "app")
			w.delete(tt.manifest)
			w.gone(tt.manifest)
		})
	}
}

// TestInvalidGatewaysSayWhyAndCostNothingElse does the same with listeners.
func TestInvalidGatewaysSayWhyAndCostNothingElse(t *testing.T) {
	w, v := startGood(t)
	tests := []struct {
		name, manifest    string
		condition, reason string
		want              metav1.ConditionStatus
	}{
		{"protocol that does not exist", strings.Replace(traffic.Gateway80("bad"), "protocol: HTTP", "protocol: example.com/gopher", 1),
			"Accepted", "UnsupportedProtocol", metav1.ConditionFalse},
		{"kind of route that the protocol cannot carry", strings.Replace(traffic.Gateway80("bad"), "protocol: HTTP", "protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}", 1),
			"ResolvedRefs", "InvalidRouteKinds", metav1.ConditionFalse},
		{"two protocols on one port", traffic.Gateway80("bad") + "  - {name: raw, port: 80, protocol: TCP}\n",
			"Conflicted", "ProtocolConflict", metav1.ConditionTrue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.apply(tt.manifest)
			w.eventually(fmt.Sprintf("%s=%s, %s", tt.condition, tt.want, tt.reason), func() error {
				var g gwv1.Gateway
				if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "bad"}, &g); err != nil {
					return err
				}
				for _, l := range g.Status.Listeners {
					if c := meta.FindStatusCondition(l.Conditions, tt.condition); c != nil && c.Status == tt.want && c.Reason == tt.reason {
						return nil
					}
				}
				return fmt.Errorf("the listeners say %+v", g.Status.Listeners)
			})
			v.For(t).Want(good, 200, "app")
			w.delete(tt.manifest)
			w.gone(tt.manifest)
		})
	}
}

// TestWhatTheSchemaForbidsDoesNotComeIn: the CRDs that the chart installs are those of the Gateway API, with their rules.
func TestWhatTheSchemaForbidsDoesNotComeIn(t *testing.T) {
	w := start(t)
	for name, manifest := range map[string]string{
		"a port that is no number":             strings.Replace(traffic.Gateway80("bad"), "port: 80", "port: eighty", 1),
		"a field that does not exist":          strings.Replace(traffic.Gateway80("bad"), "  gatewayClassName", "  gatewayKlassName", 1),
		"two listeners of one port and name":   traffic.Gateway80("bad") + "  - {name: again, port: 80, protocol: HTTP}\n",
		"a target type that does not exist":    strings.Replace(nodePortConfig, "targetType: NodePort", "targetType: Carrier", 1),
		"a redirect and a backend in one rule": traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", "  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]\n    backendRefs: [{name: app, port: 80}]\n"),
	} {
		if err := w.tryApply(manifest); err == nil {
			t.Errorf("the API server took %s", name)
		}
	}
}

// TestRoutesThatTheirParentDoesNotTake say so, or say nothing where the parent is nobody's.
func TestRoutesThatTheirParentDoesNotTake(t *testing.T) {
	w, v := startGood(t)
	w.apply(strings.NewReplacer("HTTPRoute", "TCPRoute", "  hostnames: [bad.example.com]\n", "").Replace(traffic.HTTPRoute("bad", "{name: web}", "bad.example.com", toApp)))
	w.eventually("the TCPRoute to be refused by an HTTP listener", func() error {
		const reason = `jsonpath={.status.parents[*].conditions[?(@.type=="Accepted")].reason}`
		if said := w.kubectl("get", "tcproute", "-n", w.ns, "bad", "-o", reason); said != "NotAllowedByListeners" {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	// Nobody answers for these, Cloudgate neither. It has looked at them when it has looked at what came after.
	lost := traffic.HTTPRoute("lost", "{name: nowhere}", "lost.example.com", toApp)
	gold := strings.Replace(traffic.Gateway80("gold"), "gatewayClassName: fake", "gatewayClassName: gold", 1)
	w.apply(lost, gold, traffic.HTTPRoute("more", "{name: web}", "more.example.com", toApp))
	w.serves(v, "http://more.example.com/", 200, "app")
	if said := w.kubectl("get", "httproute", "-n", w.ns, "lost", "-o", "jsonpath={.status}"); said != "" {
		t.Errorf("a route whose Gateway does not exist says %s", said)
	}
	if said := w.kubectl("get", "gateway", "-n", w.ns, "gold", "-o", `jsonpath={.status.addresses}{.metadata.finalizers}{.status.conditions[?(@.status=="True")]}`); said != "" {
		t.Errorf("a Gateway whose class does not exist says %s", said)
	}
	v.Want(good, 200, "app")
}

// TestMissingBackendAnswers500 in its share of the weight.
func TestMissingBackendAnswers500(t *testing.T) {
	w, v := startGood(t)
	w.apply(traffic.HTTPRoute("half", "{name: web}", "half.example.com",
		"  - backendRefs: [{name: app, port: 80, weight: 1}, {name: nobody, port: 80, weight: 1}]\n"))
	w.serves(v, "http://half.example.com/", 200, "app")
	counts := map[string]int{}
	for range 200 {
		counts[fmt.Sprint(v.Must("http://half.example.com/").Status)]++
	}
	traffic.WantShare(t, counts, "500", 50, 5)
	traffic.WantShare(t, counts, "200", 50, 5)
}

// TestBadCertificateCostsItsListenerOnly: the other listeners, of the same port too, go on serving.
func TestBadCertificateCostsItsListenerOnly(t *testing.T) {
	w, v := startGood(t)
	certificate := traffic.NewCertificate(t, "good.example.com")
	w.secret("good", certificate)
	w.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ntype: kubernetes.io/tls\nstringData: {tls.crt: nonsense, tls.key: nonsense}\n",
		traffic.Gateway80("web")+`  - {name: good, port: 443, protocol: HTTPS, hostname: good.example.com, tls: {certificateRefs: [{name: good}]}}
  - {name: bad, port: 443, protocol: HTTPS, hostname: bad.example.com, tls: {certificateRefs: [{name: bad}]}}
`)
	w.eventually("the bad listener to be judged", func() error {
		var g gwv1.Gateway
		if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "web"}, &g); err != nil {
			return err
		}
		if len(g.Status.Listeners) != 3 {
			return fmt.Errorf("%d listeners in status", len(g.Status.Listeners))
		}
		for _, l := range g.Status.Listeners {
			condition, want, reason := "Programmed", metav1.ConditionTrue, "Programmed"
			if l.Name == "bad" {
				condition, want, reason = "ResolvedRefs", metav1.ConditionFalse, "InvalidCertificateRef"
			}
			if c := meta.FindStatusCondition(l.Conditions, condition); c == nil || c.Status != want || c.Reason != reason {
				return fmt.Errorf("listener %s: %+v", l.Name, c)
			}
		}
		return nil
	})
	v.Transport.TLSClientConfig.RootCAs = certificate.Pool()
	w.serves(v, "https://good.example.com/", 200, "app")
	v.Want(good, 200, "app")

	w.secret("bad", traffic.NewCertificate(t, "bad.example.com")) // mended
	w.programmed("web", 2)                                        // the route is of http and good
}
