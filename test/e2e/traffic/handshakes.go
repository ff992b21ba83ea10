package traffic

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// NewCertificate makes a certificate of its own for names.
func NewCertificate(t testing.TB, names ...string) echo.Certificate {
	t.Helper()
	c, err := echo.NewCertificate(names...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Handshakes are clients that open TLS connections without end.
type Handshakes struct {
	t            testing.TB
	done, failed atomic.Int64
	failure      atomic.Value
	seen         sync.Map // serial → true
	stop         chan struct{}
	clients      sync.WaitGroup
}

// Shake starts two clients that open connections to an address for a host name, until End.
func Shake(t testing.TB, address, host string, roots *x509.CertPool) *Handshakes {
	h := &Handshakes{t: t, stop: make(chan struct{})}
	over := time.Now().Add(2 * Patience)
	for range 2 {
		h.clients.Go(func() {
			for time.Now().Before(over) {
				select {
				case <-h.stop:
					return
				default:
					h.one(address, host, roots)
				}
			}
		})
	}
	return h
}

func (h *Handshakes) one(address, host string, roots *x509.CertPool) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: Patience}, "tcp", address,
		&tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12})
	h.done.Add(1)
	if err != nil {
		h.failed.Add(1)
		h.failure.CompareAndSwap(nil, err.Error())
		return
	}
	h.seen.Store(conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), true)
	conn.Close()
}

// Saw returns nil once a client was shown the certificate.
func (h *Handshakes) Saw(c echo.Certificate) error {
	leaf, err := leafOf(c)
	if err != nil {
		return err
	}
	if _, seen := h.seen.Load(leaf.SerialNumber.String()); !seen {
		return fmt.Errorf("%d handshakes, none with it", h.done.Load())
	}
	return nil
}

// More waits until n more handshakes are over.
func (h *Handshakes) More(n int64) {
	h.t.Helper()
	until, over := h.done.Load()+n, time.Now().Add(Patience)
	for h.done.Load() < until {
		if time.Now().After(over) {
			h.t.Fatalf("the clients stand still after %d handshakes", h.done.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

// End stops the clients and fails the test when a handshake failed.
func (h *Handshakes) End() {
	h.t.Helper()
	close(h.stop)
	h.clients.Wait()
	Measured(h.t, "%d handshakes around a rotation, %d failed", h.done.Load(), h.failed.Load())
	if h.failed.Load() > 0 {
		h.t.Errorf("%d of %d handshakes failed: %v", h.failed.Load(), h.done.Load(), h.failure.Load())
	}
}

// Presents returns nil when a client that asks for host at an address, with any TLS version that is served, gets want.
func Presents(address, host string, want echo.Certificate) error {
	leaf, err := leafOf(want)
	if err != nil {
		return err
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: Patience}, "tcp", address,
			&tls.Config{RootCAs: want.Pool(), ServerName: host, MinVersion: version, MaxVersion: version})
		if err != nil {
			return fmt.Errorf("%s by %s: %w", host, tls.VersionName(version), err)
		}
		got := conn.ConnectionState().PeerCertificates[0]
		conn.Close()
		if !got.Equal(leaf) {
			return fmt.Errorf("%s by %s: got the certificate of %q, serial %s", host, tls.VersionName(version), got.DNSNames, got.SerialNumber)
		}
	}
	return nil
}

func leafOf(c echo.Certificate) (*x509.Certificate, error) {
	pair, err := c.TLS()
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(pair.Certificate[0])
}
