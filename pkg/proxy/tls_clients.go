package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Check says why the clients' certificates cannot be verified, or not by all of the CAs. It parses at most once and may be called concurrently.
func (c *ClientValidation) Check() error {
	_, err := c.roots()
	return err
}

// roots are the CAs that parse. There may be none, and then no certificate is valid: a pool that were nil would be the system's.
func (c *ClientValidation) roots() (*x509.CertPool, error) {
	c.parse.Do(func() {
		if c.Passthrough {
			c.err = c.checkFields()
			return
		}
		c.pool = x509.NewCertPool()
		found, broken := 0, 0
		for rest := c.CAs; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type != "CERTIFICATE" {
				continue
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				broken++
				continue
			}
			c.pool.AddCert(cert)
			found++
		}
		switch {
		case found == 0:
			c.err = errors.New("clients: the CAs have no certificate that parses, so nobody is served")
		case broken > 0:
			c.err = fmt.Errorf("clients: %d of the CAs' certificates do not parse", broken)
		}
		c.err = errors.Join(c.err, c.parseRevoked(), c.checkFields())
	})
	return c.pool, c.err
}

// require has config ask clients as c says. It is called for each server of a listener: whoever gets a connection to one of them may send
// requests for the others on it, so that all ask for the same.
//
// A session is resumed without another look at the certificate. crypto/tls does so only where the chain that it has verified then still ends
// in one of the CAs, and nothing of it has expired; else there is a full handshake.
func (c *ClientValidation) require(config *tls.Config) {
	if c.Passthrough {
		config.ClientAuth = tls.RequestClientCert
		return
	}
	roots, _ := c.roots() // newTermination reports the error.
	config.ClientCAs = roots
	config.ClientAuth = tls.RequireAndVerifyClientCert
	if c.InsecureFallback && !roots.Equal(x509.NewCertPool()) {
		config.ClientAuth = tls.RequestClientCert
	} else if c.particular() {
		config.ClientAuth = tls.RequireAnyClientCert
		config.VerifyConnection = func(state tls.ConnectionState) error { return c.verify(state.PeerCertificates) }
	}
	if c.HideCAs {
		config.ClientCAs = nil
	}
}

// particular reports whether crypto/tls cannot verify by itself what is asked for.
func (c *ClientValidation) particular() bool {
	return c.Depth > 0 || c.IgnoreExpiry || c.HideCAs || len(c.Revoked) > 0
}

// proven returns the certificate that the client has proven to have and one of the CAs vouches for, and nil when there is none. c may be nil.
func (c *ClientValidation) proven(state *tls.ConnectionState) *x509.Certificate {
	if c == nil || c.Passthrough || len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	if !c.InsecureFallback {
		return leaf // Else there were no connection.
	}
	if c.verify(state.PeerCertificates) != nil {
		return nil
	}
	return leaf
}

// unproven reports whether the request came on a connection that was made before clients had to prove themselves here: it is worth nothing
// any more. Whoever has proven itself by the CAs of then may go on.
func (x *exchange) unproven() bool { return x.version.site.proof && x.client.certificate == "" }

// maxClientCert bounds what is said of a client's certificate: with more names the rest are left out.
const maxClientCert = 4 << 10

// describeClient says whose certificate it is, as endpoints expect in X-Forwarded-Client-Cert (Envoy's format): the SHA-256 of the
// certificate, its subject, URIs and DNS names.
func describeClient(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	var b strings.Builder
	b.WriteString("Hash=" + hex.EncodeToString(sum[:]))
	add := func(name, value string) {
		if b.Len()+len(name)+len(value)+2 <= maxClientCert {
			b.WriteString(";" + name + "=" + value)
		}
	}
	add("Subject", `"`+escaped(cert.Subject.String(), "")+`"`)
	for _, u := range cert.URIs {
		add("URI", escaped(u.String(), ",;="))
	}
	for _, name := range cert.DNSNames {
		add("DNS", escaped(name, ",;="))
	}
	return b.String()
}

// escaped percent-encodes what a value cannot have as it is: what would end it, or be another field. A CA may have signed any text.
func escaped(s, special string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' && special == "" || strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// turnAway ends a connection whose handshake failed. With TLS 1.3 a client that is refused for its certificate has its first request on the
// way already: were the connection closed at once, the kernel would reset it, and the client would not see the alert that says why.
func (s *session) turnAway(clients *ClientValidation) {
	if clients != nil && s.CloseWrite() == nil {
		s.drainInput(lingerTime)
	}
}
