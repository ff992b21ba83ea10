package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// visitor sends requests to a Gateway as clients that looked its names up in DNS would.
type visitor struct {
	client *http.Client
}

func newVisitor(web gateway, certificate echo.Certificate) (*visitor, error) {
	endpoints := map[string]string{}
	for _, l := range web.Listeners {
		endpoints[fmt.Sprint(l.Port)] = l.Endpoint.String()
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{
		// Every name resolves to the Gateway, as its DNS records would have it.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			endpoint, ok := endpoints[port]
			if !ok {
				return nil, fmt.Errorf("the Gateway has no port %s", port)
			}
			return dialer.DialContext(ctx, network, endpoint)
		},
		TLSClientConfig:     &tls.Config{RootCAs: certificate.Pool(), MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 16,
	}
	return &visitor{client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

func (v *visitor) close() { v.client.CloseIdleConnections() }

// get returns the status and, when a backend answered, what it says.
func (v *visitor) get(ctx context.Context, url string) (int, echo.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, echo.Answer{}, err
	}
	response, err := v.client.Do(request)
	if err != nil {
		return 0, echo.Answer{}, err
	}
	defer response.Body.Close()
	var answer echo.Answer
	if response.StatusCode == http.StatusOK {
		err = json.NewDecoder(response.Body).Decode(&answer)
	} else {
		_, err = io.Copy(io.Discard, response.Body)
	}
	return response.StatusCode, answer, err
}

// visit prints a request with its answer and fails when that is not from the backend, or not of the status, that is wanted.
func (v *visitor) visit(ctx context.Context, url string, status int, backend string) (echo.Answer, error) {
	got, answer, err := v.get(ctx, url)
	if err != nil {
		return answer, err
	}
	fmt.Printf("  GET %-36s %d %s\n", url, got, answer.Backend)
	if got != status || !strings.HasPrefix(answer.Backend, backend) {
		return answer, fmt.Errorf("GET %s answered %d %s, want %d %s", url, got, answer.Backend, status, backend)
	}
	return answer, nil
}

func (v *visitor) routing(ctx context.Context) error {
	fmt.Println("\nBy host and path:")
	for _, want := range []struct {
		url     string
		status  int
		backend string
	}{
		{"http://shop.example.com/", http.StatusOK, "shop-v1"},
		{"http://beta.example.com/", http.StatusOK, "shop-v2"},
		{"http://nobody.example.com/", http.StatusNotFound, ""},
	} {
		if _, err := v.visit(ctx, want.url, want.status, want.backend); err != nil {
			return err
		}
	}
	answer, err := v.visit(ctx, "http://shop.example.com/api/items", http.StatusOK, "shop-v")
	if err != nil {
		return err
	}
	const header = "X-Served-By"
	fmt.Printf("      the backend saw the header that the route adds: %s: %s\n", header, answer.Headers.Get(header))
	if answer.Headers.Get(header) != "cloudgate" {
		return fmt.Errorf("the backend did not see %s", header)
	}
	return nil
}

const (
	canaryURL      = "http://shop.example.com/api"
	canaryRequests = 2000
	tolerance      = 3 // points
)

func (v *visitor) canary(ctx context.Context) error {
	fmt.Printf("\nA canary, weights 3 and 1, over %d requests to %s:\n", canaryRequests, canaryURL)
	counts := map[string]int{}
	for range canaryRequests {
		status, answer, err := v.get(ctx, canaryURL)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("the canary answered %d", status)
		}
		counts[answer.Backend]++
	}
	share := percent(counts["shop-v1"], canaryRequests)
	fmt.Printf("  shop-v1 %.1f %%   shop-v2 %.1f %%\n", share, 100-share)
	if share < 75-tolerance || share > 75+tolerance {
		return fmt.Errorf("shop-v1 got %.1f %%, want 75 within %d points", share, tolerance)
	}
	return nil
}

func percent(part, whole int) float64 { return 100 * float64(part) / float64(whole) }

func (v *visitor) https(ctx context.Context) error {
	fmt.Println("\nHTTPS, with a certificate made for this run and verified by the client:")
	_, err := v.visit(ctx, "https://shop.example.com/", http.StatusOK, "shop-v1")
	return err
}

// load counts the answers of a few clients that never stop asking.
type load struct {
	requests, failed, second atomic.Int64
	failure                  atomic.Value // the first error
}

func (l *load) run(ctx context.Context, v *visitor) {
	for ctx.Err() == nil {
		status, answer, err := v.get(context.WithoutCancel(ctx), canaryURL)
		l.requests.Add(1)
		switch {
		case err != nil:
			l.failed.Add(1)
			l.failure.CompareAndSwap(nil, err)
		case status != http.StatusOK:
			l.failed.Add(1)
			l.failure.CompareAndSwap(nil, fmt.Errorf("status %d", status))
		case answer.Backend == "shop-v2":
			l.second.Add(1)
		}
	}
}

// newWeights turns the canary's weights around while clients are asking.
func (v *visitor) newWeights(ctx context.Context, s *stage) error {
	fmt.Println("\nThe weights become 1 and 3 while four clients keep asking:")
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	asking, stopAsking := context.WithCancel(ctx)
	defer stopAsking()
	var l load
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { l.run(asking, v) })
	}
	if err := s.turnWeights(); err != nil {
		return err
	}
	changed := time.Now()
	took, share, err := l.waitTurned(ctx, changed)
	stopAsking()
	clients.Wait()
	if err != nil {
		return err
	}
	fmt.Printf("  saved, and %d ms later shop-v2 gets %.0f %%; %d requests meanwhile, %d failed\n",
		took.Milliseconds(), share, l.requests.Load(), l.failed.Load())
	if l.failed.Load() != 0 {
		return fmt.Errorf("requests failed during the change: %v", l.failure.Load())
	}
	return nil
}

// waitTurned waits until the second version gets most of a window of requests.
func (l *load) waitTurned(ctx context.Context, changed time.Time) (time.Duration, float64, error) {
	const window = 400
	for {
		at := time.Since(changed)
		requests, second := l.requests.Load(), l.second.Load()
		for l.requests.Load() < requests+window {
			select {
			case <-ctx.Done():
				return 0, 0, errors.New("the new weights did not come")
			case <-time.After(time.Millisecond):
			}
		}
		share := percent(int(l.second.Load()-second), int(l.requests.Load()-requests))
		if share >= 75-2*tolerance {
			return at, share, nil
		}
	}
}
