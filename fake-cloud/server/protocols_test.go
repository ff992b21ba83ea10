package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// certificateFor makes a self-signed certificate in PEM, and a pool that trusts it.
func certificateFor(t *testing.T, name string) (chain, key string, trust *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
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
	chain, key, trust = block("CERTIFICATE", der), block("PRIVATE KEY", raw), x509.NewCertPool()
	trust.AppendCertsFromPEM([]byte(chain))
	return chain, key, trust
}

// listen makes a listener with one server and a rule that forwards all to a pool of one backend, and returns its endpoint.
func (c *cloud) listen(lb, name string, port int, protocol, poolProtocol, backend string, server, poolExtra obj) (endpoint, listener string) {
	c.t.Helper()
	server["name"] = "all"
	pool := obj{"name": name, "protocol": poolProtocol, "members": members(backend)}
	for k, v := range poolExtra {
		pool[k] = v
	}
	po := c.create("/v1/pools", pool)
	ls := c.create("/v1/loadbalancers/"+lb+"/listeners", obj{"name": name, "port": port, "protocol": protocol, "servers": []obj{server}})
	c.create("/v1/listeners/"+ls+"/rules", obj{"name": "r", "server": "all", "matches": []obj{{"rank": "1"}},
		"action": obj{"forward": obj{"backends": []obj{{"weight": 1, "pool": po}}}}})
	return c.active(ls), ls
}

func TestProtocols(t *testing.T) {
	c := run(t, Config{})
	lb := c.create("/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	chain, key, trust := certificateFor(t, "a.test")
	ce := c.create("/v1/certificates", obj{"name": "a", "chainPEM": chain, "keyPEM": key})

	t.Run("HTTPS, and its certificate changed", func(t *testing.T) {
		terminate := obj{"hostname": "a.test", "tls": "terminate", "certificates": []string{ce}}
		endpoint, ls := c.listen(lb, "https", 8443, "HTTPS", "HTTP1", backend(t, "one"), terminate, nil)
		eventually(t, "an answer over TLS", func() bool { return getTLS(endpoint, trust) == "one" })
		chain, key, trust := certificateFor(t, "a.test")
		next := c.create("/v1/certificates", obj{"name": "b", "chainPEM": chain, "keyPEM": key})
		terminate["certificates"] = []string{next}
		c.call(200, "PATCH", "/v1/listeners/"+ls, obj{"servers": []obj{terminate}})
		eventually(t, "the other certificate", func() bool { return getTLS(endpoint, trust) == "one" })
		c.call(202, "DELETE", "/v1/certificates/"+ce, nil)
	})
	t.Run("TLS passed through, and spoken to a backend", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "own") }))
		own, key, trust := certificateFor(t, "own.test")
		pair, err := tls.X509KeyPair([]byte(own), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		server.StartTLS()
		t.Cleanup(server.Close)
		at := server.Listener.Addr().String()
		endpoint, _ := c.listen(lb, "pass", 9443, "TLS", "TCP", at, obj{"tls": "passthrough"}, nil)
		eventually(t, "the backend's own certificate", func() bool { return getTLSAs(endpoint, "own.test", trust) == "own" })
		verified, _ := c.listen(lb, "verified", 9080, "HTTP", "HTTP1", at, obj{}, obj{"tls": obj{"serverName": "own.test", "caPEM": own}})
		answers(t, "http://"+verified, 200, "own")
		wrong, _ := c.listen(lb, "wrong", 9081, "HTTP", "HTTP1", at, obj{}, obj{"tls": obj{"serverName": "other.test", "caPEM": own}})
		eventually(t, "a backend that is not who it should be", func() bool { status, _ := get("http://" + wrong); return status >= 502 })
	})
	t.Run("TCP", func(t *testing.T) {
		endpoint, _ := c.listen(lb, "tcp", 5000, "TCP", "TCP", echoTCP(t), obj{}, nil)
		eventually(t, "an echo", func() bool { return roundTrip("tcp", endpoint) == "hello\n" })
	})
	t.Run("UDP", func(t *testing.T) {
		endpoint, _ := c.listen(lb, "udp", 5000, "UDP", "UDP", echoUDP(t), obj{}, nil) // the port of TCP
		eventually(t, "an echo", func() bool { return roundTrip("udp", endpoint) == "hello\n" })
	})
}

func getTLS(endpoint string, trust *x509.CertPool) string { return getTLSAs(endpoint, "a.test", trust) }

func getTLSAs(endpoint, name string, trust *x509.CertPool) string {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trust, ServerName: name}}}
	req, err := http.NewRequest("GET", "https://"+endpoint, nil)
	if err != nil {
		return err.Error()
	}
	req.Host = name
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func echoTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(conn, conn) // until the client has had enough
			}()
		}
	}()
	return l.Addr().String()
}

func echoUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			_, _ = conn.WriteTo(buf[:n], from) // the client asks again
		}
	}()
	return conn.LocalAddr().String()
}

// roundTrip sends a line and returns what comes back.
func roundTrip(network, address string) string {
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err.Error()
	}
	if _, err := fmt.Fprintln(conn, "hello"); err != nil {
		return err.Error()
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return line
}
