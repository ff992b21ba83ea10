package fakeapi

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
)

// walk follows all pages of a list, and calls between after each.
func (c *cloud) walk(path string, q url.Values, between func()) (ids []string) {
	c.t.Helper()
	for token := ""; ; {
		q.Set("pageToken", token)
		if token == "" {
			q.Del("pageToken")
		}
		got := c.must(200, "GET", path+"?"+q.Encode(), nil)
		for _, item := range got.items() {
			ids = append(ids, item.(map[string]any)["id"].(string))
		}
		if token = got.str("nextPageToken"); token == "" {
			return ids
		}
		if between != nil {
			between()
		}
	}
}

func TestPagesWhileAllChanges(t *testing.T) {
	c := newCloud(t)
	steady := map[string]bool{}
	var going []string
	create := func(name string) string {
		return c.must(201, "POST", "/v1/pools", obj{"name": name, "protocol": "TCP", "labels": obj{"owner": "a=b"}}).str("id")
	}
	for i := range 60 {
		steady[create(fmt.Sprint("steady", i))] = true
		going = append(going, create(fmt.Sprint("going", i)))
	}
	stop, changed := make(chan struct{}), sync.WaitGroup{}
	changed.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i < len(going) {
				c.must(202, "DELETE", "/v1/pools/"+going[i], nil)
			}
			create(fmt.Sprint("new", i))
		}
	})
	// Both ends of the list change all the time; what is in it all the time is listed once.
	for range 3 {
		seen := map[string]int{}
		ids := c.walk("/v1/pools", url.Values{"pageSize": {"7"}, "label": {"owner=a=b"}}, nil)
		for _, id := range ids {
			seen[id]++
		}
		for id := range steady {
			if seen[id] != 1 {
				t.Errorf("%s was listed %d times, want once", id, seen[id])
			}
		}
		if t.Failed() {
			break
		}
	}
	close(stop)
	changed.Wait()
}

func TestPagesAreOfOneList(t *testing.T) {
	c := newCloud(t)
	for i := range 3 {
		c.must(201, "POST", "/v1/pools", obj{"name": fmt.Sprint(i), "protocol": "TCP", "labels": obj{"n": fmt.Sprint(i % 2)}})
	}
	token := c.must(200, "GET", "/v1/pools?pageSize=1", nil).str("nextPageToken")
	if got := len(c.walk("/v1/pools", url.Values{"label": {"n=0"}}, nil)); got != 2 {
		t.Errorf("by label: want 2, got %d", got)
	}
	if got := len(c.walk("/v1/pools", url.Values{"pageSize": {"3"}}, nil)); got != 3 {
		t.Errorf("one full page: want 3, got %d", got)
	}
	for _, path := range []string{
		"/v1/pools?pageToken=x", "/v1/certificates?pageToken=" + token, "/v1/pools?label=n%3D1&pageToken=" + token,
		"/v1/pools?pageSize=0", "/v1/pools?pageSize=501", "/v1/pools?pageSize=a", "/v1/pools?label=n", "/v1/pools?lable=n",
		"/v1/pools?label=n%3D1&label=n%3D2", "/v1/pools?pageSize=1&pageSize=2",
	} {
		if got := c.call("GET", path, nil); got.status != 400 || got.errorCode() != "InvalidArgument" {
			t.Errorf("%s: want 400, got %d %s", path, got.status, got.raw)
		}
	}
}
