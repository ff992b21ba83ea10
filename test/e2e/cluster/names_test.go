package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// zoneForCoreDNS is what docs/install.md tells users to put into CoreDNS's Corefile, for the DNS server at an address.
func zoneForCoreDNS(t *testing.T, server string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	zone := regexp.MustCompile(`(?ms)^fakecloud\.test:53 \{.*?^\}\n`).FindString(string(text))
	if zone == "" || !strings.Contains(zone, "10.96.0.53") {
		t.Fatalf("docs/install.md tells of no zone for CoreDNS, or of another address: %q", zone)
	}
	return strings.Replace(zone, "10.96.0.53", server, 1)
}

func (w *world) clusterIP(namespace, service string) string {
	w.Helper()
	var s corev1.Service
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: service}, &s); err != nil {
		w.Fatal(err)
	}
	return s.Spec.ClusterIP
}

// TestNamesOfLoadBalancers: with the zone of the documentation in CoreDNS, the cluster resolves the names of load balancers.
func TestNamesOfLoadBalancers(t *testing.T) {
	w, _ := startApp(t, app{name: "app", replicas: 1})
	address := w.programmed("web", 1).address
	var config corev1.ConfigMap
	key := client.ObjectKey{Namespace: "kube-system", Name: "coredns"}
	put := func(ctx context.Context, corefile string) error {
		if err := w.client.Get(ctx, key, &config); err != nil {
			return err
		}
		config.Data["Corefile"] = corefile
		return w.client.Update(ctx, &config)
	}
	if err := w.client.Get(w.ctx, key, &config); err != nil {
		t.Fatal(err)
	}
	was := config.Data["Corefile"]
	t.Cleanup(func() {
		if err := put(context.Background(), was); err != nil {
			t.Errorf("giving CoreDNS its configuration back: %v", err)
		}
	})
	if err := put(w.ctx, was+"\n"+zoneForCoreDNS(t, w.clusterIP(system, "fake-cloud-dns"))); err != nil {
		t.Fatal(err)
	}
	// A kubelet gives a changed ConfigMap to a pod within a minute or two, to a new pod at once.
	w.kubectl("rollout", "restart", "-n", key.Namespace, "deployment/coredns")
	w.kubectl("rollout", "status", "-n", key.Namespace, "deployment/coredns", "--timeout=90s")
	var all struct {
		Items []struct {
			DNSName string   `json:"dnsName"`
			IPs     []string `json:"ips"`
		} `json:"items"`
	}
	if err := w.cloud.Call("GET", "/v1/loadbalancers", nil, &all); err != nil {
		t.Fatal(err)
	}
	var name string
	for _, lb := range all.Items {
		if slices.Contains(lb.IPs, address) {
			name = lb.DNSName
		}
	}
	if name == "" {
		t.Fatalf("no load balancer has the address %s: %+v", address, all)
	}
	server := net.JoinHostPort(w.clusterIP("kube-system", "kube-dns"), "53")
	for _, network := range []string{"udp", "tcp"} {
		resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server)
		}}
		traffic.Eventually(t, "the cluster to resolve "+name+" over "+network, func() error {
			got, err := resolver.LookupHost(w.ctx, name+".")
			if err == nil && !slices.Equal(got, []string{address}) {
				err = fmt.Errorf("%v, want %s", got, address)
			}
			return err
		})
	}
}
