package proxy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"fmt"
	"strings"
)

// Check says why the certificate cannot be served: the chain or key is no PEM, or they do not belong together. It parses at most
// once and may be called concurrently. The error quotes neither.
func (c *Certificate) Check() error {
	_, err := c.keyPair()
	return err
}

func (c *Certificate) keyPair() (*tls.Certificate, error) {
	c.parse.Do(func() {
		pair, err := tls.X509KeyPair(c.Chain, c.Key)
		if err != nil {
			c.err = fmt.Errorf("certificate: %w", err)
			return
		}
		c.pair = &pair
	})
	return c.pair, c.err
}

// certificates are what one server can prove itself with.
type certificates struct {
	all      []*tls.Certificate            // in the order given
	exact    map[string][]*tls.Certificate // by DNS name
	wildcard map[string][]*tls.Certificate // by what follows the "*"
}

// newCertificates leaves out what does not parse and returns the errors for that.
func newCertificates(given []*Certificate) (*certificates, []error) {
	c := &certificates{exact: map[string][]*tls.Certificate{}, wildcard: map[string][]*tls.Certificate{}}
	var errs []error
	for _, certificate := range given {
		pair, err := certificate.keyPair()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.all = append(c.all, pair)
		for _, name := range pair.Leaf.DNSNames {
			name = strings.ToLower(name)
			if suffix, ok := strings.CutPrefix(name, "*"); ok {
				c.wildcard[suffix] = preferCheap(c.wildcard[suffix], pair)
			} else {
				c.exact[name] = preferCheap(c.exact[name], pair)
			}
		}
	}
	return c, errs
}

// preferCheap adds pair to certificates for the same name, those whose signatures cost least before the others: an RSA signature
// takes some twenty times as long as one with P-256.
func preferCheap(pairs []*tls.Certificate, pair *tls.Certificate) []*tls.Certificate {
	at := len(pairs)
	if isCheap(pair) {
		for at = 0; at < len(pairs) && isCheap(pairs[at]); at++ {
			continue
		}
	}
	pairs = append(pairs, nil)
	copy(pairs[at+1:], pairs[at:])
	pairs[at] = pair
	return pairs
}

func isCheap(pair *tls.Certificate) bool {
	switch pair.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// choose returns the certificate for a client: of those that it can verify the one with the exact name, then one whose wildcard
// covers the name, then the first. Where the client can verify none, the same without that condition, so that it says itself what
// it does not like. Of several with the name one that has not expired is preferred. Nil when there is none at all.
func (c *certificates) choose(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(hello.ServerName)
	_, parent, _ := strings.Cut(name, ".")
	tiers := [...][]*tls.Certificate{c.exact[name], c.wildcard["."+parent], c.all}
	for i, tier := range tiers {
		var late *tls.Certificate
		for _, pair := range tier {
			if !supports(hello, pair) {
				continue
			}
			if len(tier) == 1 || i == len(tiers)-1 || wallClock().Before(pair.Leaf.NotAfter) {
				return pair
			}
			if late == nil {
				late = pair
			}
		}
		if late != nil {
			return late
		}
	}
	for _, tier := range tiers {
		if len(tier) > 0 {
			return tier[0]
		}
	}
	return nil
}

// supports says whether the client can verify signatures of this kind of key. ClientHelloInfo.SupportsCertificate also compares the
// name, which has been done here by tiers.
func supports(hello *tls.ClientHelloInfo, pair *tls.Certificate) bool {
	anonymous := *hello
	anonymous.ServerName = ""
	return anonymous.SupportsCertificate(pair) == nil
}
