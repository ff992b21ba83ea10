package awscontroller

import (
	"errors"
	"fmt"
	"strings"
)

// front is an Ingress within the VPC whose ALB is the target of an NLB, speaks TLS to pods, and has many settings of AWS's.
func front(nlb bool) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: front
  annotations:
    alb.ingress.kubernetes.io/scheme: internal
    alb.ingress.kubernetes.io/target-type: ip
    alb.ingress.kubernetes.io/enable-frontend-nlb: "%t"
    alb.ingress.kubernetes.io/frontend-nlb-scheme: internet-facing
    alb.ingress.kubernetes.io/frontend-nlb-healthcheck-success-codes: 200-499
    alb.ingress.kubernetes.io/minimum-load-balancer-capacity: CapacityUnits=200
    alb.ingress.kubernetes.io/backend-protocol: HTTPS
    alb.ingress.kubernetes.io/healthcheck-port: "8081"
    alb.ingress.kubernetes.io/healthcheck-protocol: HTTP
    alb.ingress.kubernetes.io/healthcheck-path: /readyz
    alb.ingress.kubernetes.io/success-codes: 200-204,301
    alb.ingress.kubernetes.io/inbound-cidrs: 172.30.0.0/16,10.0.0.0/8
    alb.ingress.kubernetes.io/listener-attributes.HTTP-80: routing.http.response.server.enabled=false,routing.http.response.x_frame_options.header_value=DENY
    alb.ingress.kubernetes.io/target-group-attributes: load_balancing.algorithm.type=weighted_random,load_balancing.algorithm.anomaly_mitigation=on,target_group_health.dns_failover.minimum_healthy_targets.count=1
    alb.ingress.kubernetes.io/load-balancer-attributes: routing.http2.enabled=false,routing.http.xff_header_processing.mode=preserve,zonal_shift.config.enabled=true
spec:
  ingressClassName: alb
  defaultBackend: {service: {name: echo, port: {name: https}}}
`, nlb)
}

func (w *world) openFront() {
	w.serve(app{name: "echo"})
	w.apply(front(true))
	w.frontServes(w.hostname("ingress", "front", ".status.loadBalancer.ingress[1].hostname"))
}

// editFront takes the NLB away; the ALB stays.
func (w *world) editFront() {
	w.apply(front(false))
	w.eventually("the NLB to be gone", func() error {
		hosts, err := w.get("ingress", "front", ".status.loadBalancer.ingress[*].hostname")
		if err == nil && len(strings.Fields(hosts)) != 1 {
			err = errors.New("the Ingress has " + hosts)
		}
		return err
	})
	w.frontServes(w.hostname("ingress", "front", ingressHost))
}

// frontServes asks the ALB, by itself or through the NLB, and looks for what a setting adds to its answers.
func (w *world) frontServes(host string) {
	w.Helper()
	v := w.visit(host)
	w.serves(v, "http://front.example.com/", 200, "echo")
	if got := v.Must("http://front.example.com/").Header.Get("X-Frame-Options"); got != "DENY" {
		w.Errorf("X-Frame-Options is %q, want what the attribute of the listener says", got)
	}
}
