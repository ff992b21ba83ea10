package awscontroller

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// lines is a Service with an NLB that reaches pods: TCP, TLS that ends there, and UDP.
func (w *world) lines(ports, more string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: lines
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-ssl-cert: %s
    service.beta.kubernetes.io/aws-load-balancer-ssl-ports: "443"
    service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol: http
    service.beta.kubernetes.io/aws-load-balancer-healthcheck-port: "8081"
    service.beta.kubernetes.io/aws-load-balancer-healthcheck-path: /readyz
    service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval: "5"
    service.beta.kubernetes.io/aws-load-balancer-attributes: load_balancing.cross_zone.enabled=true
    service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: deregistration_delay.timeout_seconds=5
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: echo}
  ports:
  - {name: lines, port: 7000, targetPort: 7000}
  - {name: web, port: 443, targetPort: 8080}
%s%s`, w.arn, ports, more)
}

func (w *world) openService() {
	w.serve(app{name: "echo"})
	w.apply(w.lines("  - {name: datagrams, port: 7001, targetPort: 7001, protocol: UDP}\n", ""))
	host := w.hostname("service", "lines", ingressHost)
	w.speaks("tcp", host, "7000", "echo")
	w.speaks("udp", host, "7001", "echo")
	w.serves(w.visit(host), "https://lines.example.com/", 200, "echo")
}

// editService takes a port away, adds another, and says who may come.
func (w *world) editService() {
	w.apply(w.lines("  - {name: other, port: 7002, targetPort: 7000}\n", "  loadBalancerSourceRanges: [172.30.0.0/16]\n"))
	host := w.hostname("service", "lines", ingressHost)
	w.speaks("tcp", host, "7002", "echo")
	w.eventually("the security group to name the range alone", func() error {
		got := w.ranges(host)
		if want := []string{"172.30.0.0/16"}; !slices.Equal(got, want) {
			return fmt.Errorf("it lets %q in, want %q", got, want)
		}
		return nil
	})
}

// local is a Service whose NLB reaches nodes.
func local(policy string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: local
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-type: external
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: instance
    service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval: "5"
spec:
  type: LoadBalancer
  externalTrafficPolicy: %s
  selector: {app: echo}
  ports: [{name: lines, port: 7000, targetPort: 7000}]
`, policy)
}

// openNodes: where only nodes with a pod take traffic, the others fail their health checks.
func (w *world) openNodes() {
	w.serve(app{name: "echo"})
	w.apply(local("Local"))
	host := w.hostname("service", "local", ingressHost)
	w.speaks("tcp", host, "7000", "echo")
	w.healthy(host, 1)
}

func (w *world) editNodes() {
	w.apply(local("Cluster"))
	host := w.hostname("service", "local", ingressHost)
	w.healthy(host, 2)
	w.speaks("tcp", host, "7000", "echo")
}

// balancer finds a load balancer by its name in DNS.
func (w *world) balancer(host string) types.LoadBalancer {
	w.Helper()
	out, err := w.elb.DescribeLoadBalancers(context.Background(), &elbv2.DescribeLoadBalancersInput{})
	if err != nil {
		w.Fatal(err)
	}
	for _, b := range out.LoadBalancers {
		if *b.DNSName == host {
			return b
		}
	}
	w.Fatalf("no load balancer has the name %s", host)
	return types.LoadBalancer{}
}

// healthy waits until so many of the two nodes are healthy targets of a load balancer.
func (w *world) healthy(host string, want int) {
	w.Helper()
	ctx := context.Background()
	w.eventually(fmt.Sprintf("%d healthy nodes", want), func() error {
		groups, err := w.elb.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{LoadBalancerArn: w.balancer(host).LoadBalancerArn})
		if err != nil {
			return err
		}
		if len(groups.TargetGroups) != 1 {
			return fmt.Errorf("%d target groups", len(groups.TargetGroups))
		}
		out, err := w.elb.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: groups.TargetGroups[0].TargetGroupArn})
		if err != nil {
			return err
		}
		var states []string
		for _, d := range out.TargetHealthDescriptions {
			states = append(states, string(d.TargetHealth.State))
		}
		slices.Sort(states)
		wanted := slices.Repeat([]string{"healthy"}, want)
		for range 2 - want {
			wanted = append(wanted, "unhealthy")
		}
		if !slices.Equal(states, wanted) {
			return fmt.Errorf("targets are %q, want %q", states, wanted)
		}
		return nil
	})
}

// speaks waits until a backend answers a line or a datagram with its name in front.
func (w *world) speaks(network, host, port, backend string) {
	w.Helper()
	w.eventually(network+" port "+port+" to be answered", func() error {
		address, err := w.lookup(host)
		if err != nil {
			return err
		}
		conn, err := net.DialTimeout(network, net.JoinHostPort(address, port), 5*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := fmt.Fprintln(conn, "hello"); err != nil {
			return err
		}
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(answer, backend+"-") || !strings.HasSuffix(answer, ": hello\n") {
			return errors.New("the answer is " + answer)
		}
		return nil
	})
}
