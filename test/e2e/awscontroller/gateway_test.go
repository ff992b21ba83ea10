package awscontroller

import (
	"fmt"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const gatewayHost = ".status.addresses[0].value"

// albGateway is a Gateway of the controller's own class, with what it has no words for in the controller's own objects.
func (w *world) albGateway() string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: aws-alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: LoadBalancerConfiguration
metadata: {name: public}
spec:
  scheme: internet-facing
  listenerConfigurations:
  - {protocolPort: "HTTPS:443", defaultCertificate: %s}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: TargetGroupConfiguration
metadata: {name: shop}
spec:
  targetReference: {name: shop}
  defaultConfiguration:
    targetType: ip
    healthCheckConfig: {healthCheckPath: /readyz, healthCheckPort: "8081", healthCheckInterval: 5, healthCheckTimeout: 2}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: TargetGroupConfiguration
metadata: {name: cart}
spec:
  targetReference: {name: cart}
  defaultConfiguration: {targetType: ip}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: aws-alb
  infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: public}}
  listeners:
  - {name: http, protocol: HTTP, port: 80}
  - {name: https, protocol: HTTPS, port: 443, hostname: "*.example.com", tls: {certificateRefs: [{name: unused}]}}
`, w.arn)
}

// albRoute has a redirect, a rewrite, weights, and a match by everything.
func albRoute(old, new int, more string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: web}]
  hostnames: [gw.example.com]
  rules:
%[3]s  - matches: [{path: {type: Exact, value: /cart}}, {path: {type: PathPrefix, value: /carts}, headers: [{name: X-Beta, value: "1"}], method: GET}]
    backendRefs: [{name: cart, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /moved}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example.com, statusCode: 302}}]
  - matches: [{path: {type: PathPrefix, value: /canary}}]
    backendRefs: [{name: shop, port: 80, weight: %[1]d}, {name: cart, port: 80, weight: %[2]d}]
  - backendRefs: [{name: shop, port: 80}]
`, old, new, more)
}

func (w *world) openGateway() {
	w.serve(app{name: "shop"}, app{name: "cart"})
	w.apply(w.albGateway() + "---\n" + albRoute(1, 3, ""))
	v := w.visit(w.hostname("gateway", "web", gatewayHost))
	w.serves(v, "http://gw.example.com/", 200, "shop")
	w.serves(v, "https://gw.example.com/", 200, "shop")
	w.serves(v, "https://gw.example.com/cart", 200, "cart")
	v.Want("https://gw.example.com/carts", 200, "shop")
	if a := v.Send("GET", "https://gw.example.com/carts", "X-Beta", "1"); !a.From("cart") {
		w.Errorf("got %d by %q, want the match by header and method", a.Status, a.Backend())
	}
	if a := v.Must("http://gw.example.com/moved/x"); a.Status != 302 || a.Header.Get("Location") != "http://new.example.com:80/moved/x" {
		w.Errorf("got %d to %q, want a redirect", a.Status, a.Header.Get("Location"))
	}
	traffic.WantShare(w, v.Tally("https://gw.example.com/canary", 400), "cart", 75, 10)
}

func (w *world) editGateway() {
	v := w.visit(w.hostname("gateway", "web", gatewayHost))
	load := v.Ask("https://gw.example.com/", 1, 20)
	w.apply(albRoute(1, 0, "  - matches: [{path: {type: PathPrefix, value: /new}}]\n    backendRefs: [{name: cart, port: 80}]\n"))
	w.serves(v, "https://gw.example.com/new", 200, "cart")
	w.eventually("the weights to hold", func() error { return v.Answers("https://gw.example.com/canary", 200, "shop") })
	traffic.WantShare(w, v.Tally("https://gw.example.com/canary", 200), "shop", 100, 0)
	load.End()
}

// nlbGateway is a Gateway with an NLB, TCP with weights and UDP on ports of their own.
func nlbGateway(port int) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: aws-nlb}
spec: {controllerName: gateway.k8s.aws/nlb}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: TargetGroupConfiguration
metadata: {name: echo}
spec:
  targetReference: {name: echo}
  defaultConfiguration:
    targetType: ip
    healthCheckConfig: {healthCheckPort: "8081", healthCheckInterval: 5}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: TargetGroupConfiguration
metadata: {name: other}
spec:
  targetReference: {name: other}
  defaultConfiguration:
    targetType: ip
    healthCheckConfig: {healthCheckPort: "8081", healthCheckInterval: 5}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: streams}
spec:
  gatewayClassName: aws-nlb
  listeners:
  - {name: lines, protocol: TCP, port: %[1]d, allowedRoutes: {kinds: [{kind: TCPRoute}]}}
  - {name: datagrams, protocol: UDP, port: 7001, allowedRoutes: {kinds: [{kind: UDPRoute}]}}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: lines}
spec:
  parentRefs: [{name: streams, sectionName: lines}]
  rules: [{backendRefs: [{name: echo, port: 7000, weight: 1}, {name: other, port: 7000, weight: 1}]}]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: UDPRoute
metadata: {name: datagrams}
spec:
  parentRefs: [{name: streams, sectionName: datagrams}]
  rules: [{backendRefs: [{name: echo, port: 7001}]}]
`, port)
}

func (w *world) openStreams() {
	w.serve(app{name: "echo"}, app{name: "other"})
	w.apply(nlbGateway(7000))
	host := w.hostname("gateway", "streams", gatewayHost)
	w.speaks("tcp", host, "7000", "echo")
	w.speaks("tcp", host, "7000", "other")
	w.speaks("udp", host, "7001", "echo")
}

func (w *world) editStreams() {
	w.apply(nlbGateway(7002))
	w.speaks("tcp", w.hostname("gateway", "streams", gatewayHost), "7002", "echo")
}
