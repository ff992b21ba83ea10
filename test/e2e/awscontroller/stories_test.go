package awscontroller

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// TestController tells what users of the controller do: what they apply serves, costs no call while it stays as it is, can be edited, and
// leaves nothing behind.
func TestController(t *testing.T) {
	if cluster == "" {
		t.Skip("no cluster: run make e2e-aws-controller")
	}
	a, err := openAccount(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.install(false); err != nil {
		t.Fatal(err)
	}
	t.Run("Ingress", func(t *testing.T) {
		w := start(t, a)
		w.ingress()
	})
}

// imports imports a certificate for names below example.com into ACM.
func (w *world) imports() {
	w.Helper()
	w.certificate = traffic.NewCertificate(w, "*.example.com", "example.com")
	out, err := w.acm.ImportCertificate(context.Background(), &acm.ImportCertificateInput{Certificate: w.certificate.Chain, PrivateKey: w.certificate.Key})
	if err != nil {
		w.Fatal(err)
	}
	w.arn = *out.CertificateArn
}

// shop is an Ingress with two rules, and a third with weights, on HTTP and HTTPS; its targets are pods.
func (w *world) shop(old, new int) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    alb.ingress.kubernetes.io/scheme: internet-facing
    alb.ingress.kubernetes.io/target-type: ip
    alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'
    alb.ingress.kubernetes.io/certificate-arn: %[1]s
    alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
    alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "2"
    alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=120
    alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=5
    alb.ingress.kubernetes.io/tags: team=edge
    alb.ingress.kubernetes.io/actions.canary: >
      {"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"shop","servicePort":"80","weight":%[2]d},
      {"serviceName":"cart","servicePort":"80","weight":%[3]d}]}}
    alb.ingress.kubernetes.io/actions.sorry: >
      {"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"410","messageBody":"gone"}}
spec:
  ingressClassName: alb
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
      - {path: /canary, pathType: Prefix, backend: {service: {name: canary, port: {name: use-annotation}}}}
      - {path: /old, pathType: Exact, backend: {service: {name: sorry, port: {name: use-annotation}}}}
      - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
`, w.arn, old, new)
}

func (w *world) ingress() {
	w.imports()
	w.serve(app{name: "shop"}, app{name: "cart"})
	w.apply(w.shop(1, 3))
	v := w.visit(w.hostname("ingress", "shop", ".status.loadBalancer.ingress[0].hostname"))
	w.serves(v, "http://shop.example.com/", 200, "shop")
	w.serves(v, "http://shop.example.com/cart/1", 200, "cart")
	w.serves(v, "https://shop.example.com/cart/1", 200, "cart")
	w.serves(v, "https://shop.example.com/old", 410, "")
	traffic.WantShare(w, v.Tally("https://shop.example.com/canary", 400), "cart", 75, 10)
	v.Want("http://other.example.com/", 404, "")
}
