package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// policyListener ends TLS for a.example as p says.
func policyListener(t testing.TB, ca *authority, protocol Protocol, p *TLSPolicy) *Config {
	server := Server{Certificates: []*Certificate{ca.issue(t, "a.example")}}
	pools := map[string]*Pool{}
	if protocol == HTTPS {
		server.Rules = table(t, map[string]Action{"/": &Respond{Status: 200, Body: "served"}})
	} else {
		server.Rules = allTo(t, to("p"))
		pools["p"] = poolSpeaking(PoolTCP, echoTCP(t, "one"))
	}
	return &Config{Listeners: map[string]*Listener{"http": {Protocol: protocol, Address: loopback, Servers: []Server{server}, TLS: p}}, Pools: pools}
}

func TestTLSPolicyVersionsAndSuites(t *testing.T) {
	ca := newAuthority(t)
	const strong, weak = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
	for name, test := range map[string]struct {
		policy *TLSPolicy
		suite  uint16 // of TLS 1.2; 0 for any
		served map[uint16]bool
	}{
		"default": {nil, 0, map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true}},
		"old":     {&TLSPolicy{MinVersion: tls.VersionTLS10}, 0, map[uint16]bool{tls.VersionTLS10: true, tls.VersionTLS11: true, tls.VersionTLS13: true}},
		"new":     {&TLSPolicy{MinVersion: tls.VersionTLS13}, 0, map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true}},
		"not the newest": {
			&TLSPolicy{MaxVersion: tls.VersionTLS12}, 0, map[uint16]bool{tls.VersionTLS12: true, tls.VersionTLS13: false},
		},
		"a suite":       {&TLSPolicy{Suites: []uint16{strong}}, strong, map[uint16]bool{tls.VersionTLS12: true}},
		"another suite": {&TLSPolicy{Suites: []uint16{strong}}, weak, map[uint16]bool{tls.VersionTLS12: false}},
	} {
		for _, protocol := range []Protocol{HTTPS, TLS} {
			e := newEngine(t, Options{})
			address := apply(t, e, policyListener(t, ca, protocol, test.policy))
			for version, want := range test.served {
				config := &tls.Config{ServerName: "a.example", RootCAs: ca.pool, MinVersion: version, MaxVersion: version}
				if test.suite != 0 {
					config.CipherSuites = []uint16{test.suite}
				}
				if _, err := shake(t, address, config); (err == nil) != want {
					t.Errorf("%s, %d, %s: want served %v, got %v", name, protocol, tls.VersionName(version), want, err)
				}
			}
		}
	}
}

func TestTLSPolicyProtocols(t *testing.T) {
	ca := newAuthority(t)
	for name, test := range map[string]struct {
		protocol Protocol
		policy   *TLSPolicy
		http     *HTTPPolicy
		want     string
		fails    bool
	}{
		"HTTPS":                        {HTTPS, nil, nil, "h2", false},
		"HTTPS, the other first":       {HTTPS, &TLSPolicy{Protocols: []string{"http/1.1", "acme-tls/1", "h2"}}, nil, "http/1.1", false},
		"HTTPS without HTTP/2":         {HTTPS, nil, &HTTPPolicy{NoHTTP2: true}, "http/1.1", false},
		"TLS":                          {TLS, nil, nil, "", false},
		"TLS prefers":                  {TLS, &TLSPolicy{Protocols: []string{"http/1.1", "h2"}}, nil, "http/1.1", false},
		"TLS has none of the client's": {TLS, &TLSPolicy{Protocols: []string{"mqtt"}}, nil, "", true},
	} {
		e := newEngine(t, Options{})
		c := policyListener(t, ca, test.protocol, test.policy)
		c.Listeners["http"].HTTP = test.http
		conn, err := tls.Dial("tcp", apply(t, e, c), &tls.Config{ServerName: "a.example", RootCAs: ca.pool, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			if !test.fails {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != test.want || test.fails {
			t.Errorf("%s: want %q, failing %v, got %q", name, test.want, test.fails, got)
		}
		_ = conn.Close()
	}
}

// TLS that ends here goes on as TCP, or as TLS of another kind, to endpoints that prove nothing.
func TestTLSEndsAndBeginsAgain(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	for name, pool := range map[string]*Pool{
		"TCP": poolSpeaking(PoolTCP, echoTCP(t, "one")),
		"TLS": {Protocol: PoolTCP, TLS: &BackendTLS{Insecure: true}, Endpoints: poolOf(tlsBackend(t, other, "one", "nobody.example")).Endpoints},
	} {
		e := newEngine(t, Options{})
		c := policyListener(t, ca, TLS, nil)
		c.Pools["p"] = pool
		conn, err := tls.Dial("tcp", apply(t, e, c), &tls.Config{ServerName: "a.example", RootCAs: ca.pool})
		if err != nil {
			t.Fatal(err)
		}
		got, err := converse(t, conn, "hello ")
		_ = conn.Close()
		if err != nil || got != "hello one" {
			t.Errorf("%s: want %q, got %q, %v", name, "hello one", got, err)
		}
	}
}

func TestInsecureEndpoints(t *testing.T) {
	back := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer back.Close()
	for insecure, want := range map[bool]int{true: 200, false: 503} {
		p := poolOf(back.Listener.Addr().String())
		p.TLS = &BackendTLS{ServerName: "a.example", Insecure: insecure}
		e := newEngine(t, Options{})
		if status, _ := get(t, "http://"+apply(t, e, site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": p}))+"/"); status != want {
			t.Errorf("insecure %v: want %d, got %d", insecure, want, status)
		}
	}
	secure, insecure := &BackendTLS{ServerName: "a"}, &BackendTLS{ServerName: "a", Insecure: true}
	if secure.fingerprint() == insecure.fingerprint() {
		t.Error("connections that prove something are used for those that do not have to, and the other way round")
	}
}

func TestExpiredCertificateGivesWay(t *testing.T) {
	ca := newAuthority(t)
	good, expired := ca.issue(t, "a.example"), ca.issue(t, "a.example")
	pair, err := expired.keyPair()
	if err != nil {
		t.Fatal(err)
	}
	old := *pair.Leaf
	old.NotAfter = time.Now().Add(-time.Minute)
	pair.Leaf = &old
	for name, list := range map[string][]*Certificate{"before": {expired, good}, "after": {good, expired}} {
		own, errs := newCertificates(append([]*Certificate{ca.issue(t, "first.example")}, list...))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		hello := &tls.ClientHelloInfo{
			ServerName: "a.example", SupportedVersions: []uint16{tls.VersionTLS13}, SupportedCurves: []tls.CurveID{tls.X25519},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		}
		want, err := good.keyPair()
		if err != nil {
			t.Fatal(err)
		}
		if got := own.choose(hello); got != want {
			t.Errorf("%s: want the one that has not expired", name)
		}
		only, _ := newCertificates([]*Certificate{ca.issue(t, "first.example"), expired})
		if got := only.choose(hello); got != pair {
			t.Errorf("%s: want the expired one where there is no other for the name", name)
		}
	}
}
