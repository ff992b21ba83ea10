package fakeapi

import (
	"strings"
	"testing"
)

func TestEveryFieldOfTrafficIsChecked(t *testing.T) {
	c := newCloud(t)
	lb, ls, po := c.chain("a")
	chain, key := certificatePEM(t)
	ce := c.must(201, "POST", "/v1/certificates", obj{"name": "shown", "chainPEM": chain, "keyPEM": key})
	many := strings.Split(strings.Repeat("X-A ", 65), " ")[:65]
	codes := []int{500, 503}
	for code := 504; code < 600; code++ {
		codes = append(codes, code)
	}
	bases := map[string]sound{
		"ls": {"/v1/loadbalancers/" + lb + "/listeners", obj{"name": "n", "port": 443, "protocol": "HTTPS", "clients": obj{"caPEM": chain, "insecureFallback": true}}},
		"ru": {"/v1/listeners/" + ls + "/rules", obj{"name": "n", "server": "all", "matches": []obj{{"rank": "1"}},
			"cors": obj{"allowOrigins": []string{"https://*.a.test:8443", "*", "http://[::1]:80", "https://*", "https://-a-.test"}, "allowMethods": []string{"PUT", "*"}, "allowHeaders": []string{"X-A"},
				"exposeHeaders": []string{"X-B"}, "allowCredentials": true, "maxAge": "8760h"},
			"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": po}},
				"mirrors": []obj{{"pool": po, "numerator": 1, "denominator": 1_000_003}},
				"retry":   obj{"codes": codes, "attempts": 2, "backoff": "100ms"},
				"session": obj{"type": "Cookie", "name": "s", "lifetime": "1h", "permanent": true, "path": "/a"}}}}},
		"po": {"/v1/pools", obj{"name": "n", "protocol": "HTTP1",
			"tls":         obj{"serverName": "a.test", "system": true, "certificate": ce.str("id")},
			"session":     obj{"type": "Header", "name": "X-Session", "lifetime": "1m"},
			"retryBudget": obj{"percent": 20, "interval": "10s", "minCount": 10, "minInterval": "1s"},
			"limits":      obj{"connections": 1, "requests": 2, "drain": "5s"}}},
	}
	const forward = "action/forward/"
	c.refuses(bases, []unsound{
		{"ls", "clients/caPEM", "", "clients.caPEM"}, {"ls", "clients/caPEM", "x", "clients.caPEM"}, {"ls", "protocol", "TCP", "clients"},
		{"ru", "cors/allowOrigins/0", "a.test", "cors.allowOrigins[0]"}, {"ru", "cors/allowOrigins/0", "https://a.*.test", "cors.allowOrigins[0]"},
		{"ru", "cors/allowOrigins/0", "https://a.test:0", "cors.allowOrigins[0]"}, {"ru", "cors/allowOrigins/0", "https://a.test/", "cors.allowOrigins[0]"},
		{"ru", "cors/allowOrigins/0", "https://a.test\r\nX: y", "cors.allowOrigins[0]"}, {"ru", "cors/allowMethods/0", "GET /", "cors.allowMethods[0]"},
		{"ru", "cors/allowHeaders/0", "X A", "cors.allowHeaders[0]"}, {"ru", "cors/exposeHeaders", many, "cors.exposeHeaders"},
		{"ru", "cors/maxAge", "1500ms", "cors.maxAge"}, {"ru", "cors/maxAge", "-1s", "cors.maxAge"},
		{"ru", forward + "mirrors/0/pool", "", "action.forward.mirrors[0].pool"}, {"ru", forward + "mirrors/0/denominator", 0, "action.forward.mirrors[0]"},
		{"ru", forward + "mirrors/0/numerator", 1_000_004, "action.forward.mirrors[0]"}, {"ru", forward + "retry/attempts", 101, "action.forward.retry.attempts"},
		{"ru", forward + "retry/codes/0", 200, "action.forward.retry.codes[0]"}, {"ru", forward + "retry/codes/0", 503, "action.forward.retry.codes"},
		{"ru", forward + "retry/backoff", "1h", "action.forward.retry.backoff"}, {"ru", forward + "session/type", "IP", "action.forward.session.type"},
		{"ru", forward + "session/name", "a=b", "action.forward.session.name"}, {"ru", forward + "session/lifetime", "-", "action.forward.session.lifetime"},
		{"ru", forward + "session/lifetime", "1ms", "action.forward.session.lifetime"}, {"ru", forward + "session/path", "/a;b", "action.forward.session.path"},
		{"ru", forward + "session/type", "Header", "action.forward.session"},
		{"po", "session/name", "Content-Length", "session.name"}, {"po", "retryBudget/percent", 101, "retryBudget.percent"},
		{"po", "retryBudget/interval", "2m", "retryBudget.interval"}, {"po", "retryBudget/minCount", "-", "retryBudget"},
		{"po", "retryBudget/minInterval", "1ms", "retryBudget.minInterval"}, {"po", "limits/drain", "-1s", "limits.drain"}, {"po", "limits/requests", -1, "limits.requests"},
	})
	pool := c.must(201, "POST", "/v1/pools", bases["po"].body)
	if got := c.must(409, "DELETE", "/v1/certificates/"+ce.str("id"), nil); got.errorCode() != "InUse" || !strings.Contains(got.errorMessage(), pool.str("id")) {
		t.Errorf("delete of a certificate that a pool shows: %s", got.raw)
	}
	c.must(404, "POST", "/v1/pools", with(with(bases["po"].body, "name", "other"), "tls/certificate", "ce-none"))
	c.must(200, "PATCH", "/v1/pools/"+pool.str("id"), obj{"tls": nil, "session": nil, "retryBudget": nil, "limits": nil})
	if got := c.must(200, "GET", "/v1/pools/"+pool.str("id"), nil); strings.Contains(got.raw, "session") || strings.Contains(got.raw, "limits") {
		t.Errorf("what was taken away is still there: %s", got.raw)
	}
	c.must(202, "DELETE", "/v1/certificates/"+ce.str("id"), nil)
}
