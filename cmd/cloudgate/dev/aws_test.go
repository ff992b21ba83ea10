package dev_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
)

const awsManifest = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: aws
  listeners:
  - {name: http, port: 18080, protocol: HTTP}
  - {name: db, port: 15432, protocol: TCP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app}
spec:
  parentRefs: [{name: web, sectionName: http}]
  rules:
  - {matches: [{path: {value: /app}}], backendRefs: [{name: app, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: db}
spec:
  parentRefs: [{name: web, sectionName: db}]
  rules: [{backendRefs: [{name: app, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{name: http, port: 80, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: app-1, labels: {kubernetes.io/service-name: app}}
addressType: IPv4
ports: [{name: http, port: %d, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1]}]
`

// A Gateway of the class aws gets both sorts of load balancers from the fake AWS in the process, and both carry traffic.
func TestAWS(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the backend") }))
	defer backend.Close()
	port := netip.MustParseAddrPort(backend.Listener.Addr().String()).Port()
	file := filepath.Join(t.TempDir(), "manifests.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, awsManifest, port), 0o600); err != nil {
		t.Fatal(err)
	}
	states := make(chan dev.State, 1000)
	d, err := dev.New(dev.Config{Paths: []string{file}, Pool: netip.MustParsePrefix("127.83.7.0/24"), Show: func(_ context.Context, _ *dev.Dev, s dev.State) error {
		states <- s
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	gw := converged(t, states)
	if !slices.ContainsFunc(gw.Addresses, func(a string) bool { return strings.HasSuffix(a, ".us-east-1.elb.amazonaws.com") }) ||
		!slices.ContainsFunc(gw.Addresses, func(a string) bool { return strings.HasSuffix(a, ".elb.us-east-1.amazonaws.com") }) {
		t.Errorf("addresses are %v, want an Application and a Network Load Balancer's", gw.Addresses)
	}
	for _, l := range gw.Listeners {
		answers(t, "http://"+l.Endpoint+"/app")
	}
}

// converged waits until everything is programmed, and returns the Gateway.
func converged(t *testing.T, states <-chan dev.State) dev.Gateway {
	t.Helper()
	over := time.After(time.Minute)
	var last dev.State
	for {
		select {
		case last = <-states:
		case <-over:
			t.Fatalf("not everything is programmed: %v %v", last.Problems, last.Pending)
		}
		if last.Converged && len(last.Gateways) == 1 && last.Gateways[0].Programmed && last.AWS != "" {
			return last.Gateways[0]
		}
	}
}

// answers waits until the backend answers at a URL: targets are checked first.
func answers(t *testing.T, url string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	last := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		answer, err := client.Get(url)
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if last = answer.Status + " " + string(body); string(body) == "the backend" {
			return
		}
	}
	t.Errorf("GET %s: %s, want the backend's answer", url, last)
}
