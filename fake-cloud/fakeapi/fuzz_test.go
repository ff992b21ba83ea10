package fakeapi

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// fill makes a load balancer, a listener and a pool without HTTP.
func (c *cloud) fill() (lb, ls, po string) {
	balancer, err := c.world.CreateLoadBalancer(world.Naming{Name: "a"}, world.LoadBalancerSpec{Scheme: world.Internet})
	if err != nil {
		c.t.Fatal(err)
	}
	listener, err := c.world.CreateListener(balancer.ID, world.Naming{Name: "http"},
		world.ListenerSpec{Port: 80, Protocol: world.HTTP, Servers: []world.Server{{Name: "all"}}})
	if err != nil {
		c.t.Fatal(err)
	}
	pool, err := c.world.CreatePool(world.Naming{Name: "a"}, world.PoolSpec{Protocol: world.PoolHTTP1, Algorithm: world.RoundRobin}, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return balancer.ID, listener.ID, pool.ID
}

// FuzzCalls sends any body to any call: the answer is one of the document, and the server does not fall.
func FuzzCalls(f *testing.F) {
	for i, s := range []string{
		`{"name":"a","scheme":"internet"}`, `{"name":"a","port":80,"protocol":"HTTP","servers":[{"name":"all"}]}`,
		`{"name":"r","server":"all","matches":[{"rank":"1","path":{"type":"Regex","value":"/a{2}"}}],"action":{"respond":{"status":200}}}`,
		`{"add":[{"address":"10.0.0.1","port":1,"weight":3}],"remove":[{"address":"::1","port":2}]}`, `{"labels":{"a":null}}`,
		`{"op":"*","effect":"error","nth":1}`, `{"advance":"1h"}`, `{"latency":"fast","throttle":{"read":{"rate":1}}}`, `[[[`, `{"name":1e999}`, "\x00",
	} {
		f.Add(i, s, "label=a%3Db&pageSize=3", `"1-1"`)
	}
	f.Fuzz(func(t *testing.T, n int, body, query, ifMatch string) {
		c := newAPI(t)
		lb, ls, po := c.fill()
		ops := append(c.api.operations(), c.api.adminOperations()...)
		o := ops[int(uint(n)%uint(len(ops)))]
		path := o.path
		for prefix, id := range map[string]string{"/v1/loadbalancers/": lb, "/v1/listeners/": ls, "/v1/pools/": po} {
			if strings.HasPrefix(path, prefix) {
				path = strings.Replace(path, "{id}", id, 1)
			}
		}
		r := httptest.NewRequest(o.method, path, bytes.NewReader([]byte(body)))
		r.URL.RawQuery = query
		r.Header.Set("If-Match", ifMatch)
		w := httptest.NewRecorder()
		c.api.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%s %s: %d %s", o.method, path, w.Code, w.Body)
		}
		for _, wrong := range readSpec().checkAnswer(o.method, path, w.Code, w.Body.Bytes()) {
			t.Errorf("%s %s is not as in openapi.yaml: %s", o.method, path, wrong)
		}
	})
}

func FuzzMergePatch(f *testing.F) {
	f.Add(`{"a":{"b":1,"c":2}}`, `{"a":{"b":null,"d":{"e":null}}}`)
	f.Fuzz(func(t *testing.T, target, patch string) {
		var v map[string]any
		if decodeNumbers([]byte(target), &v) != nil {
			t.Skip()
		}
		merged, err := mergePatch(v, []byte(patch))
		if err != nil {
			return
		}
		again, err := mergePatch(rawObject(merged), []byte(patch))
		if err != nil || !bytes.Equal(merged, again) {
			t.Errorf("the same patch twice is another: %s, %s, %v", merged, again, err)
		}
	})
}

type rawObject []byte

func (r rawObject) MarshalJSON() ([]byte, error) { return r, nil }
