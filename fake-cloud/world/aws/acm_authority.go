package aws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// Authority is the certificate authority that issues what is asked of ACM in a region. Nobody else trusts it: a client that checks
// certificates has to be given its own, which is the chain of every certificate that it issued.
type Authority struct {
	Meta
	CertificatePEM, KeyPEM string
}

// authorityKey is the key of the only authority of a region.
const authorityKey = "authority"

// Lifetimes of what the authority signs. Public certificates of ACM are good for 198 days.
const (
	leafLife      = 198 * 24 * time.Hour
	authorityLife = 20 * 365 * 24 * time.Hour
)

// authority returns the region's, made when it is first needed.
func (r *Region) authority(x *tx) (*x509.Certificate, crypto.Signer, string, error) {
	a, ok := r.authorities.get(authorityKey)
	if !ok {
		var err error
		if a, err = newAuthority(x.now); err != nil {
			return nil, nil, "", err
		}
		a.Meta = x.meta(authorityKey, nil, 0)
		r.authorities.put(x, a)
	}
	block, _ := pem.Decode([]byte(a.CertificatePEM))
	if block == nil {
		return nil, nil, "", fmt.Errorf("certificate of the authority cannot be read")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, "", fmt.Errorf("certificate of the authority: %w", err)
	}
	key, err := readKey([]byte(a.KeyPEM))
	if err != nil {
		return nil, nil, "", err
	}
	return certificate, key, a.CertificatePEM, nil
}

func newAuthority(now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Country: []string{"US"}, Organization: []string{"Amazon"}, CommonName: "Amazon Fake Root CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	written, err := writeKey(key)
	return &Authority{CertificatePEM: certificate, KeyPEM: written}, err
}

// issue signs a certificate for the names, the first of which is the common name.
func (r *Region) issue(x *tx, names []string, keyPEM string) (certificate, chain string, err error) {
	parent, signer, chain, err := r.authority(x)
	if err != nil {
		return "", "", err
	}
	key, err := readKey([]byte(keyPEM))
	if err != nil {
		return "", "", err
	}
	day := x.now.Truncate(24 * time.Hour)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: day, NotAfter: day.Add(leafLife).Add(-time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	certificate, err = sign(template, parent, key.Public(), signer)
	return certificate, chain, err
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, with crypto.Signer) (string, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, with)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// newKey makes the key of a certificate. ACM issues certificates for these three kinds only.
func newKey(algorithm types.KeyAlgorithm) (string, error) {
	var key crypto.Signer
	var err error
	switch algorithm {
	case types.KeyAlgorithmRsa2048, "":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case types.KeyAlgorithmEcPrime256v1:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case types.KeyAlgorithmEcSecp384r1:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return "", acmInvalid("The key algorithm %s is not supported for certificates that ACM issues: RSA_2048, EC_prime256v1 or EC_secp384r1.", algorithm)
	}
	if err != nil {
		return "", err
	}
	return writeKey(key)
}

func writeKey(key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
