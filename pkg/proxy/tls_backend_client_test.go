package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// curious is how an endpoint is that asks for a certificate, and names CAs that are not those of the certificates here: it takes any.
func curious(t testing.TB, ca *authority) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{ca.pair(t, "backend.example")}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: newAuthority(t).pool,
	}
}

// askingBackend answers the serial number of the certificate that it was shown.
func askingBackend(t testing.TB, ca *authority, http2 bool) string {
	t.Helper()
	h := func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.TLS.PeerCertificates[0].SerialNumber)
	}
	return serveWith(t, http.HandlerFunc(h), func(s *http.Server, l net.Listener) error {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(!http2)
		s.Protocols.SetHTTP2(http2)
		s.TLSConfig = curious(t, ca)
		return s.ServeTLS(l, "", "")
	})
}

// serial is a certificate's number.
func serial(t testing.TB, c *Certificate) string {
	t.Helper()
	pair, err := c.keyPair()
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.SerialNumber.String()
}

// shownTo is a pool whose endpoints are shown a certificate.
func shownTo(protocol PoolProtocol, ca *authority, address string, own *Certificate) *Pool {
	return &Pool{
		Protocol:  protocol,
		TLS:       &BackendTLS{ServerName: "backend.example", CAs: ca.pem(), Client: own},
		Endpoints: []Endpoint{{Address: netip.MustParseAddrPort(address)}},
	}
}

func TestEndpointsThatAskAreShownTheCertificateOfTheirPool(t *testing.T) {
	leaksNothing(t)
	ca := newAuthority(t)
	for _, protocol := range []PoolProtocol{PoolHTTP1, PoolHTTP2} {
		e := newEngine(t, Options{})
		back := askingBackend(t, ca, protocol == PoolHTTP2)
		one, two := ca.issue(t, "one"), ca.issue(t, "two")
		pools := map[string]*Pool{"one": shownTo(protocol, ca, back, one), "two": shownTo(protocol, ca, back, two)}
		pools["two"].Health = &HealthCheck{Path: "/", Interval: time.Hour}
		address := apply(t, e, site(t, map[string]Action{"/one": to("one"), "/two": to("two")}, pools))
		eventually(t, "the check shows it, too", func() bool { return e.Health()["two"][0].Health == Healthy })
		want := map[string]string{"/one": serial(t, one), "/two": serial(t, two)}
		for range 5 {
			for path, want := range want {
				if status, got := get(t, "http://"+address+path); status != 200 || got != want {
					t.Errorf("protocol %d, %s: want %s, got %d %s", protocol, path, want, status, got)
				}
			}
		}
		if n := len(e.endpoints); n != 2 {
			t.Errorf("protocol %d: want an endpoint for each certificate, got %d", protocol, n)
		}
	}
}

func TestConnectionsOfTheOldCertificateAreNotUsedAfterARotation(t *testing.T) {
	ca := newAuthority(t)
	for _, protocol := range []PoolProtocol{PoolHTTP1, PoolHTTP2} {
		e := newEngine(t, Options{})
		back := askingBackend(t, ca, protocol == PoolHTTP2)
		own := ca.issue(t, "own")
		rules := map[string]Action{"/": to("p")}
		c := site(t, rules, map[string]*Pool{"p": shownTo(protocol, ca, back, own)})
		address := apply(t, e, c)

		stop, failed := make(chan struct{}), make(chan error, 1)
		var wait sync.WaitGroup
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := http.Get("http://" + address)
				if err == nil {
					resp.Body.Close()
					if resp.StatusCode != 200 {
						err = errors.New(resp.Status)
					}
				}
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
		for range 20 {
			own = ca.issue(t, "own")
			next := *c
			next.Pools = map[string]*Pool{"p": shownTo(protocol, ca, back, own)}
			apply(t, e, &next)
			for range 3 {
				if status, got := get(t, "http://"+address); status != 200 || got != serial(t, own) {
					t.Errorf("protocol %d: want %s, got %d %s", protocol, serial(t, own), status, got)
				}
			}
		}
		close(stop)
		wait.Wait()
		select {
		case err := <-failed:
			t.Errorf("protocol %d: a request failed in a rotation: %v", protocol, err)
		default:
		}
	}
}

func TestNothingIsSentWithoutTheCertificate(t *testing.T) {
	ca := newAuthority(t)
	back := serveWith(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }), func(s *http.Server, l net.Listener) error {
		s.TLSConfig = curious(t, ca)
		s.TLSConfig.ClientAuth = tls.RequestClientCert // It would take one without.
		return s.ServeTLS(l, "", "")
	})
	good := ca.issue(t, "good")
	broken := &Certificate{Chain: good.Chain, Key: []byte("secret")}
	e := newEngine(t, Options{})
	c := site(t, map[string]Action{"/": to("p")}, map[string]*Pool{"p": shownTo(PoolHTTP1, ca, back, broken)})
	address := apply(t, e, c)
	if status, body := get(t, "http://"+address); status != 503 {
		t.Errorf("want 503, got %d %q", status, body)
	}
	// With the key that belongs to the chain it is another certificate.
	back = askingBackend(t, ca, false)
	c.Pools = map[string]*Pool{"p": shownTo(PoolHTTP1, ca, back, broken)}
	apply(t, e, c)
	next := *c
	next.Pools = map[string]*Pool{"p": shownTo(PoolHTTP1, ca, back, good)}
	apply(t, e, &next)
	if status, got := get(t, "http://"+address); status != 200 || got != serial(t, good) {
		t.Errorf("want 200 and %s, got %d %s", serial(t, good), status, got)
	}
}

func TestEndpointsThatAskAreShownTheCertificateForTCP(t *testing.T) {
	ca := newAuthority(t)
	config := curious(t, ca)
	back := scripted(t, func(c net.Conn) {
		conn := tls.Server(c, config)
		if conn.Handshake() == nil {
			_, _ = fmt.Fprint(conn, conn.ConnectionState().PeerCertificates[0].SerialNumber)
		}
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	})
	own := ca.issue(t, "own")
	e := newEngine(t, Options{})
	address := apply(t, e, layer4Site(t, TCP, to("p"), map[string]*Pool{"p": shownTo(PoolTCP, ca, back, own)}))
	if got, err := io.ReadAll(dialRaw(t, address)); err != nil || string(got) != serial(t, own) {
		t.Errorf("want %s, got %q, %v", serial(t, own), got, err)
	}
}
