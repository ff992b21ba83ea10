package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// The cloud is asked through its API alone, as anybody could.

var kindsOfCloud = []string{"loadbalancers", "listeners", "rules", "pools", "certificates"}

// call makes a call to the fake cloud and decodes its answer.
func (w *world) call(method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, w.cloud+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// resources counts what the cloud has, by kind, with all pages.
func (w *world) resources() (map[string]int, error) {
	counts := map[string]int{}
	for _, kind := range kindsOfCloud {
		for token := ""; ; {
			var page struct {
				Items         []json.RawMessage `json:"items"`
				NextPageToken string            `json:"nextPageToken"`
			}
			if err := w.call(http.MethodGet, "/v1/"+kind+"?pageSize=100&pageToken="+url.QueryEscape(token), nil, &page); err != nil {
				return nil, err
			}
			counts[kind] += len(page.Items)
			if token = page.NextPageToken; token == "" {
				break
			}
		}
	}
	return counts, nil
}

// retries is how often the load balancers tried a request at another endpoint, from the cloud's metrics.
func (w *world) retries() float64 {
	w.Helper()
	response, err := http.Get(w.cloud + "/metrics")
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "fakecloud_traffic_retries_total "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				w.Fatal(err)
			}
			return n
		}
	}
	w.Fatalf("no retries in the cloud's metrics: %v", lines.Err())
	return 0
}

// wantEmpty waits until nothing is left in the cloud.
func (w *world) wantEmpty() {
	w.Helper()
	w.eventually("the cloud to be empty", func() error {
		counts, err := w.resources()
		if err != nil {
			return err
		}
		for _, n := range counts {
			if n != 0 {
				return fmt.Errorf("it has %v", counts)
			}
		}
		return nil
	})
}

// journal returns the calls since a number, and the number of the last.
func (w *world) journal(since int) ([]journalEntry, int) {
	w.Helper()
	var answer struct {
		Items []journalEntry `json:"items"`
	}
	if err := w.call(http.MethodGet, fmt.Sprintf("/admin/v1/journal?since=%d", since), nil, &answer); err != nil {
		w.Fatal(err)
	}
	last := since
	for _, e := range answer.Items {
		last = max(last, e.Seq)
	}
	return answer.Items, last
}

type journalEntry struct {
	Seq      int    `json:"seq"`
	Op       string `json:"op"`
	Status   int    `json:"status"`
	Mutating bool   `json:"mutating"`
}

// mutations counts the mutating calls by operation.
func mutations(entries []journalEntry) map[string]int {
	counts := map[string]int{}
	for _, e := range entries {
		if e.Mutating {
			counts[e.Op]++
		}
	}
	return counts
}

// wantSomething fails when the cloud has no load balancer: a test of deletion begins with something.
func (w *world) wantSomething(t *testing.T) {
	t.Helper()
	counts, err := w.resources()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"loadbalancers", "listeners", "rules", "pools"} {
		if counts[kind] == 0 {
			t.Fatalf("the cloud has %v, no %s", counts, kind)
		}
	}
}

type pool struct {
	ID          string `json:"id"`
	HealthCheck *struct {
		Interval string `json:"interval"`
	} `json:"healthCheck"`
}

func (w *world) pools() ([]pool, error) {
	var page struct {
		Items []pool `json:"items"`
	}
	err := w.call(http.MethodGet, "/v1/pools?pageSize=500", nil, &page)
	return page.Items, err
}

// healthInterval is how often the cloud looks at the endpoints of its first pool.
func (w *world) healthInterval() string {
	w.Helper()
	pools, err := w.pools()
	if err != nil || len(pools) == 0 || pools[0].HealthCheck == nil {
		w.Fatalf("no pool with a health check: %v, %v", pools, err)
	}
	return pools[0].HealthCheck.Interval
}

// healthOf returns nil when the cloud says so of an endpoint, in whatever pool.
func (w *world) healthOf(address, want string) error {
	pools, err := w.pools()
	if err != nil {
		return err
	}
	for _, p := range pools {
		var members struct {
			Items []struct {
				Address string `json:"address"`
				Port    int    `json:"port"`
				Health  string `json:"health"`
			} `json:"items"`
		}
		if err := w.call(http.MethodGet, "/v1/pools/"+p.ID+"/members", nil, &members); err != nil {
			return err
		}
		for _, m := range members.Items {
			if fmt.Sprintf("%s:%d", m.Address, m.Port) == address && m.Health != want {
				return fmt.Errorf("%s is %s, not %s", address, m.Health, want)
			}
		}
	}
	return nil
}
