package fakeapi

import (
	"strings"
	"testing"
)

func TestLifeOfAllKinds(t *testing.T) {
	c := newCloud(t)
	lb, ls, po := c.chain("a")
	ru := c.must(201, "POST", "/v1/listeners/"+ls+"/rules", forward("r", po))
	if got := ru.str("state"); got != "active" {
		t.Errorf("state of an instant rule: want active, got %q", got)
	}
	if got := ru.header.Get("Location"); got != "/v1/rules/"+ru.str("id") {
		t.Errorf("Location: got %q", got)
	}
	if got := ru.str("loadBalancer"); got != lb {
		t.Errorf("loadBalancer: want %s, got %s", lb, got)
	}
	got := c.must(200, "GET", "/v1/rules/"+ru.str("id"), nil)
	if got.raw != ru.raw {
		t.Errorf("get is not what create answered:\n%s%s", ru.raw, got.raw)
	}
	c.must(409, "DELETE", "/v1/pools/"+po, nil)
	up := c.must(200, "PATCH", "/v1/rules/"+ru.str("id"), obj{"action": obj{"forward": nil, "respond": obj{"status": 503}}})
	if up.str("etag") == ru.str("etag") {
		t.Error("the etag did not change with the rule")
	}
	c.must(202, "DELETE", "/v1/pools/"+po, nil)
	del := c.must(202, "DELETE", "/v1/loadbalancers/"+lb, nil)
	if got := del.str("state"); got != "deleting" {
		t.Errorf("state of what is deleted: got %q", got)
	}
	for _, path := range []string{"/v1/loadbalancers/" + lb, "/v1/listeners/" + ls, "/v1/rules/" + ru.str("id"), "/v1/pools/" + po} {
		if r := c.must(404, "GET", path, nil); r.errorCode() != "NotFound" {
			t.Errorf("%s: got %s", path, r.raw)
		}
		c.must(404, "DELETE", path, nil)
	}
}

func TestNameTakenGivesTheExistingResource(t *testing.T) {
	c := newCloud(t)
	_, ls, po := c.chain("a")
	first := c.must(201, "POST", "/v1/listeners/"+ls+"/rules", forward("r", po))
	again := c.must(409, "POST", "/v1/listeners/"+ls+"/rules", forward("r", po))
	if again.errorCode() != "AlreadyExists" {
		t.Fatalf("got %s", again.raw)
	}
	resource, _ := again.body["error"].(map[string]any)["resource"].(map[string]any)
	if resource["id"] != first.str("id") || resource["etag"] != first.str("etag") {
		t.Errorf("error.resource is not the rule: %v", resource)
	}
}

func TestReferences(t *testing.T) {
	c := newCloud(t)
	lb, ls, po := c.chain("a")
	tests := []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"no pool", "POST", "/v1/listeners/" + ls + "/rules", forward("x", "po-none"), 404, "NotFound"},
		{"no listener", "POST", "/v1/listeners/ls-none/rules", forward("x", po), 404, "NotFound"},
		{"no load balancer", "POST", "/v1/loadbalancers/lb-none/listeners", obj{"name": "x", "port": 1, "protocol": "TCP"}, 404, "NotFound"},
		{"list in none", "GET", "/v1/listeners/ls-none/rules", nil, 404, "NotFound"},
		{"no certificate", "POST", "/v1/loadbalancers/" + lb + "/listeners", obj{"name": "x", "port": 443, "protocol": "HTTPS",
			"servers": []obj{{"name": "s", "tls": "terminate", "certificates": []string{"ce-none"}}}}, 404, "NotFound"},
		{"port taken", "POST", "/v1/loadbalancers/" + lb + "/listeners", obj{"name": "x", "port": 80, "protocol": "TCP"}, 409, "Conflict"},
		{"port free for UDP", "POST", "/v1/loadbalancers/" + lb + "/listeners", obj{"name": "u", "port": 80, "protocol": "UDP"}, 201, ""},
		{"no such call", "GET", "/v1/nothing", nil, 404, "NotFound"},
		{"no such method", "PUT", "/v1/pools", nil, 405, "InvalidArgument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := c.call(tt.method, tt.path, tt.body)
			if got.status != tt.status || got.errorCode() != tt.code {
				t.Errorf("want %d %s, got %d %s", tt.status, tt.code, got.status, got.raw)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	c := newCloud(t)
	tests := []struct {
		name, body string
		status     int
		says       string
	}{
		{"unknown field", `{"name":"a","scheme":"internet","zone":"b"}`, 400, `unknown field "zone"`},
		{"wrong type", `{"name":7}`, 400, "name"},
		{"not an object", `[]`, 400, "object"},
		{"empty", ``, 400, "empty"},
		{"cut off", `{"name":"a"`, 400, "ends too early"},
		{"two values", `{"name":"a","scheme":"internet"}{}`, 400, "more after"},
		{"not UTF-8", "{\"name\":\"\xff\"}", 400, "UTF-8"},
		{"too long", `{"name":"` + strings.Repeat("a", 5<<20) + `"}`, 413, "longer"},
		{"read-only field", `{"name":"a","scheme":"internet","id":"lb-1"}`, 400, `"id"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := c.call("POST", "/v1/loadbalancers", tt.body)
			if got.status != tt.status || !strings.Contains(got.errorMessage(), tt.says) {
				t.Errorf("want %d and %q, got %d %s", tt.status, tt.says, got.status, got.raw)
			}
		})
	}
}
