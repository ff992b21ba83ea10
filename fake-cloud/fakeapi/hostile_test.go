package fakeapi

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

func TestThrottle(t *testing.T) {
	c := newCloud(t, func(_ *world.Config, a *Config) {
		a.Throttle = throttle.New(map[string]throttle.Rate{"write": {PerSecond: 4, Burst: 2}})
	})
	create := func(i int) reply {
		return c.call("POST", "/v1/pools", obj{"name": fmt.Sprint("p", i), "protocol": "TCP"})
	}
	for i := range 2 {
		if got := create(i); got.status != 201 {
			t.Fatalf("within the burst: got %d", got.status)
		}
	}
	got := create(2)
	if got.status != 429 || got.errorCode() != "Throttled" {
		t.Fatalf("beyond the burst: got %d %s", got.status, got.raw)
	}
	wait, err := strconv.ParseFloat(got.header.Get("Retry-After"), 64)
	if err != nil || wait <= 0 || wait > 0.25 {
		t.Errorf("Retry-After: got %q", got.header.Get("Retry-After"))
	}
	c.must(200, "GET", "/v1/pools", nil) // another class
	c.clock.Advance(time.Duration(wait * float64(time.Second)))
	if got := create(3); got.status != 201 {
		t.Errorf("after Retry-After: got %d", got.status)
	}
	c.must(200, "PATCH", "/admin/v1/settings", obj{"throttle": obj{"write": obj{"rate": 0, "burst": 0}}})
	for i := range 10 {
		if got := create(10 + i); got.status != 201 {
			t.Errorf("without a rate: got %d", got.status)
		}
	}
	c.must(400, "PATCH", "/admin/v1/settings", obj{"throttle": obj{"reads": obj{"rate": 1}}})
	c.must(400, "PATCH", "/admin/v1/settings", obj{"throttle": obj{"read": obj{"rate": -1}}})
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name      string
		fault     obj
		status    int // of the first call; 0 for no answer
		code      string
		performed bool
	}{
		{"error", obj{"effect": "error"}, 500, "Internal", false},
		{"error with a code", obj{"effect": "error", "code": "Denied"}, 403, "Denied", false},
		{"unavailable", obj{"effect": "unavailable"}, 503, "Unavailable", false},
		{"throttle", obj{"effect": "throttle", "delay": "1500ms"}, 429, "Throttled", false},
		{"drop-reply", obj{"effect": "drop-reply"}, 0, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			tt.fault["op"], tt.fault["times"] = "CreatePool", 1
			made := c.must(201, "POST", "/admin/v1/faults", tt.fault)
			got, err := c.try("POST", "/v1/pools", obj{"name": "p", "protocol": "TCP"})
			if got.status != tt.status || got.errorCode() != tt.code || (err != nil) != (tt.status == 0) {
				t.Errorf("want %d %s, got %d %s, %v", tt.status, tt.code, got.status, got.raw, err)
			}
			if tt.name == "throttle" && got.header.Get("Retry-After") != "1.5" {
				t.Errorf("Retry-After: got %q", got.header.Get("Retry-After"))
			}
			if performed := len(c.must(200, "GET", "/v1/pools", nil).items()) == 1; performed != tt.performed {
				t.Errorf("performed: want %v, got %v", tt.performed, performed)
			}
			want := 201
			if tt.performed {
				want = 409
			}
			c.must(want, "POST", "/v1/pools", obj{"name": "p", "protocol": "TCP"}) // once only
			rules := c.must(200, "GET", "/admin/v1/faults", nil).items()
			if len(rules) != 1 || rules[0].(obj)["hits"] != 1.0 || rules[0].(obj)["id"] != made.str("id") {
				t.Errorf("rules: got %v", rules)
			}
		})
	}
}

func TestDelayIsOnTheClock(t *testing.T) {
	c := newCloud(t)
	c.must(201, "POST", "/admin/v1/faults", obj{"op": "*", "effect": "delay", "delay": "10m"})
	answered := make(chan reply)
	go func() {
		r, err := c.try("GET", "/v1/pools", nil)
		if err != nil {
			t.Error(err)
		}
		answered <- r
	}()
	for waiting := true; waiting; {
		select {
		case r := <-answered:
			if r.status != 200 {
				t.Errorf("got %d", r.status)
			}
			waiting = false
		case <-time.After(time.Millisecond):
			if hits := c.must(200, "GET", "/admin/v1/faults", nil).items()[0].(obj)["hits"]; hits == 1.0 {
				c.must(200, "POST", "/admin/v1/clock", obj{"advance": "1h"})
			}
		}
	}
}

func TestNthAndEvery(t *testing.T) {
	c := newCloud(t)
	pattern := func(fault obj) string {
		c.must(204, "DELETE", "/admin/v1/faults", nil)
		fault["op"], fault["effect"] = "ListPools", "unavailable"
		c.must(201, "POST", "/admin/v1/faults", fault)
		s := ""
		for range 8 {
			s += map[int]string{200: ".", 503: "x"}[c.call("GET", "/v1/pools", nil).status]
		}
		return s
	}
	tests := []struct {
		fault obj
		want  string
	}{
		{obj{"nth": 3}, "..x....."},
		{obj{"every": 3}, "..x..x.."},
		{obj{"every": 2, "times": 2}, ".x.x...."},
		{obj{"times": 3}, "xxx....."},
		{obj{}, "xxxxxxxx"},
	}
	for _, tt := range tests {
		if got := pattern(tt.fault); got != tt.want {
			t.Errorf("%v: want %s, got %s", tt.fault, tt.want, got)
		}
	}
	for _, bad := range []obj{
		{"op": "Create", "effect": "error"}, {"op": "*", "effect": "explode"}, {"op": "*", "effect": "error", "nth": -1},
		{"op": "*", "effect": "error", "nth": 1, "every": 1}, {"op": "*", "effect": "error", "code": "Oops"},
		{"op": "*", "effect": "delay", "delay": "soon"}, {"op": "*", "effect": "error", "probability": 2},
		{"op": "*", "effect": "crash-before"}, {"op": "*", "effect": "error", "wat": 1},
	} {
		if got := c.call("POST", "/admin/v1/faults", bad); got.status != 400 {
			t.Errorf("%v: want 400, got %d", bad, got.status)
		}
	}
}

func TestCrash(t *testing.T) {
	for effect, want := range map[string]int{"crash-before": 0, "crash-after": 1} {
		t.Run(effect, func(t *testing.T) {
			crashes := make(chan int, 1)
			var c *cloud
			c = newCloud(t, func(_ *world.Config, a *Config) {
				a.Crash = func() {
					crashes <- c.world.Counts()[world.KindPool]
					panic(http.ErrAbortHandler)
				}
			})
			c.must(201, "POST", "/admin/v1/faults", obj{"op": "CreatePool", "effect": effect})
			if got, err := c.try("POST", "/v1/pools", obj{"name": "p", "protocol": "TCP"}); err == nil {
				t.Errorf("an answer came out of a crash: %d", got.status)
			}
			if got := <-crashes; got != want {
				t.Errorf("pools when it crashed: want %d, got %d", want, got)
			}
		})
	}
}

func TestETags(t *testing.T) {
	c := newCloud(t)
	lb := c.must(201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	path := "/v1/loadbalancers/" + lb.str("id")
	if got := lb.header.Get("ETag"); got != `"`+lb.str("etag")+`"` {
		t.Errorf("ETag header: got %s, and %s in the body", got, lb.str("etag"))
	}
	one := c.must(200, "PATCH", path, obj{"labels": obj{"a": "1", "b": "1"}}, "If-Match", lb.header.Get("ETag"))
	got := c.must(412, "PATCH", path, obj{"labels": obj{"a": "2"}}, "If-Match", lb.str("etag"))
	if got.errorCode() != "PreconditionFailed" {
		t.Errorf("got %s", got.raw)
	}
	c.must(412, "DELETE", path, nil, "If-Match", lb.str("etag"))
	two := c.must(200, "PATCH", path, obj{"labels": obj{"b": nil}}, "If-Match", one.str("etag"))
	if diff := cmp.Diff(map[string]any{"a": "1"}, two.body["labels"]); diff != "" {
		t.Errorf("labels after a merge patch (-want +got):\n%s", diff)
	}
	c.must(200, "PATCH", path, obj{}, "If-Match", "*")
}

func TestPatchesWithoutIfMatchAllCount(t *testing.T) {
	c := newCloud(t)
	path := "/v1/loadbalancers/" + c.must(201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"}).str("id")
	const writers = 12
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() { c.must(200, "PATCH", path, obj{"labels": obj{fmt.Sprint(i): "x"}}) })
	}
	all.Wait()
	if got := len(c.must(200, "GET", path, nil).body["labels"].(obj)); got != writers {
		t.Errorf("labels of %d writers: got %d", writers, got)
	}
}
