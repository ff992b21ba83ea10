package proxy

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a client says of itself is left out before a request, and so it is after one: an endpoint may take trailers for fields.
func TestTrailersSayNothingOfTheClient(t *testing.T) {
	var mu sync.Mutex
	seen := map[string][]string{}
	endpoint := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			var names []string
			for name, values := range r.Trailer {
				if len(values) > 0 {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			mu.Lock()
			defer mu.Unlock()
			seen[name] = names
		}
	}
	pools := map[string]*Pool{
		"h1": poolOf(backend(t, endpoint("h1"))), "h2": poolSpeaking(PoolHTTP2, h2cBackend(t, endpoint("h2"))),
		"m1": poolOf(backend(t, endpoint("m1"))), "m2": poolSpeaking(PoolHTTP2, h2cBackend(t, endpoint("m2"))),
	}
	bothVersions(t, func(t *testing.T, client *http.Client) {
		address := apply(t, newEngine(t, Options{}), site(t, map[string]Action{"/1": mirroring("h1", "m1", "m2"), "/2": to("h2")}, pools))
		mu.Lock()
		clear(seen)
		mu.Unlock()
		for _, path := range []string{"/1", "/2"} {
			r := request(t, "POST", "http://"+address+path, "body")
			r.ContentLength = -1
			r.Trailer = http.Header{"X-Sum": {"1"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Client-Cert": {"Hash=00"}}
			if got := do(t, client, r); got.Status != 200 {
				t.Fatalf("%s: got %d", path, got.Status)
			}
		}
		eventually(t, "the mirrors get the request", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(seen) == len(pools)
		})
		only := []string{"X-Sum"}
		want := map[string][]string{"h1": only, "h2": only, "m1": only, "m2": only}
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("trailers (-want +got):\n%s", diff)
		}
	})
}
