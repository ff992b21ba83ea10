package traffic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Cloud is a fake cloud, asked through its API alone, as anybody could.
type Cloud struct {
	URL   string
	Token string // what the API wants of callers, empty for nothing
	OfAWS bool   // Journal and Suffer mean calls to the fake AWS, in place of the native API
}

// admin is where those are kept.
func (c Cloud) admin() string {
	if c.OfAWS {
		return "/admin/v1/aws"
	}
	return "/admin/v1"
}

// kinds of what a cloud has.
var kinds = []string{"loadbalancers", "listeners", "rules", "pools", "certificates"}

var cloudClient = &http.Client{Timeout: 30 * time.Second}

// Call makes a call and decodes its answer, unless out is nil.
func (c Cloud) Call(method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, c.URL+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := cloudClient.Do(request)
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

// list reads a kind with all pages.
func list[T any](c Cloud, kind string) ([]T, error) {
	var all []T
	for token := ""; ; {
		var page struct {
			Items         []T    `json:"items"`
			NextPageToken string `json:"nextPageToken"`
		}
		if err := c.Call(http.MethodGet, "/v1/"+kind+"?pageSize=500&pageToken="+url.QueryEscape(token), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if token = page.NextPageToken; token == "" {
			return all, nil
		}
	}
}

// Resources counts what the cloud has, by kind.
func (c Cloud) Resources() (map[string]int, error) {
	counts := map[string]int{}
	for _, kind := range kinds {
		items, err := list[json.RawMessage](c, kind)
		if err != nil {
			return nil, err
		}
		counts[kind] = len(items)
	}
	return counts, nil
}

// Retries is how often the load balancers tried a request at another endpoint, from the cloud's metrics.
func (c Cloud) Retries(t testing.TB) float64 {
	t.Helper()
	response, err := cloudClient.Get(c.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "fakecloud_traffic_retries_total "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no retries in the cloud's metrics: %v", lines.Err())
	return 0
}

// WantEmpty waits until nothing is left in the cloud.
func (c Cloud) WantEmpty(t testing.TB) {
	t.Helper()
	Eventually(t, "the cloud to be empty", func() error {
		counts, err := c.Resources()
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

// WantSomething fails when the cloud has no load balancer: a test of deletion begins with something.
func (c Cloud) WantSomething(t testing.TB) {
	t.Helper()
	counts, err := c.Resources()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"loadbalancers", "listeners", "rules", "pools"} {
		if counts[kind] == 0 {
			t.Fatalf("the cloud has %v, no %s", counts, kind)
		}
	}
}

// JournalEntry is one call that the cloud was asked.
type JournalEntry struct {
	Seq      int    `json:"seq"`
	Op       string `json:"op"`
	Status   int    `json:"status"`
	Mutating bool   `json:"mutating"`
}

// IDs returns the ids of everything of a kind, such as rules.
func (c Cloud) IDs(kind string) ([]string, error) {
	items, err := list[struct {
		ID string `json:"id"`
	}](c, kind)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return ids, nil
}

// Journal returns the calls since a number, and the number of the last.
func (c Cloud) Journal(t testing.TB, since int) ([]JournalEntry, int) {
	t.Helper()
	var answer struct {
		Items []JournalEntry `json:"items"`
	}
	if err := c.Call(http.MethodGet, fmt.Sprintf("%s/journal?since=%d", c.admin(), since), nil, &answer); err != nil {
		t.Fatal(err)
	}
	last := since
	for _, e := range answer.Items {
		last = max(last, e.Seq)
	}
	return answer.Items, last
}

// Mutations counts the mutating calls by operation.
func Mutations(entries []JournalEntry) map[string]int {
	counts := map[string]int{}
	for _, e := range entries {
		if e.Mutating {
			counts[e.Op]++
		}
	}
	return counts
}

// Fault is a rule of the cloud's: what happens to all calls of an operation.
type Fault struct {
	Op     string `json:"op"` // an operation, or *
	Effect string `json:"effect"`
	Delay  string `json:"delay,omitempty"`
}

// Suffer makes calls fail or wait. It is over with what it returns, and with the test at the latest.
func (c Cloud) Suffer(t testing.TB, f Fault) (end func()) {
	t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	if err := c.Call(http.MethodPost, c.admin()+"/faults", f, &made); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		if err := c.Call(http.MethodDelete, c.admin()+"/faults?id="+url.QueryEscape(made.ID), nil, nil); err != nil {
			t.Errorf("the fault is there still: %v", err)
		}
	})
	t.Cleanup(end)
	return end
}

// Pool is a group of endpoints as the cloud has it.
type Pool struct {
	ID          string `json:"id"`
	HealthCheck *struct {
		Interval string `json:"interval"`
	} `json:"healthCheck"`
}

// Pools returns all pools.
func (c Cloud) Pools() ([]Pool, error) { return list[Pool](c, "pools") }

// HealthInterval is how often the cloud looks at the endpoints of its first pool.
func (c Cloud) HealthInterval(t testing.TB) string {
	t.Helper()
	pools, err := c.Pools()
	if err != nil || len(pools) == 0 || pools[0].HealthCheck == nil {
		t.Fatalf("no pool with a health check: %v, %v", pools, err)
	}
	return pools[0].HealthCheck.Interval
}

// Members returns the health of every endpoint of every pool, by address and port.
func (c Cloud) Members() (map[string]string, error) {
	pools, err := c.Pools()
	if err != nil {
		return nil, err
	}
	health := map[string]string{}
	for _, p := range pools {
		var members struct {
			Items []struct {
				Address string `json:"address"`
				Port    int    `json:"port"`
				Health  string `json:"health"`
			} `json:"items"`
		}
		if err := c.Call(http.MethodGet, "/v1/pools/"+p.ID+"/members", nil, &members); err != nil {
			return nil, err
		}
		for _, m := range members.Items {
			health[fmt.Sprintf("%s:%d", m.Address, m.Port)] = m.Health
		}
	}
	return health, nil
}

// HealthOf returns nil when the cloud says so of an endpoint, in whatever pool.
func (c Cloud) HealthOf(address, want string) error {
	members, err := c.Members()
	if err != nil {
		return err
	}
	if got, ok := members[address]; !ok || got != want {
		return fmt.Errorf("%s is %q, not %s", address, got, want)
	}
	return nil
}
