package cluster

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const (
	zone    = "extdns.test"
	tsigKey = "external-dns"
)

// nameserver is a BIND with a configuration and a zone of its own, on the network outside of the cluster.
type nameserver struct {
	host     string
	port     int
	secret   string
	resolver *net.Resolver
}

// bind starts a BIND whose zone changes by signed updates alone, and ends it with the test.
func (w *world) bind(near string) nameserver {
	w.Helper()
	program, err := exec.LookPath("named")
	if err != nil {
		w.Fatal("BIND is missing: apt-get install bind9")
	}
	host, port := freePort(w, near)
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		w.Fatal(err)
	}
	n := nameserver{host: host, port: port, secret: base64.StdEncoding.EncodeToString(raw)}
	n.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, n.address())
	}}
	dir := w.TempDir()
	config := fmt.Sprintf(`key %[4]q { algorithm hmac-sha256; secret %[5]q; };
controls { };
options {
	directory %[1]q; pid-file none; session-keyfile "%[1]s/session.key"; lock-file none; managed-keys-directory %[1]q;
	listen-on port %[3]d { %[2]s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no;
};
zone %[6]q { type primary; file "zone"; allow-transfer { key %[4]q; }; update-policy { grant %[4]q zonesub ANY; }; };
`, dir, n.host, n.port, tsigKey, n.secret, zone)
	content := fmt.Sprintf("$TTL 60\n@ IN SOA ns.%[1]s. admin.%[1]s. 1 60 60 60 1\n@ IN NS ns.%[1]s.\nns IN A %[2]s\n", zone, n.host)
	file := filepath.Join(dir, "named.conf")
	if err := errors.Join(os.WriteFile(file, []byte(config), 0o600), os.WriteFile(filepath.Join(dir, "zone"), []byte(content), 0o600)); err != nil {
		w.Fatal(err)
	}
	w.daemon(program, "-g", "-n", "1", "-c", file)
	w.eventually("BIND to answer", func() error { return n.resolves("ns", n.host) })
	return n
}

func (n nameserver) address() string { return net.JoinHostPort(n.host, strconv.Itoa(n.port)) }

// freePort finds the address of this side on the way to a load balancer, and a port that is free for UDP and TCP.
func freePort(w *world, near string) (string, int) {
	w.Helper()
	probe, err := net.Dial("udp", net.JoinHostPort(near, "9")) // sends nothing
	if err != nil {
		w.Fatal(err)
	}
	defer probe.Close()
	host := probe.LocalAddr().(*net.UDPAddr).IP.String()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		w.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	u, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		w.Fatal(err)
	}
	defer u.Close()
	return host, port
}

// resolves returns nil when a name of the zone has these addresses and no others. None wanted: the name has none.
func (n nameserver) resolves(name string, want ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := n.resolver.LookupHost(ctx, name+"."+zone+".")
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		got, err = nil, nil
	}
	if err != nil {
		return err
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s has the addresses %q, want %q", name, got, want)
	}
	return nil
}

// owned returns nil when external-dns has noted that a name is its own, or, for false, that nothing is noted any more.
func (n nameserver) owned(name string, want bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	notes, err := n.resolver.LookupTXT(ctx, "a-"+name+"."+zone+".")
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		err = nil
	}
	if err != nil {
		return err
	}
	if got := len(notes) > 0; got != want {
		return fmt.Errorf("%s has the notes %q", name, notes)
	}
	return nil
}

// daemon runs a program until the end of the test, and shows what it said when the test failed.
func (w *world) daemon(program string, args ...string) {
	w.Helper()
	log, err := os.Create(filepath.Join(w.TempDir(), filepath.Base(program)+".log"))
	if err != nil {
		w.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			w.Errorf("%s ended before the test did: %v", program, err)
		}
		_ = cmd.Wait() // it says that it was asked to end
		log.Close()
		if w.Failed() {
			said, err := os.ReadFile(log.Name())
			w.Logf("%s said %s %v", program, said, err)
		}
	})
}

// reader is the account of external-dns, with what its own chart grants for these sources and no more.
const reader = `apiVersion: v1
kind: ServiceAccount
metadata: {name: external-dns}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %[1]s-external-dns}
rules:
- {apiGroups: [""], resources: [namespaces], verbs: [get, watch, list]}
- {apiGroups: [gateway.networking.k8s.io], resources: [gateways, httproutes, grpcroutes, tlsroutes, tcproutes, udproutes], verbs: [get, watch, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s-external-dns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s-external-dns}
subjects: [{kind: ServiceAccount, name: external-dns, namespace: %[1]s}]
`

// kubeconfig writes a kubeconfig with a token of a service account of the test, and nothing else that opens doors.
func (w *world) kubeconfig(account string) string {
	w.Helper()
	token := strings.TrimSpace(w.kubectl("create", "token", "-n", w.ns, account))
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: u, user: {token: %s}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`, w.config.Host, base64.StdEncoding.EncodeToString(w.authority()), token)
	file := filepath.Join(w.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

// authority is the certificate of the API server's authority.
func (w *world) authority() []byte {
	w.Helper()
	if len(w.config.CAData) > 0 {
		return w.config.CAData
	}
	pem, err := os.ReadFile(w.config.CAFile)
	if err != nil {
		w.Fatal(err)
	}
	return pem
}

// externalDNS runs external-dns as its users do, with the sources that the kinds of this cluster allow.
func (w *world) externalDNS(program string, n nameserver) (sources []string) {
	w.Helper()
	manifest := fmt.Sprintf(reader, w.ns)
	w.apply(manifest)
	w.Cleanup(func() { w.delete(manifest) })
	sources = []string{"gateway-httproute", "gateway-grpcroute"}
	// It reads these kinds as v1alpha2, which the standard channel has and does not serve.
	for _, kind := range []string{"tlsroute", "tcproute", "udproute"} {
		served := w.kubectl("get", "crd", kind+"s.gateway.networking.k8s.io", "--ignore-not-found",
			"-o", `jsonpath={.spec.versions[?(@.name=="v1alpha2")].served}`)
		if served == "true" {
			sources = append(sources, "gateway-"+kind)
		}
	}
	args := []string{
		"--kubeconfig=" + w.kubeconfig("external-dns"), "--provider=rfc2136", "--rfc2136-host=" + n.host, "--rfc2136-port=" + strconv.Itoa(n.port),
		"--rfc2136-zone=" + zone, "--rfc2136-tsig-keyname=" + tsigKey, "--rfc2136-tsig-secret=" + n.secret, "--rfc2136-tsig-secret-alg=hmac-sha256",
		"--rfc2136-tsig-axfr", "--domain-filter=" + zone, "--registry=txt", "--txt-owner-id=cloudgate", "--policy=sync", "--events", "--interval=30s",
		"--metrics-address=" + net.JoinHostPort(n.host, "0"),
	}
	for _, s := range sources {
		args = append(args, "--source="+s)
	}
	w.daemon(program, args...)
	return sources
}

// TestExternalDNS: external-dns, unmodified, publishes in a real name server what the statuses of Gateways say. A client that knows
// nothing but a name gets its answer through the load balancer; with the route go its records, and no others.
func TestExternalDNS(t *testing.T) {
	program := os.Getenv("CLOUDGATE_E2E_EXTERNAL_DNS")
	if program == "" {
		t.Skip("CLOUDGATE_E2E_EXTERNAL_DNS names no program: make external-dns builds it")
	}
	w, _ := startApp(t, app{name: "app", replicas: 1})
	w.apply(traffic.Gateway80("second"),
		traffic.HTTPRoute("shop", "{name: web}", "shop."+zone+", www."+zone, toApp),
		traffic.HTTPRoute("both", "{name: web}, {name: second}", "both."+zone, toApp),
		strings.Replace(traffic.HTTPRoute("rpc", "{name: web}", "rpc."+zone, toApp), "HTTPRoute", "GRPCRoute", 1))
	first, second := w.programmed("web", 4), w.programmed("second", 1)
	n := w.bind(first.address)
	sources := w.externalDNS(program, n)
	began := time.Now()
	for name, want := range map[string][]string{
		"shop": {first.address}, "www": {first.address}, "rpc": {first.address}, "both": {first.address, second.address},
	} {
		w.eventually(name+" to resolve", func() error { return n.resolves(name, want...) })
		w.eventually(name+" to be external-dns's", func() error { return n.owned(name, true) })
	}
	traffic.Measured(t, "external-dns with the sources %s had published everything after %.1f s", strings.Join(sources, ", "), time.Since(began).Seconds())

	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{Resolver: n.resolver}).DialContext}}
	t.Cleanup(client.CloseIdleConnections)
	for _, name := range []string{"shop", "www", "both"} {
		w.eventually("an answer from "+name, func() error { return answers(client, "http://"+name+"."+zone+"./") })
	}

	w.kubectl("delete", "httproute", "-n", w.ns, "shop")
	began = time.Now()
	for _, name := range []string{"shop", "www"} {
		w.eventually("the records of "+name+" to go", func() error { return errors.Join(n.resolves(name), n.owned(name, false)) })
	}
	traffic.Measured(t, "the records were gone %.1f s after their route", time.Since(began).Seconds())
	for name, want := range map[string][]string{"rpc": {first.address}, "both": {first.address, second.address}} {
		if err := n.resolves(name, want...); err != nil {
			t.Errorf("another route's record: %v", err)
		}
	}
}

// answers returns nil when a backend answered. The dot that ends a name in DNS is no part of a Host.
func answers(client *http.Client, url string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Host = strings.TrimSuffix(request.URL.Hostname(), ".")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("X-Backend") == "" {
		return fmt.Errorf("%s from %q", response.Status, response.Header.Get("X-Backend"))
	}
	return nil
}
