//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/route"
)

// What is measured of our proxy alone.
const (
	changesName = "configuration changes under load"
	lookupName  = "route lookup"

	changeRate = 1000 // per second
)

// changed is what came of changing the configuration under load.
type changed struct {
	Count   int
	Elapsed time.Duration
	Slowest time.Duration
	Busy    time.Duration
	load    sample // that went on meanwhile
	still   sample // without changes, for comparison
}

// measureChanges changes our configuration all the time that requests are answered. Every second change is to the route that they take.
func (b *bench) measureChanges(ctx context.Context, length time.Duration) (*changed, error) {
	ours := b.targets[0]
	request := scenario{port: plain, run: wrk("http", "/")}
	still, err := b.turn(ctx, ours, request, length)
	if err != nil {
		return nil, err
	}
	c := changed{still: still}
	done := make(chan error)
	go func() {
		body, err := ours.ask(http.MethodPost, "/changes", url.Values{
			"count": {strconv.Itoa(int(length.Seconds() * changeRate))},
			"rate":  {strconv.Itoa(changeRate)},
		})
		if err == nil {
			err = json.Unmarshal(body, &c)
		}
		done <- err
	}()
	c.load, err = b.turn(ctx, ours, request, length)
	if changeErr := <-done; changeErr != nil {
		return nil, changeErr
	}
	return &c, err
}

// lookup is how long a lookup takes in a table of so many routes.
type lookup struct {
	routes    int
	hit, miss float64 // nanoseconds; a miss is answered by the one route that matches everything
	allocs    int64
	edit      float64 // microseconds to replace one route
}

// measureLookups asks tables with a host for each route, in which requests are spread over all of it.
func measureLookups() ([]lookup, error) {
	var all []lookup
	for _, n := range []int{100, 100_000} {
		table, err := lookupTable(n)
		if err != nil {
			return nil, err
		}
		dice := rand.New(rand.NewPCG(1, 1))
		hits, misses := make([]route.Request, 1024), make([]route.Request, 1024)
		for i := range hits {
			hits[i] = hostRequest(lookupHost(dice.IntN(n)))
			misses[i] = hostRequest(fmt.Sprintf("www.%d.example.org", i))
		}
		hit, miss := benchmarkLookup(table, hits), benchmarkLookup(table, misses)
		edit := testing.Benchmark(func(b *testing.B) {
			for i := range b.N {
				if table, err = table.With(lookupRoute(i % n)); err != nil {
					b.Fatal(err)
				}
			}
		})
		all = append(all, lookup{
			routes: n, hit: nanoseconds(hit), miss: nanoseconds(miss), edit: nanoseconds(edit) / 1000,
			allocs: max(hit.AllocsPerOp(), miss.AllocsPerOp()),
		})
	}
	return all, nil
}

func nanoseconds(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

func benchmarkLookup(table *route.Table[int], requests []route.Request) testing.BenchmarkResult {
	return testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, found := table.Lookup(requests[i%len(requests)]); !found {
				b.Fatal("not found")
			}
		}
	})
}

func lookupTable(n int) (*route.Table[int], error) {
	edit := (*route.Table[int])(nil).Edit()
	if err := edit.Put(route.Route[int]{ID: "rest", Rank: "9"}); err != nil {
		return nil, err
	}
	for i := range n - 1 {
		if err := edit.Put(lookupRoute(i)); err != nil {
			return nil, err
		}
	}
	return edit.Commit(), nil
}

func lookupHost(i int) string { return fmt.Sprintf("service-%d.example.com", i) }

func lookupRoute(i int) route.Route[int] {
	return route.Route[int]{ID: fmt.Sprint("route-", i), Rank: fmt.Sprintf("0-%08d", i),
		Match: route.Match{Host: lookupHost(i), Path: route.Path{Kind: route.PathPrefix, Value: "/api"}}}
}

// hostRequest is a request for a path below /api of a host.
type hostRequest string

func (r hostRequest) Host() string               { return string(r) }
func (hostRequest) Path() string                 { return "/api/v1/users" }
func (hostRequest) Method() string               { return "GET" }
func (hostRequest) Header(string) (string, bool) { return "", false }
func (hostRequest) Query(string) (string, bool)  { return "", false }
