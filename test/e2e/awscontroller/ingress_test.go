package awscontroller

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const ingressHost = ".status.loadBalancer.ingress[0].hostname"

// shop is an Ingress whose targets are pods, on HTTP and HTTPS: rules by path, weights, a fixed response.
func (w *world) shop(old, new int, annotations, paths string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    alb.ingress.kubernetes.io/scheme: internet-facing
    alb.ingress.kubernetes.io/target-type: ip
    alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'
    alb.ingress.kubernetes.io/certificate-arn: %[1]s
    alb.ingress.kubernetes.io/ssl-policy: ELBSecurityPolicy-TLS13-1-2-2021-06
    alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
    alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "2"
    alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=120,routing.http.drop_invalid_header_fields.enabled=true
    alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=5
    alb.ingress.kubernetes.io/tags: team=edge
    alb.ingress.kubernetes.io/actions.canary: >
      {"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"shop","servicePort":"80","weight":%[2]d},
      {"serviceName":"cart","servicePort":"80","weight":%[3]d}]}}
    alb.ingress.kubernetes.io/actions.sorry: >
      {"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"410","messageBody":"gone"}}
%[4]s
spec:
  ingressClassName: alb
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
      - {path: /canary, pathType: Prefix, backend: {service: {name: canary, port: {name: use-annotation}}}}
      - {path: /old, pathType: Exact, backend: {service: {name: sorry, port: {name: use-annotation}}}}
%[5]s
      - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
`, w.arn, old, new, annotations, paths)
}

func (w *world) openShop() {
	// New pods are ready once the load balancer sends them requests.
	w.kubectl("", "label", "namespace", w.ns, "elbv2.k8s.aws/pod-readiness-gate-inject=enabled")
	w.serve(app{name: "shop"}, app{name: "cart"})
	w.apply(w.shop(1, 3, "", ""))
	v := w.visit(w.hostname("ingress", "shop", ingressHost))
	w.serves(v, "http://shop.example.com/", 200, "shop")
	w.serves(v, "http://shop.example.com/cart/1", 200, "cart")
	w.serves(v, "https://shop.example.com/cart/1", 200, "cart")
	w.serves(v, "https://shop.example.com/old", 410, "")
	traffic.WantShare(w, v.Tally("https://shop.example.com/canary", 400), "cart", 75, 10)
	v.Want("http://other.example.com/", 404, "")
}

// editShop changes weights, adds a rule, and replaces all pods while clients ask.
func (w *world) editShop() {
	v := w.visit(w.hostname("ingress", "shop", ingressHost))
	load := v.Ask("https://shop.example.com/cart/1", 2, 20)
	w.apply(w.shop(1, 0, "", "      - {path: /new, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}"))
	w.serves(v, "https://shop.example.com/new", 200, "cart")
	w.eventually("the weights to hold", func() error { return v.Answers("https://shop.example.com/canary", 200, "shop") })
	traffic.WantShare(w, v.Tally("https://shop.example.com/canary", 200), "shop", 100, 0)
	w.kubectl("", "scale", "-n", w.ns, "deployment/cart", "--replicas=3")
	w.eventually("three pods to answer", func() error {
		if by := v.Tally("https://shop.example.com/cart/1", 30); len(by) != 3 {
			return fmt.Errorf("%v answered", by)
		}
		return nil
	})
	w.kubectl("", "rollout", "restart", "-n", w.ns, "deployment/cart")
	w.kubectl("", "rollout", "status", "-n", w.ns, "deployment/cart", "--timeout=3m")
	if gates := w.kubectl("", "get", "pods", "-n", w.ns, "-l", "app=cart", "-o", "jsonpath={.items[*].spec.readinessGates[*].conditionType}"); !strings.Contains(gates, "target-health.elbv2.k8s.aws/") {
		w.Errorf("the controller's webhook gave the pods no readiness gate: %q", gates)
	}
	load.End()
}

// group is two Ingresses that share an ALB within the VPC, whose targets are nodes.
func (w *world) group(scheme string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations:
    alb.ingress.kubernetes.io/group.name: team
    alb.ingress.kubernetes.io/scheme: %[1]s
    alb.ingress.kubernetes.io/target-type: instance
    alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'
    alb.ingress.kubernetes.io/certificate-arn: %[2]s
    alb.ingress.kubernetes.io/ssl-redirect: "443"
    alb.ingress.kubernetes.io/target-group-attributes: stickiness.enabled=true,stickiness.lb_cookie.duration_seconds=60
spec:
  ingressClassName: alb
  rules:
  - host: team.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}
`, scheme, w.arn)
}

// groupAPI is the other Ingress of the group: it comes first, has the controller find the certificate, rewrites paths, and asks for a header, a method and a query.
func (w *world) groupAPI(scheme string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: api
  annotations:
    alb.ingress.kubernetes.io/group.name: team
    alb.ingress.kubernetes.io/group.order: "-10"
    alb.ingress.kubernetes.io/scheme: %[1]s
    alb.ingress.kubernetes.io/target-type: instance
    alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'
    alb.ingress.kubernetes.io/transforms.api: >
      [{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^\\/api\\/(.+)$","replace":"/$1"}]}}]
    alb.ingress.kubernetes.io/conditions.beta: >
      [{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-Beta","values":["1*"]}},
      {"field":"query-string","queryStringConfig":{"values":[{"key":"q","value":"a"}]}},
      {"field":"http-request-method","httpRequestMethodConfig":{"Values":["GET"]}}]
    alb.ingress.kubernetes.io/actions.beta: >
      {"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"203","messageBody":"beta"}}
spec:
  ingressClassName: alb
  rules:
  - host: team.example.com
    http:
      paths:
      - {path: /beta, pathType: Exact, backend: {service: {name: beta, port: {name: use-annotation}}}}
      - {path: /api, pathType: Prefix, backend: {service: {name: api, port: {name: http}}}}
`, scheme)
}

func (w *world) openGroup() {
	w.serve(app{name: "web", service: "  type: NodePort\n"}, app{name: "api", service: "  type: NodePort\n"})
	w.apply(w.group("internal") + "---\n" + w.groupAPI("internal"))
	v := w.visit(w.hostname("ingress", "web", ingressHost))
	w.serves(v, "https://team.example.com/", 200, "web")
	w.serves(v, "https://team.example.com/api/orders", 200, "api")
	if a := v.Must("https://team.example.com/api/orders"); a.Echo.Path != "/orders" {
		w.Errorf("the path is not rewritten: got %q", a.Echo.Path)
	}
	if a := v.Must("http://team.example.com/x?y=1"); a.Status != 301 || a.Header.Get("Location") != "https://team.example.com:443/x?y=1" {
		w.Errorf("got %d to %q, want a redirect to HTTPS", a.Status, a.Header.Get("Location"))
	}
	if a := v.Send(http.MethodGet, "https://team.example.com/beta?q=a", "X-Beta", "17"); a.Status != 203 {
		w.Errorf("got %d, want the rule of three conditions to answer 203", a.Status)
	}
	v.Want("https://team.example.com/beta?q=b", 200, "web")
}

// editGroup makes the group public, which takes another load balancer, and takes an Ingress out of it.
func (w *world) editGroup() {
	was := w.hostname("ingress", "web", ingressHost)
	w.kubectl("", "delete", "ingress", "api", "-n", w.ns, "--wait", "--timeout=3m")
	w.apply(w.group("internet-facing"))
	var host string
	w.eventually("another load balancer", func() (err error) {
		if host, err = w.get("ingress", "web", ingressHost); err == nil && (host == "" || host == was) {
			err = fmt.Errorf("it is %q", host)
		}
		return err
	})
	v := w.visit(host)
	w.serves(v, "https://team.example.com/api/orders", 200, "web")
}
