package visit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	canaryURL      = "http://shop.example.com/api"
	canaryRequests = 2000
)

// FirstAnswers are those of the backends of examples/quickstart, each of which has to be there before the story is told.
func FirstAnswers() []Want {
	return []Want{
		{"http://shop.example.com/", http.StatusOK, "shop-v1"},
		{"http://beta.example.com/", http.StatusOK, "shop-v2"},
	}
}

// Quickstart tells the story of examples/quickstart. turn turns the canary's weights around, from three to one to one to three.
func (v *Visitor) Quickstart(ctx context.Context, turn func(context.Context) error) error {
	if err := v.routing(ctx); err != nil {
		return err
	}
	fmt.Printf("\nA canary, weights 3 and 1, over %d requests to %s:\n", canaryRequests, canaryURL)
	if err := v.Shares(ctx, canaryURL, canaryRequests, "shop-v1", "shop-v2", 75); err != nil {
		return err
	}
	fmt.Println("\nHTTPS, with a certificate made for this demo and verified by the client:")
	if _, err := v.Visit(ctx, Want{"https://shop.example.com/", http.StatusOK, "shop-v1"}); err != nil {
		return err
	}
	return v.newWeights(ctx, turn)
}

func (v *Visitor) routing(ctx context.Context) error {
	fmt.Println("\nBy host and path:")
	reply, err := v.Visit(ctx,
		Want{"http://shop.example.com/", http.StatusOK, "shop-v1"},
		Want{"http://beta.example.com/", http.StatusOK, "shop-v2"},
		Want{"http://nobody.example.com/", http.StatusNotFound, ""},
		Want{"http://shop.example.com/api/items", http.StatusOK, "shop-v"},
	)
	if err != nil {
		return err
	}
	if v.NoHeaders {
		return nil
	}
	return reply.sawHeader("X-Served-By", "cloudgate")
}

// sawHeader checks what the backend saw.
func (r Reply) sawHeader(name, value string) error {
	fmt.Printf("      the backend saw the header that the route adds: %s: %s\n", name, r.Echo.Headers.Get(name))
	if r.Echo.Headers.Get(name) != value {
		return fmt.Errorf("the backend did not see %s: %s", name, value)
	}
	return nil
}

// Header tells that the backend of a request saw a header.
func (v *Visitor) Header(ctx context.Context, want Want, name, value string) error {
	reply, err := v.Visit(ctx, want)
	if err != nil {
		return err
	}
	return reply.sawHeader(name, value)
}

// load counts the answers of a few clients that never stop asking.
type load struct {
	requests, failed, second atomic.Int64
	failure                  atomic.Value // the first error's text
}

func (l *load) run(ctx context.Context, v *Visitor) {
	for ctx.Err() == nil {
		reply, err := v.get(context.WithoutCancel(ctx), canaryURL)
		l.requests.Add(1)
		switch {
		case err != nil:
			l.failed.Add(1)
			l.failure.CompareAndSwap(nil, err.Error())
		case reply.Status != http.StatusOK:
			l.failed.Add(1)
			l.failure.CompareAndSwap(nil, fmt.Sprintf("status %d", reply.Status))
		case strings.HasPrefix(reply.Echo.Backend, "shop-v2"):
			l.second.Add(1)
		}
	}
}

// newWeights turns the canary's weights around while clients are asking.
func (v *Visitor) newWeights(ctx context.Context, turn func(context.Context) error) error {
	fmt.Println("\nThe weights become 1 and 3 while four clients keep asking:")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	asking, stopAsking := context.WithCancel(ctx)
	defer stopAsking()
	var l load
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { l.run(asking, v) })
	}
	err := turn(ctx)
	changed := time.Now()
	var took time.Duration
	var share float64
	if err == nil {
		took, share, err = l.waitTurned(ctx, changed)
	}
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
