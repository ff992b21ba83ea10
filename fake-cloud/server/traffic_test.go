package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

func TestTrafficFollowsTheAPI(t *testing.T) {
	c := run(t, Config{})
	s := c.site("a", 8080)
	url := "http://" + s.endpoint
	if status, _ := get(url + "/x"); status != 404 {
		t.Errorf("without a rule: want 404, got %d", status)
	}
	one, two := backend(t, "one"), backend(t, "two")
	po := c.pool("p", one)
	ru := c.create("/v1/listeners/"+s.ls+"/rules", prefixRule("r", "/x", po))
	begin := time.Now()
	answers(t, url+"/x", 200, "one")
	t.Logf("from the 201 of the rule to its first answer: %s", time.Since(begin))

	c.call(200, "POST", "/v1/pools/"+po+"/members", obj{"add": members(two), "remove": members(one)})
	answers(t, url+"/x", 200, "two")
	c.call(200, "PATCH", "/v1/rules/"+ru, obj{"matches": []obj{{"rank": "1", "path": obj{"type": "Exact", "value": "/y"}}}})
	answers(t, url+"/y", 200, "two")
	eventually(t, "404", func() bool { status, _ := get(url + "/x"); return status == 404 })
	c.call(200, "PATCH", "/v1/rules/"+ru, obj{"action": obj{"forward": nil, "redirect": obj{"hostname": "example.invalid"}}})
	eventually(t, "a redirect", func() bool { status, _ := get(url + "/y"); return status == 0 }) // nobody is there
	c.call(202, "DELETE", "/v1/rules/"+ru, nil)
	eventually(t, "404", func() bool { status, _ := get(url + "/y"); return status == 404 })
	c.call(202, "DELETE", "/v1/loadbalancers/"+s.lb, nil)
	eventually(t, "connections refused", func() bool { status, _ := get(url); return status == 0 })
}

func TestRanksDecide(t *testing.T) {
	c := run(t, Config{})
	s := c.site("a", 8080)
	rules := "/v1/listeners/" + s.ls + "/rules"
	respond := func(name, rank string, status int) string {
		return c.create(rules, obj{"name": name, "server": "all", "matches": []obj{{"rank": rank}}, "action": obj{"respond": obj{"status": status}}})
	}
	status := func() int { s, _ := get("http://" + s.endpoint); return s }
	respond("last", "b", 201)
	respond("late", "a\x00", 202)
	first := respond("first", "a", 203)
	second := respond("second", "a", 204) // the same rank, younger
	eventually(t, "the oldest of the lowest rank", func() bool { return status() == 203 })
	c.call(202, "DELETE", "/v1/rules/"+first, nil)
	eventually(t, "the younger", func() bool { return status() == 204 })
	c.call(202, "DELETE", "/v1/rules/"+second, nil)
	eventually(t, "the next rank", func() bool { return status() == 202 })
}

func TestARestartServesTheSameAddresses(t *testing.T) {
	cfg := Config{StatePath: filepath.Join(t.TempDir(), "state.db"), AddressPool: ownPrefix()}
	c := run(t, cfg)
	po := c.pool("p", backend(t, "one"))
	var sites []site
	for i := range 5 {
		s := c.site(fmt.Sprint("lb", i), 8080)
		c.create("/v1/listeners/"+s.ls+"/rules", prefixRule("r", "/", po))
		sites = append(sites, s)
	}
	c.stop()
	if status, _ := get("http://" + sites[0].endpoint); status != 0 {
		t.Error("it answers after it was stopped")
	}
	c = run(t, cfg)
	for _, s := range sites {
		answers(t, "http://"+s.endpoint, 200, "one")
		if got := c.call(200, "GET", "/v1/listeners/"+s.ls, nil); got["endpoint"] != s.endpoint || got["state"] != "active" {
			t.Errorf("want active on %s, got %v on %v", s.endpoint, got["state"], got["endpoint"])
		}
	}
}

func TestAnOccupiedAddress(t *testing.T) {
	cfg := Config{AddressPool: ownPrefix()}
	ip := cfg.AddressPool.Addr().Next().String()
	occupied, err := net.Listen("tcp", ip+":8080")
	if err != nil {
		t.Fatal(err)
	}
	c := run(t, cfg)
	lb := c.create("/v1/loadbalancers", obj{"name": "a", "scheme": "internet", "addresses": []string{ip}})
	ls := c.create("/v1/loadbalancers/"+lb+"/listeners", obj{"name": "http", "port": 8080, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})
	other := c.create("/v1/loadbalancers/"+lb+"/listeners", obj{"name": "other", "port": 8081, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})
	c.active(other) // it costs nobody else
	var got obj
	eventually(t, "failed", func() bool {
		got = c.call(200, "GET", "/v1/listeners/"+ls, nil)
		return got["state"] == "failed"
	})
	if want := "address " + ip + ":8080 is in use by another program: stop it; it is tried again every second"; got["stateReason"] != want {
		t.Errorf("reason: want %q, got %q", want, got["stateReason"])
	}
	if err := occupied.Close(); err != nil {
		t.Fatal(err)
	}
	if got := c.active(ls); got != ip+":8080" {
		t.Errorf("endpoint: got %s", got)
	}
}

func TestSharedAddress(t *testing.T) {
	cfg := Config{StatePath: filepath.Join(t.TempDir(), "state.db"), AddressPool: netip.MustParsePrefix("192.0.2.0/24")} // TEST-NET-1: nobody has it
	c := run(t, cfg)
	port := freePort(t)
	a, b := c.site("a", port), c.site("b", port)
	if a.endpoint == b.endpoint {
		t.Fatalf("both answer on %s", a.endpoint)
	}
	one, two := c.pool("one", backend(t, "one")), c.pool("two", backend(t, "two"))
	c.create("/v1/listeners/"+a.ls+"/rules", prefixRule("r", "/", one))
	c.create("/v1/listeners/"+b.ls+"/rules", prefixRule("r", "/", two))
	for range 2 {
		answers(t, "http://"+a.endpoint, 200, "one")
		answers(t, "http://"+b.endpoint, 200, "two")
		if got := c.call(200, "GET", "/v1/loadbalancers/"+a.lb, nil)["ips"].([]any)[0]; got != "127.0.0.1" {
			t.Errorf("address: got %v", got)
		}
		c.stop()
		c = run(t, cfg)
	}
}

func TestTrafficGoesOnWhileTheAPIIsFaulty(t *testing.T) {
	c := run(t, Config{})
	s := c.site("a", 8080)
	c.create("/v1/listeners/"+s.ls+"/rules", prefixRule("r", "/", c.pool("p", backend(t, "one"))))
	answers(t, "http://"+s.endpoint, 200, "one")
	c.call(201, "POST", "/admin/v1/faults", obj{"op": "*", "effect": "unavailable"})
	c.call(503, "GET", "/v1/pools", nil)
	if status, body := get("http://" + s.endpoint); status != 200 || body != "one" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestTrafficChangesWhenTheOperationIsDone(t *testing.T) {
	clock := world.ManualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	c := run(t, Config{Clock: clock, Latency: world.Realistic})
	lb := c.create("/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	ls := c.create("/v1/loadbalancers/"+lb+"/listeners", obj{"name": "http", "port": 8080, "protocol": "HTTP", "servers": []obj{{"name": "all"}}})
	ru := c.create("/v1/listeners/"+ls+"/rules",
		obj{"name": "r", "server": "all", "matches": []obj{{"rank": "1"}}, "action": obj{"respond": obj{"status": 201}}})
	url := "http://" + c.call(200, "GET", "/v1/loadbalancers/"+lb, nil)["ips"].([]any)[0].(string) + ":8080"
	status := func() int { s, _ := get(url); return s }
	clock.Advance(time.Minute) // listener and rule are done, the load balancer is not
	eventually(t, "rule active", func() bool { return c.call(200, "GET", "/v1/rules/"+ru, nil)["state"] == "active" })
	if got := status(); got != 0 {
		t.Errorf("a load balancer that is being made answers %d", got)
	}
	clock.Advance(time.Hour)
	c.active(ls)
	eventually(t, "answers", func() bool { return status() == 201 })
	c.call(200, "PATCH", "/v1/rules/"+ru, obj{"action": obj{"respond": obj{"status": 202}}})
	c.call(200, "PATCH", "/v1/loadbalancers/"+lb, obj{"labels": obj{"a": "b"}})
	for range 20 {
		if got := status(); got != 201 {
			t.Fatalf("while the rule is updating: want 201, got %d", got)
		}
	}
	clock.Advance(time.Hour)
	eventually(t, "the update", func() bool { return status() == 202 })

	other := c.server.cfg.AddressPool.Addr().Next().Next().Next().String()
	c.call(200, "PATCH", "/v1/loadbalancers/"+lb, obj{"addresses": []string{other}})
	for range 20 {
		if got := status(); got != 202 {
			t.Fatalf("on its old address while the load balancer is updating: want 202, got %d", got)
		}
	}
	clock.Advance(time.Hour)
	url = "http://" + other + ":8080"
	eventually(t, "the other address", func() bool { return status() == 202 })
	c.call(202, "DELETE", "/v1/loadbalancers/"+lb, nil)
	eventually(t, "nothing", func() bool { return status() == 0 })
	c.call(200, "GET", "/v1/loadbalancers/"+lb, nil) // still going
}

func TestHealthOfMembers(t *testing.T) {
	c := run(t, Config{})
	s := c.site("a", 8080)
	dead := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	po := c.create("/v1/pools", obj{"name": "p", "protocol": "HTTP1", "members": members(backend(t, "one"), dead),
		"healthCheck": obj{"type": "HTTP", "path": "/", "interval": "50ms"}})
	state := func() string {
		text := ""
		for _, m := range c.call(200, "GET", "/v1/pools/"+po+"/members", nil)["items"].([]any) {
			if m.(obj)["health"] == "unhealthy" && m.(obj)["reason"] == nil {
				t.Error("unhealthy without a reason")
			}
			text += fmt.Sprint(m.(obj)["health"], " ")
		}
		return text
	}
	if got := state(); got != "initial initial " {
		t.Errorf("before anybody uses the pool: got %s", got)
	}
	c.create("/v1/listeners/"+s.ls+"/rules", prefixRule("r", "/", po))
	eventually(t, "one healthy, one not", func() bool { s := state(); return s == "healthy unhealthy " || s == "unhealthy healthy " },
		func() string { return state() })
	answers(t, "http://"+s.endpoint, 200, "one")
	plain := c.pool("plain", dead)
	c.create("/v1/listeners/"+s.ls+"/rules", prefixRule("q", "/q", plain))
	eventually(t, "healthy for want of a check", func() bool {
		return c.call(200, "GET", "/v1/pools/"+plain+"/members", nil)["items"].([]any)[0].(obj)["health"] == "healthy"
	})
}

func TestNamesOfLoadBalancers(t *testing.T) {
	c := run(t, Config{Zone: "lb.test"})
	lb := c.call(201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, c.server.DNSAddress())
	}}
	name := lb["dnsName"].(string)
	got, err := resolver.LookupHost(t.Context(), name+".")
	if err != nil || len(got) != 1 || got[0] != lb["ips"].([]any)[0] {
		t.Errorf("%s: want %v, got %v, %v", name, lb["ips"], got, err)
	}
	c.call(202, "DELETE", "/v1/loadbalancers/"+lb["id"].(string), nil)
	if got, err := resolver.LookupHost(t.Context(), name+"."); err == nil {
		t.Errorf("after it was deleted: got %v", got)
	}
}
