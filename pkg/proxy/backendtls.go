package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// config returns how an endpoint is asked to prove itself. Where DNSNames or URIs are given the certificate has to have one of them, and
// ServerName is only what is asked for (Gateway API, BackendTLSPolicy's subjectAltNames); else it has to be for ServerName.
func (b *BackendTLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: b.ServerName, ClientSessionCache: tls.NewLRUClientSessionCache(16)}
	if b.Client != nil {
		own, err := b.Client.keyPair()
		if err != nil {
			return nil, fmt.Errorf("backend TLS: this side's %w", err)
		}
		// Shown to whoever asks, also where the CAs that the endpoint names are others: it decides.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	if b.Insecure {
		c.InsecureSkipVerify = true
		return c, nil
	}
	if len(b.CAs) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(b.CAs) {
			return nil, errors.New("backend TLS: the CAs have no certificate in PEM")
		}
	}
	if b.ServerName == "" && len(b.DNSNames)+len(b.URIs) == 0 {
		return nil, errors.New("backend TLS: no server name to prove")
	}
	if len(b.DNSNames)+len(b.URIs) == 0 {
		return c, nil
	}
	names, uris, roots := b.DNSNames, b.URIs, c.RootCAs
	// The chain is verified in VerifyConnection, which also runs for resumed sessions, because crypto/tls would want the certificate to be
	// for ServerName.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the endpoint has no certificate")
		}
		leaf, others := s.PeerCertificates[0], x509.NewCertPool()
		for _, cert := range s.PeerCertificates[1:] {
			others.AddCert(cert)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others}); err != nil {
			return err
		}
		if slices.ContainsFunc(names, func(name string) bool { return leafNamed(leaf, name) }) ||
			slices.ContainsFunc(leaf.URIs, func(u *url.URL) bool { return slices.Contains(uris, u.String()) }) {
			return nil
		}
		return errors.New("the endpoint's certificate has none of the names that it should have")
	}
	return c, nil
}

// leafNamed reports whether the certificate has name. A name with a wildcard has to be there as it is.
func leafNamed(leaf *x509.Certificate, name string) bool {
	if strings.HasPrefix(name, "*.") {
		return slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) })
	}
	return leaf.VerifyHostname(name) == nil
}
