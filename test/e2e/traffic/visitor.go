package traffic

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
	"strings"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// Entrance says where to connect to for a port of a Gateway.
type Entrance func(port string) (address string, err error)

// Visitor sends requests to a Gateway as a client that looked its host names up in DNS would.
type Visitor struct {
	Client    *http.Client
	Transport *http.Transport

	t testing.TB
}

// Visit makes a visitor. roots may be nil where nothing is asked over TLS.
func Visit(t testing.TB, entrance Entrance, roots *x509.CertPool) *Visitor {
	v := &Visitor{t: t}
	v.Transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			to, err := entrance(port)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 32,
	}
	v.Client = &http.Client{
		Transport: v.Transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(v.Client.CloseIdleConnections)
	return v
}

// For returns the same visitor whose complaints go to another test, as to a subtest.
func (v *Visitor) For(t testing.TB) *Visitor {
	return &Visitor{Client: v.Client, Transport: v.Transport, t: t}
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Echo   echo.Answer // where a backend answered
}

// Backend is the backend that answered, empty where none did.
func (a Answer) Backend() string { return a.Echo.Backend }

// From says whether a backend of that name answered, or one of a Deployment of that name.
func (a Answer) From(name string) bool { return named(a.Echo.Backend, name) }

// named says whether a backend has a name, or is a pod of what has it: pods are called after their Deployment.
func named(backend, name string) bool {
	return backend == name || strings.HasPrefix(backend, name+"-")
}

// Get sends a GET.
func (v *Visitor) Get(url string) (Answer, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return Answer{}, err
	}
	return v.Do(request)
}

// Do sends a request and reads its answer to the end.
func (v *Visitor) Do(request *http.Request) (Answer, error) {
	response, err := v.Client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: response.StatusCode, Header: response.Header}
	if response.Header.Get("X-Backend") != "" {
		err = json.Unmarshal(body, &a.Echo)
	}
	return a, err
}

// Must is Get where an answer has to come.
func (v *Visitor) Must(url string) Answer {
	v.t.Helper()
	a, err := v.Get(url)
	if err != nil {
		v.t.Fatalf("GET %s: %v", url, err)
	}
	return a
}

// Want checks a status and, unless it is empty, the backend.
func (v *Visitor) Want(url string, status int, backend string) {
	v.t.Helper()
	if a := v.Must(url); a.Status != status || backend != "" && !a.From(backend) {
		v.t.Errorf("GET %s answered %d by %q, want %d by %q", url, a.Status, a.Backend(), status, backend)
	}
}

// Answers returns nil when a GET answers as wanted.
func (v *Visitor) Answers(url string, status int, backend string) error {
	a, err := v.Get(url)
	if err != nil {
		return err
	}
	if a.Status != status || backend != "" && !a.From(backend) {
		return fmt.Errorf("GET %s answered %d by %q, want %d by %q", url, a.Status, a.Backend(), status, backend)
	}
	return nil
}

// Tally sends n requests and counts the answers by backend.
func (v *Visitor) Tally(url string, n int) map[string]int {
	v.t.Helper()
	counts := map[string]int{}
	for range n {
		a := v.Must(url)
		if a.Status != http.StatusOK {
			v.t.Fatalf("GET %s answered %d", url, a.Status)
		}
		counts[a.Backend()]++
	}
	return counts
}

// WantShare checks a share of a tally in percent, within points.
func WantShare(t testing.TB, counts map[string]int, backend string, want, within float64) {
	t.Helper()
	total, its := 0, 0
	for name, n := range counts {
		total += n
		if named(name, backend) {
			its += n
		}
	}
	got := 100 * float64(its) / float64(total)
	Measured(t, "%s got %.2f %% of %d requests", backend, got, total)
	if math.Abs(got-want) > within {
		t.Errorf("%s got %.2f %% of %d requests, want %.0f within %.0f", backend, got, total, want, within)
	}
}
