package visit

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// awaitTime is how long the first answer may take: a pod that has just come has to pass a health check first.
const awaitTime = time.Minute

// Visitor sends requests to one Gateway, as clients that looked its names up in DNS would.
type Visitor struct {
	// NoHeaders is for a cloud whose load balancers change no headers: that one was changed is not expected then.
	NoHeaders bool

	client *http.Client
}

// New makes a visitor of a Gateway whose ports answer at entrances.
func New(entrances map[uint16]netip.AddrPort, trust *tls.Config) *Visitor {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{
		// Every name resolves to the Gateway, as its DNS records would have it.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, text, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			port, err := strconv.ParseUint(text, 10, 16)
			if err != nil {
				return nil, err
			}
			entrance, ok := entrances[uint16(port)]
			if !ok {
				return nil, fmt.Errorf("the Gateway has no port %d", port)
			}
			return dialer.DialContext(ctx, network, entrance.String())
		},
		TLSClientConfig:     trust,
		MaxIdleConnsPerHost: 16,
	}
	return &Visitor{client: &http.Client{
		Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close gives the connections back.
func (v *Visitor) Close() { v.client.CloseIdleConnections() }

// Reply is what came back.
type Reply struct {
	Status   int
	Location string
	Echo     echo.Answer // where a backend answered
}

func (v *Visitor) get(ctx context.Context, url string) (Reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Reply{}, err
	}
	response, err := v.client.Do(request)
	if err != nil {
		return Reply{}, err
	}
	defer response.Body.Close()
	reply := Reply{Status: response.StatusCode, Location: response.Header.Get("Location")}
	if response.StatusCode == http.StatusOK {
		err = json.NewDecoder(response.Body).Decode(&reply.Echo)
	} else {
		_, err = io.Copy(io.Discard, response.Body)
	}
	return reply, err
}

// Want is a request and the answer that it has to get: a status and the beginning of the backend's name.
type Want struct {
	URL     string
	Status  int
	Backend string
}

func (w Want) check(got Reply) error {
	if got.Status == w.Status && strings.HasPrefix(got.Echo.Backend, w.Backend) {
		return nil
	}
	return fmt.Errorf("GET %s answered %d %s, want %d %s", w.URL, got.Status, got.Echo.Backend, w.Status, w.Backend)
}

// Visit prints requests with their answers, and fails at the first that is not what is wanted. It returns the last reply.
func (v *Visitor) Visit(ctx context.Context, wants ...Want) (last Reply, err error) {
	for _, want := range wants {
		if last, err = v.get(ctx, want.URL); err != nil {
			return last, err
		}
		fmt.Printf("  GET %-36s %d %s\n", want.URL, last.Status, strings.TrimSpace(last.Echo.Backend+" "+last.Location))
		if err := want.check(last); err != nil {
			return last, err
		}
	}
	return last, nil
}

// Await asks, and prints nothing, until the answer is as wanted.
func (v *Visitor) Await(ctx context.Context, want Want) error {
	ctx, cancel := context.WithTimeout(ctx, awaitTime)
	defer cancel()
	return Await(ctx, func() error {
		got, err := v.get(ctx, want.URL)
		if err != nil {
			return err
		}
		return want.check(got)
	})
}

// Await tries until there is no error, or ctx is over; then it returns the last one.
func Await(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// percent of a whole.
func percent(part, whole int) float64 { return 100 * float64(part) / float64(whole) }

// Shares prints how requests to a URL spread over backends, by the beginning of their names, and checks the share of the first.
func (v *Visitor) Shares(ctx context.Context, url string, requests int, first, second string, want float64) error {
	count := 0
	for range requests {
		reply, err := v.get(ctx, url)
		if err != nil {
			return err
		}
		switch {
		case reply.Status != http.StatusOK:
			return fmt.Errorf("GET %s answered %d", url, reply.Status)
		case strings.HasPrefix(reply.Echo.Backend, first):
			count++
		case !strings.HasPrefix(reply.Echo.Backend, second):
			return fmt.Errorf("GET %s was answered by %s", url, reply.Echo.Backend)
		}
	}
	share := percent(count, requests)
	fmt.Printf("  %s %.1f %%   %s %.1f %%\n", first, share, second, 100-share)
	if share < want-tolerance || share > want+tolerance {
		return fmt.Errorf("%s got %.1f %%, want %.0f within %d points", first, share, want, tolerance)
	}
	return nil
}

const tolerance = 3 // points
