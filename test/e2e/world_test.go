package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

var pools atomic.Uint32

// newPool returns addresses that no other test of this process uses.
func newPool() netip.Prefix {
	n := pools.Add(1)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 80 + byte(n>>8), byte(n), 0}), 24)
}

// world is a running Cloudgate with a folder of manifests.
type world struct {
	*testing.T
	dir   string
	class class
	cloud traffic.Cloud
	aws   *traffic.AWS // nil where the process has none
	stop  func()

	mu     sync.Mutex
	last   dev.State
	states chan struct{} // closed and replaced at each new State
}

// startWith runs a Cloudgate over an empty folder, or over what fill puts there first. Its class is fake.
func startWith(t *testing.T, config dev.Config, fill ...func(*world)) *world {
	t.Helper()
	return onFake.startWith(t, config, fill...)
}

func (c class) startWith(t *testing.T, config dev.Config, fill ...func(*world)) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), class: c, states: make(chan struct{})}
	for _, f := range fill {
		f(w)
	}
	if !config.Pool.IsValid() {
		config.Pool = newPool()
	}
	config.Paths = []string{w.dir}
	config.Show = func(_ context.Context, _ *dev.Dev, s dev.State) error { return w.take(s) }
	if os.Getenv("E2E_LOG") != "" {
		config.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	d, err := dev.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.cloud = traffic.Cloud{URL: d.Cloud()}
	if url := d.AWS(); url != "" {
		w.aws = traffic.OpenAWS(url, dev.AWSRegion)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("cloudgate dev: %v", err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) take(s dev.State) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = s
	close(w.states)
	w.states = make(chan struct{})
	return nil
}

func (w *world) state() (dev.State, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.states
}

// wait waits for a State that is as wanted and returns it. what says what is waited for.
func (w *world) wait(what string, want func(dev.State) bool) dev.State {
	w.Helper()
	over := time.After(traffic.Patience)
	for {
		s, next := w.state()
		if want(s) {
			return s
		}
		select {
		case <-next:
		case <-over:
			w.Fatalf("waited in vain for %s; the state is %+v", what, s)
		}
	}
}

// programmed waits until everything is programmed, nothing is wrong, and the Gateway has so many attached routes in all.
func (w *world) programmed(gateway string, routes int32) dev.Gateway {
	w.Helper()
	var found dev.Gateway
	w.wait(fmt.Sprintf("Gateway %s to be programmed with %d routes", gateway, routes), func(s dev.State) bool {
		if !s.Converged {
			return false
		}
		var ok bool
		found, ok = gatewayOf(s, gateway)
		return ok && found.Programmed && attached(found) == routes
	})
	w.checked(found)
	return found
}

func gatewayOf(s dev.State, name string) (dev.Gateway, bool) {
	for _, g := range s.Gateways {
		if g.Name == name {
			return g, true
		}
	}
	return dev.Gateway{}, false
}

func attached(g dev.Gateway) int32 {
	var n int32
	for _, l := range g.Listeners {
		n += l.AttachedRoutes
	}
	return n
}

// eventually tries again until try succeeds.
func (w *world) eventually(what string, try func() error) {
	w.Helper()
	traffic.Eventually(w, what, try)
}

// write puts a file in its place whole.
func (w *world) write(name, content string) {
	w.Helper()
	tmp := filepath.Join(w.dir, "."+name+".tmp")
	if err := errors.Join(os.WriteFile(tmp, []byte(w.class.adapt(content)), 0o600), os.Rename(tmp, filepath.Join(w.dir, name))); err != nil {
		w.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return string(content)
}

// edit replaces text in a file, which has to be there.
func (w *world) edit(name string, oldnew ...string) {
	w.Helper()
	was := w.read(name)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(was, oldnew[i]) {
			w.Fatalf("%s does not contain %q", name, oldnew[i])
		}
	}
	w.write(name, strings.NewReplacer(oldnew...).Replace(was))
}

func (w *world) remove(name string) {
	w.Helper()
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
		w.Fatal(err)
	}
}

// example copies the manifests of an example, all but the endpoints, whose ports may be taken, and a cluster's pods.
func example(name string) func(*world) {
	return func(w *world) {
		w.Helper()
		files, err := filepath.Glob(filepath.Join("..", "..", "examples", name, "*.yaml"))
		if err != nil || len(files) == 0 {
			w.Fatalf("no manifests in example %s: %v", name, err)
		}
		for _, file := range files {
			switch filepath.Base(file) {
			case "dev-endpoints.yaml", "backends.yaml":
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				w.Fatal(err)
			}
			w.write(filepath.Base(file), string(content))
		}
	}
}

// backend starts an HTTP backend.
func (w *world) backend(name string) *echo.HTTP {
	w.Helper()
	b, err := echo.ListenHTTP(name, "127.0.0.1:0", nil)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { b.Close() })
	return b
}

// serve starts HTTP backends that are the endpoints of a Service of the default namespace.
func (w *world) serve(service string, names ...string) []*echo.HTTP {
	w.Helper()
	var backends []*echo.HTTP
	var at []netip.AddrPort
	for _, name := range names {
		b := w.backend(name)
		backends = append(backends, b)
		at = append(at, b.Addr())
	}
	w.endpoints("default", service, "http", "TCP", at...)
	return backends
}

// endpoints writes the EndpointSlices of a Service, one for each endpoint.
func (w *world) endpoints(namespace, service, port, protocol string, at ...netip.AddrPort) {
	w.Helper()
	var all strings.Builder
	for i, a := range at {
		fmt.Fprintf(&all, `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: %[1]s-%[2]d
  namespace: %[3]s
  labels: {kubernetes.io/service-name: %[1]s}
addressType: IPv4
ports:
- {name: %[4]s, protocol: %[5]s, port: %[6]d}
endpoints:
- {addresses: [%[7]q], conditions: {ready: true}}
`, service, i, namespace, port, protocol, a.Port(), a.Addr())
	}
	w.write("endpoints-"+namespace+"-"+service+".yaml", all.String())
}

// service is a Service of the default namespace with one port named http.
func service(name string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %s}
spec:
  ports:
  - {name: http, port: 80, targetPort: 8080}
`, name)
}
