package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// visitor sends requests to a Gateway as a client that looked its host names up in DNS would.
type visitor struct {
	t         testing.TB
	client    *http.Client
	transport *http.Transport
}

// visit makes a visitor of a Gateway. roots may be nil where nothing is asked over TLS.
func visit(t testing.TB, g dev.Gateway, roots *x509.CertPool) *visitor {
	endpoints := map[string]string{}
	for _, l := range g.Listeners {
		if l.Endpoint != "" { // one that is not programmed may share its port with one that is
			endpoints[strconv.Itoa(int(l.Port))] = l.Endpoint
		}
	}
	v := &visitor{t: t}
	v.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			endpoint := endpoints[port]
			if endpoint == "" {
				return nil, fmt.Errorf("the Gateway has no endpoint for port %s", port)
			}
			return (&net.Dialer{}).DialContext(ctx, network, endpoint)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 32,
	}
	v.client = &http.Client{
		Transport: v.transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(v.client.CloseIdleConnections)
	return v
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	echo   echo.Answer // where a backend answered
}

func (v *visitor) get(url string) (answer, error) {
	response, err := v.client.Get(url)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if response.Header.Get("X-Backend") != "" {
		err = json.Unmarshal(body, &a.echo)
	}
	return a, err
}

// must is get where an answer has to come.
func (v *visitor) must(url string) answer {
	v.t.Helper()
	a, err := v.get(url)
	if err != nil {
		v.t.Fatalf("GET %s: %v", url, err)
	}
	return a
}

// want checks a status and, unless it is empty, the backend.
func (v *visitor) want(url string, status int, backend string) {
	v.t.Helper()
	if a := v.must(url); a.status != status || backend != "" && a.echo.Backend != backend {
		v.t.Errorf("GET %s answered %d by %q, want %d by %q", url, a.status, a.echo.Backend, status, backend)
	}
}

// answers returns nil when a GET answers as wanted.
func (v *visitor) answers(url string, status int, backend string) error {
	a, err := v.get(url)
	if err != nil {
		return err
	}
	if a.status != status || backend != "" && a.echo.Backend != backend {
		return fmt.Errorf("GET %s answered %d by %q, want %d by %q", url, a.status, a.echo.Backend, status, backend)
	}
	return nil
}

// tally sends n requests and counts the answers by backend.
func (v *visitor) tally(url string, n int) map[string]int {
	v.t.Helper()
	counts := map[string]int{}
	for range n {
		a := v.must(url)
		if a.status != http.StatusOK {
			v.t.Fatalf("GET %s answered %d", url, a.status)
		}
		counts[a.echo.Backend]++
	}
	return counts
}

// wantShare checks a share of a tally in percent, within points.
func wantShare(t testing.TB, counts map[string]int, backend string, want, within float64) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	got := 100 * float64(counts[backend]) / float64(total)
	measured(t, "%s got %.2f %% of %d requests", backend, got, total)
	if math.Abs(got-want) > within {
		t.Errorf("%s got %.2f %% of %d requests, want %.0f within %.0f", backend, got, total, want, within)
	}
}

// load is clients that keep asking and count what goes wrong.
type load struct {
	t        testing.TB
	requests atomic.Int64
	failed   atomic.Int64
	backends sync.Map // name → *atomic.Int64
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu       sync.Mutex
	failures []string // the first few
}

// ask starts clients, each of which asks at most rate times a second until end. A rate of zero asks without a rest.
func (v *visitor) ask(url string, clients int, rate float64) *load {
	ctx, stop := context.WithTimeout(context.Background(), 2*patience)
	l := &load{t: v.t, stop: stop}
	for range clients {
		l.done.Go(func() { l.run(ctx, v, url, rate) })
	}
	v.t.Cleanup(func() { l.stop(); l.done.Wait() })
	return l
}

func (l *load) run(ctx context.Context, v *visitor, url string, rate float64) {
	var tick <-chan time.Time
	if rate > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	for ctx.Err() == nil {
		if tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
				return
			}
		}
		a, err := v.get(url)
		l.requests.Add(1)
		if err != nil || a.status != http.StatusOK {
			l.fail(fmt.Sprintf("status %d, error %v", a.status, err))
			continue
		}
		counter, _ := l.backends.LoadOrStore(a.echo.Backend, new(atomic.Int64))
		counter.(*atomic.Int64).Add(1)
	}
}

func (l *load) fail(what string) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < 5 {
		l.failures = append(l.failures, time.Now().Format("15:04:05.000 ")+what)
	}
}

// by returns how many requests a backend answered.
func (l *load) by(backend string) int64 {
	counter, ok := l.backends.Load(backend)
	if !ok {
		return 0
	}
	return counter.(*atomic.Int64).Load()
}

// more waits until n more requests have been answered.
func (l *load) more(n int64) {
	l.t.Helper()
	until := l.requests.Load() + n
	over := time.Now().Add(patience)
	for l.requests.Load() < until {
		if time.Now().After(over) {
			l.t.Fatalf("the clients stand still after %d requests", l.requests.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

// end stops the clients and fails the test when a request failed.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.done.Wait()
	measured(l.t, "%d requests, %d failed", l.requests.Load(), l.failed.Load())
	if l.failed.Load() > 0 {
		l.t.Errorf("%d of %d requests failed: %q", l.failed.Load(), l.requests.Load(), l.failures)
	}
	if l.requests.Load() == 0 {
		l.t.Error("no request was sent")
	}
}
