package proxy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// verify says why a client's certificate, with those that it sent to prove it, is not valid.
func (c *ClientValidation) verify(shown []*x509.Certificate) error {
	if len(shown) == 0 {
		return errors.New("the client has no certificate")
	}
	roots, _ := c.roots()
	leaf, others := shown[0], x509.NewCertPool()
	for _, cert := range shown[1:] {
		others.AddCert(cert)
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: others, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if now := wallClock(); c.IgnoreExpiry && now.After(leaf.NotAfter) {
		options.CurrentTime = leaf.NotAfter
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		switch {
		case c.Depth > 0 && len(chain)-1 > c.Depth:
			err = fmt.Errorf("a chain of %d certificates above the client's, at most %d are allowed", len(chain)-1, c.Depth)
		case c.revokes(chain):
			err = errors.New("the certificate is revoked")
		default:
			return nil
		}
	}
	return err
}

// revocations is one revocation list.
type revocations struct {
	list    *x509.RevocationList
	serials map[string]struct{} // of what is revoked
}

// parseRevoked makes the revocation lists ready. One that does not parse revokes nothing, which the error says.
func (c *ClientValidation) parseRevoked() error {
	broken := 0
	for rest := c.Revoked; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			broken++
			continue
		}
		r := &revocations{list: list, serials: make(map[string]struct{}, len(list.RevokedCertificateEntries))}
		for _, entry := range list.RevokedCertificateEntries {
			r.serials[serialKey(entry.SerialNumber)] = struct{}{}
		}
		c.revoked = append(c.revoked, r)
	}
	switch {
	case broken > 0:
		return fmt.Errorf("clients: %d of the revocation lists do not parse", broken)
	case len(c.Revoked) > 0 && len(c.revoked) == 0:
		return errors.New("clients: there is no revocation list")
	}
	return nil
}

func serialKey(n *big.Int) string { return string(n.Bytes()) }

// revokes reports whether an issuer of the chain has revoked what it signed.
func (c *ClientValidation) revokes(chain []*x509.Certificate) bool {
	for i := 0; i+1 < len(chain); i++ {
		for _, r := range c.revoked {
			if _, found := r.serials[serialKey(chain[i].SerialNumber)]; !found || !bytes.Equal(r.list.RawIssuer, chain[i].RawIssuer) {
				continue
			}
			if r.list.CheckSignatureFrom(chain[i+1]) == nil {
				return true
			}
		}
	}
	return false
}

// checkFields says why Fields cannot begin the names of fields, or Rename has names that are none.
func (c *ClientValidation) checkFields() error {
	if c.Fields != "" && !fieldAllowed(c.Fields, "") {
		return errors.New("clients: the name of the fields is not one")
	}
	for _, name := range c.Rename {
		if !fieldAllowed(name, "") {
			return errors.New("clients: another name for a field is not one")
		}
	}
	return nil
}

// field is what the field called name is sent as.
func (c *ClientValidation) field(name, value string) h1.Field {
	if other, ok := c.Rename[name]; ok {
		name = other
	}
	return h1.Field{Name: name, Value: value}
}

// show returns the fields that tell endpoints of what the client has shown, and proven.
func (c *ClientValidation) show(certs []*x509.Certificate, proven bool) []h1.Field {
	if len(certs) == 0 || c.checkFields() != nil {
		return nil
	}
	if c.Passthrough {
		var chain bytes.Buffer
		for _, cert := range certs {
			chain.WriteString(pemOf(cert))
		}
		return []h1.Field{c.field(c.Fields, encodedPEM(chain.String()))}
	}
	if !proven {
		return nil
	}
	leaf := certs[0]
	return []h1.Field{
		c.field(c.Fields+"-Serial-Number", fmt.Sprintf("%X", leaf.SerialNumber.Bytes())),
		c.field(c.Fields+"-Issuer", escaped(leaf.Issuer.String(), "")),
		c.field(c.Fields+"-Subject", escaped(leaf.Subject.String(), "")),
		c.field(c.Fields+"-Validity", "NotBefore="+leaf.NotBefore.UTC().Format(time.RFC3339)+";NotAfter="+leaf.NotAfter.UTC().Format(time.RFC3339)),
		c.field(c.Fields+"-Leaf", encodedPEM(pemOf(leaf))),
	}
}

func pemOf(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// encodedPEM is s for a field: what is no unreserved character of a URL, nor one of PEM's, is percent-encoded.
func encodedPEM(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+=/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
