package server

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestManyRules prints how long a rule takes from the call to its first answer when there are many already.
func TestManyRules(t *testing.T) {
	if testing.Short() {
		t.Skip("makes thousands of rules")
	}
	count := 10_000
	if raceEnabled {
		count = 1_000
	}
	cfg := Config{StatePath: filepath.Join(t.TempDir(), "state.db"), AddressPool: ownPrefix()}
	c := run(t, cfg)
	s := c.site("a", 8080)
	po := c.pool("p", backend(t, "one"))
	path := "/v1/listeners/" + s.ls + "/rules"
	begin := time.Now()
	var all sync.WaitGroup
	next := make(chan int)
	for range 16 {
		all.Go(func() {
			for i := range next {
				name := fmt.Sprintf("r%05d", i)
				c.create(path, prefixRule(name, "/"+name, po))
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	all.Wait()
	t.Logf("%d rules made, each on disk, in %s", count, time.Since(begin).Round(time.Millisecond))

	measure := func(c *cloud) []time.Duration {
		var took []time.Duration
		for i := range 20 {
			name := fmt.Sprintf("more%d-%d", len(took), i)
			begin := time.Now()
			id := c.create(path, prefixRule(name, "/"+name, po))
			created := time.Since(begin)
			answers(t, "http://"+s.endpoint+"/"+name, 200, "one")
			took = append(took, time.Since(begin))
			if i == 0 {
				t.Logf("first: create %s, first 200 after %s", created, took[0])
			}
			c.call(202, "DELETE", "/v1/rules/"+id, nil)
		}
		slices.Sort(took)
		return took
	}
	took := measure(c)
	t.Logf("from CreateRule with %d rules present to its first 200: median %s, worst %s", count, took[len(took)/2], took[len(took)-1])
	c.stop()
	begin = time.Now()
	c = run(t, cfg)
	answers(t, fmt.Sprintf("http://%s/r%05d", s.endpoint, count-1), 200, "one")
	t.Logf("a restart with %d rules serves after %s", count, time.Since(begin).Round(time.Millisecond))
}
