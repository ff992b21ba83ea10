package fakeapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// certificatePEM makes a self-signed certificate and its key.
func certificatePEM(t testing.TB) (chain, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a.test"}, DNSNames: []string{"a.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", raw)
}

func TestCertificates(t *testing.T) {
	c := newCloud(t)
	chain, key := certificatePEM(t)
	_, otherKey := certificatePEM(t)
	ce := c.must(201, "POST", "/v1/certificates", obj{"name": "a", "chainPEM": chain, "keyPEM": key})
	path := "/v1/certificates/" + ce.str("id")
	for _, r := range []reply{ce, c.must(200, "GET", path, nil), c.must(200, "GET", "/v1/certificates", nil),
		c.must(409, "POST", "/v1/certificates", obj{"name": "a", "chainPEM": chain, "keyPEM": key})} {
		if strings.Contains(r.raw, "PRIVATE") || strings.Contains(r.raw, "keyPEM") {
			t.Errorf("a key was given out: %s", r.raw)
		}
	}
	got := c.must(400, "POST", "/v1/certificates", obj{"name": "b", "chainPEM": chain, "keyPEM": otherKey})
	if strings.Contains(got.raw, strings.Split(otherKey, "\n")[1]) {
		t.Error("an error quotes a key")
	}
	c.must(400, "POST", "/v1/certificates", obj{"name": "b"})
	c.must(400, "PATCH", path, obj{"keyPEM": key})
	c.must(400, "PATCH", path, obj{"name": "b"})
	c.must(200, "PATCH", path, obj{"labels": obj{"a": "b"}})
	lb, _, _ := c.chain("a")
	ls := c.must(201, "POST", "/v1/loadbalancers/"+lb+"/listeners", obj{"name": "https", "port": 443, "protocol": "HTTPS",
		"servers": []obj{{"name": "s", "hostname": "*.test", "tls": "terminate", "certificates": []string{ce.str("id")}}}})
	if got := c.must(409, "DELETE", path, nil); got.errorCode() != "InUse" || !strings.Contains(got.errorMessage(), ls.str("id")) {
		t.Errorf("delete of a certificate in use: %s", got.raw)
	}
	c.must(200, "PATCH", "/v1/listeners/"+ls.str("id"), obj{"servers": []obj{}})
	c.must(202, "DELETE", path, nil)
}

// with returns a copy of base in which the field at a path such as "a/0/b" has another value; "-" removes it.
func with(base obj, path string, value any) obj {
	raw, err := json.Marshal(base)
	if err != nil {
		panic(err)
	}
	var copied obj
	if err := json.Unmarshal(raw, &copied); err != nil {
		panic(err)
	}
	var at any = copied
	keys := strings.Split(path, "/")
	for i, k := range keys {
		last := i == len(keys)-1
		switch here := at.(type) {
		case obj:
			if last && value == "-" {
				delete(here, k)
			} else if last {
				here[k] = value
			}
			at = here[k]
		case []any:
			n := int(k[0] - '0')
			if last {
				here[n] = value
			}
			at = here[n]
		}
	}
	return copied
}

// sound is a request that is accepted.
type sound struct {
	path string
	body obj
}

// unsound is a change to a sound request that makes it one that is refused.
type unsound struct {
	base, field string
	value       any
	says        string // the field that the message names, when it is another
}

func (c *cloud) refuses(bases map[string]sound, tests []unsound) {
	c.t.Helper()
	for _, base := range bases {
		path := strings.Split(base.path, "/")
		got := c.must(201, "POST", base.path, base.body)
		c.must(202, "DELETE", "/v1/"+path[len(path)-1]+"/"+got.str("id"), nil)
	}
	for _, tt := range tests {
		base := bases[tt.base]
		got := c.call("POST", base.path, with(base.body, tt.field, tt.value))
		says := tt.says
		if says == "" {
			says = tt.field + ":"
		}
		if got.status != 400 || got.errorCode() != "InvalidArgument" || !strings.Contains(got.errorMessage(), says) {
			c.t.Errorf("%s with %s = %v: want 400 that says %q, got %d %s", tt.base, tt.field, tt.value, says, got.status, got.raw)
		}
	}
}

func TestEveryFieldIsChecked(t *testing.T) {
	c := newCloud(t)
	lb, ls, po := c.chain("a")
	chain, _ := certificatePEM(t)
	bases := map[string]sound{
		"lb": {"/v1/loadbalancers", obj{"name": "n", "scheme": "internet", "addresses": []string{"127.64.0.9"}, "labels": obj{"a": "b"}}},
		"ls": {"/v1/loadbalancers/" + lb + "/listeners", obj{"name": "n", "port": 443, "protocol": "TLS",
			"servers": []obj{{"name": "s", "hostname": "a.test", "tls": "passthrough"}, {"name": "s2", "hostname": "*.test", "tls": "passthrough"}}}},
		"ru": {"/v1/listeners/" + ls + "/rules", obj{"name": "n", "server": "all",
			"matches": []obj{{"rank": "1", "hostname": "*.a.test", "path": obj{"type": "Regex", "value": "/a.*"}, "method": "GET",
				"headers": []obj{{"name": "X-A", "type": "Regex", "value": "^a$"}}, "query": []obj{{"name": "q", "value": "1"}}}},
			"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": po}, {"weight": 0, "status": 500}},
				"requestHeaders": obj{"set": []obj{{"name": "X-B", "value": "1"}}, "add": []obj{{"name": "X-C", "value": "1"}}, "remove": []string{"X-D"}},
				"rewriteHost":    "b.test", "rewritePath": obj{"type": "Prefix", "value": "/"}, "requestTimeout": "5s", "backendTimeout": "1s"}}}},
		"re": {"/v1/listeners/" + ls + "/rules", obj{"name": "n", "server": "all", "matches": []obj{{"rank": "1"}},
			"action": obj{"redirect": obj{"scheme": "https", "hostname": "b.test", "path": obj{"type": "Full", "value": "/x"}, "port": 8443, "status": 301}}}},
		"po": {"/v1/pools", obj{"name": "n", "protocol": "HTTP2", "algorithm": "LeastRequest",
			"tls":         obj{"serverName": "a.test", "caPEM": chain, "dnsNames": []string{"a.test"}, "uris": []string{"spiffe://a/b"}},
			"healthCheck": obj{"type": "HTTP", "path": "/ready?full", "interval": "1s", "timeout": "1s", "healthyThreshold": 1, "unhealthyThreshold": 2},
			"members":     []obj{{"address": "10.0.0.1", "port": 80, "weight": 2, "draining": true}, {"address": "fd00::1", "port": 80}}}},
	}
	c.refuses(bases, []unsound{
		{"lb", "name", "", ""}, {"lb", "name", "a b", ""}, {"lb", "name", strings.Repeat("a", 256), ""}, {"lb", "scheme", "-", ""},
		{"lb", "scheme", "public", ""}, {"lb", "addresses/0", "127.64.0.256", "addresses[0]"}, {"lb", "addresses/0", "10.1.1.1", "address 10.1.1.1"},
		{"lb", "addresses", []string{"127.64.0.9", "127.64.0.9"}, "addresses[1]"}, {"lb", "labels/a=b", "c", "labels"},
		{"lb", "labels/", "c", "labels"}, {"lb", "labels/a", strings.Repeat("x", 5000), "labels"},
		{"ls", "port", 0, ""}, {"ls", "port", 65536, ""}, {"ls", "port", -1, ""}, {"ls", "port", 1.5, ""}, {"ls", "protocol", "SCTP", ""},
		{"ls", "protocol", "TCP", "servers[0].tls"}, {"ls", "protocol", "HTTPS", "servers[0].tls"}, {"ls", "servers/0/name", "", "servers[0].name"},
		{"ls", "servers/1/name", "s", "servers[1].name"}, {"ls", "servers/1/hostname", "a.test", "servers[1].hostname"},
		{"ls", "servers/0/hostname", "A.test", "servers[0].hostname"}, {"ls", "servers/0/hostname", "a.*.test", "servers[0].hostname"},
		{"ls", "servers/0/hostname", "*", "servers[0].hostname"}, {"ls", "servers/0/hostname", "a..b", "servers[0].hostname"},
		{"ls", "servers/0/tls", "terminate", "servers[0].certificates"}, {"ls", "servers/0/certificates", []string{"ce-1"}, "servers[0].certificates"},
		{"ru", "server", "", ""}, {"ru", "server", "none", ""}, {"ru", "matches", []obj{}, ""}, {"ru", "matches/0/rank", "", "matches[0].rank"},
		{"ru", "matches/0/hostname", "*a.test", "matches[0].hostname"}, {"ru", "matches/0/path/type", "Glob", "matches[0].path.type"},
		{"ru", "matches/0/path/value", "(", "matches[0].path.value"}, {"ru", "matches/0/path", obj{"type": "Prefix", "value": "a"}, "matches[0].path.value"},
		{"ru", "matches/0/path", obj{"type": "Exact", "value": "/a?b"}, "matches[0].path.value"}, {"ru", "matches/0/method", "GET /", "matches[0].method"},
		{"ru", "matches/0/headers/0/name", "a b", "matches[0].headers[0].name"}, {"ru", "matches/0/headers/0/type", "Glob", "matches[0].headers[0].type"},
		{"ru", "matches/0/headers/0/value", "*", "matches[0].headers[0].value"}, {"ru", "matches/0/query/0/name", "", "matches[0].query[0].name"},
		{"ru", "action", obj{}, ""}, {"ru", "action/respond", obj{"status": 200}, "action"}, {"ru", "action/forward/backends", []obj{}, "action.forward.backends"},
		{"ru", "action/forward/backends/0/weight", 0, "action.forward.backends"}, {"ru", "action/forward/backends/0/weight", -1, "weight"},
		{"ru", "action/forward/backends/0/status", 500, "action.forward.backends[0]"}, {"ru", "action/forward/backends/1/status", 99, "action.forward.backends[1].status"},
		{"ru", "action/forward/requestHeaders/set/0/name", "Content-Length", "action.forward.requestHeaders.set[0].name"},
		{"ru", "action/forward/requestHeaders/add/0/value", "a\r\nb: c", "action.forward.requestHeaders.add[0].value"},
		{"ru", "action/forward/requestHeaders/remove/0", "Transfer-Encoding", "action.forward.requestHeaders.remove[0]"},
		{"ru", "action/forward/rewriteHost", "*.b.test", "action.forward.rewriteHost"}, {"ru", "action/forward/rewritePath/type", "Suffix", "action.forward.rewritePath.type"},
		{"ru", "action/forward/rewritePath/value", "a b", "action.forward.rewritePath.value"}, {"ru", "action/forward/requestTimeout", "soon", "duration"},
		{"ru", "action/forward/backendTimeout", "-1s", "action.forward.backendTimeout"}, {"ru", "action/forward/requestTimeout", 5, "requestTimeout"},
		{"re", "action/redirect/status", 305, "action.redirect.status"}, {"re", "action/redirect/scheme", "ftp", "action.redirect.scheme"},
		{"re", "action/redirect/port", 70000, "port"}, {"re", "action/redirect/hostname", "b_.test", "action.redirect.hostname"},
		{"re", "action", obj{"respond": obj{"status": 100}}, "action.respond.status"},
		{"po", "protocol", "HTTP3", ""}, {"po", "algorithm", "Random", ""}, {"po", "protocol", "UDP", "tls"}, {"po", "tls/serverName", "", "tls.serverName"},
		{"po", "tls/caPEM", "x", "tls.caPEM"}, {"po", "tls/system", true, "tls.caPEM"}, {"po", "tls/dnsNames/0", "", "tls.dnsNames[0]"},
		{"po", "tls/uris/0", "b", "tls.uris[0]"}, {"po", "healthCheck/type", "UDP", "healthCheck.type"}, {"po", "healthCheck/path", "", "healthCheck.path"},
		{"po", "healthCheck/path", "?/a", "healthCheck.path"}, {"po", "healthCheck/path", "/a?b c", "healthCheck.path"}, {"po", "healthCheck/path", "/a?b#c", "healthCheck.path"},
		{"po", "healthCheck/type", "TCP", "healthCheck.path"}, {"po", "healthCheck/interval", "1ms", "healthCheck.interval"},
		{"po", "healthCheck/timeout", "1h", "healthCheck.timeout"}, {"po", "healthCheck/healthyThreshold", 101, "healthCheck.healthyThreshold"},
		{"po", "healthCheck/unhealthyThreshold", -1, "healthCheck.unhealthyThreshold"}, {"po", "members/0/address", "localhost", "members[0].address"},
		{"po", "members/0/address", "0.0.0.0", "members[0].address"}, {"po", "members/0/port", 0, "members[0].port"}, {"po", "members/0/weight", 0, "members[0].weight"},
		{"po", "members/1", obj{"address": "10.0.0.1", "port": 80}, "members[1]"},
	})
}

func TestWhatCannotBePatched(t *testing.T) {
	c := newCloud(t)
	_, ls, po := c.chain("a")
	c.must(400, "PATCH", "/v1/listeners/"+ls, obj{"port": 81})
	c.must(400, "PATCH", "/v1/listeners/"+ls, obj{"protocol": "TCP", "servers": nil})
	c.must(400, "PATCH", "/v1/pools/"+po, obj{"protocol": "HTTP2"})
	c.must(400, "PATCH", "/v1/pools/"+po, obj{"members": []obj{}})
	c.must(400, "PATCH", "/v1/pools/"+po, obj{"id": "x"})
	c.must(400, "PATCH", "/v1/pools/"+po, `null`)
	c.must(400, "PATCH", "/v1/pools/"+po, `[]`)
	c.must(400, "PATCH", "/v1/pools/"+po, obj{"name": nil})
	c.must(404, "PATCH", "/v1/pools/po-none", obj{})
}
