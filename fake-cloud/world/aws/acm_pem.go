package aws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// Sizes that ImportCertificate takes.
const (
	maxCertificatePEM = 32 << 10
	maxKeyPEM         = 5 << 10
	maxChainPEM       = 2 << 20
)

// material is a certificate that was checked: PEM and what it says.
type material struct {
	leaf                    *x509.Certificate
	certificate, chain, key string
	algorithm               types.KeyAlgorithm
}

// readMaterial checks what ImportCertificate is given. No error has a word of the key in it.
func readMaterial(certificate, chain, key []byte, now time.Time) (material, error) {
	leaf, err := readLeaf(certificate)
	if err != nil {
		return material{}, err
	}
	m := material{leaf: leaf, certificate: string(certificate), chain: string(chain), key: string(key)}
	if m.algorithm = keyAlgorithm(leaf.PublicKey); m.algorithm == "" {
		return material{}, acmInvalid("The certificate's key algorithm is not supported: ACM takes RSA of 1024 to 4096 bits and ECDSA on P-256, P-384 and P-521.")
	}
	private, err := readKey(key)
	if err != nil {
		return material{}, err
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return material{}, acmInvalid("The private key does not match the certificate.")
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return material{}, acmInvalid("The certificate is not valid at this time: it is valid from %s to %s.",
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if len(leaf.Issuer.Names) == 0 {
		return material{}, acmInvalid("The Issuer field of the certificate must not be empty.")
	}
	return m, checkChain(leaf, chain)
}

func readLeaf(certificate []byte) (*x509.Certificate, error) {
	if len(certificate) > maxCertificatePEM {
		return nil, acmInvalid("The certificate must be no larger than %d bytes.", maxCertificatePEM)
	}
	all, ok := readCertificates(certificate)
	switch {
	case !ok || len(all) == 0:
		return nil, acmInvalid("The certificate body is not in a valid PEM format.")
	case len(all) > 1:
		return nil, acmInvalid("The certificate field contains more than one certificate. You can specify only one certificate in this field.")
	}
	return all[0], nil
}

// readCertificates reads PEM that holds nothing but certificates.
func readCertificates(raw []byte) (all []*x509.Certificate, ok bool) {
	for rest := bytes.TrimSpace(raw); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, false
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, false
		}
		all = append(all, c)
	}
	return all, true
}

func readKey(raw []byte) (crypto.Signer, error) {
	if len(raw) > maxKeyPEM {
		return nil, acmInvalid("The private key must be no larger than %d bytes.", maxKeyPEM)
	}
	// Before an EC key its parameters may stand in a block of their own.
	block, rest := pem.Decode(raw)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, acmInvalid("The private key is not in a valid PEM format.")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, acmInvalid("The private key must be unencrypted.")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, acmInvalid("The private key is not supported.")
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, acmInvalid("The private key is not supported.") // the parser's words may quote the key
	}
	return signer, nil
}

// checkChain holds each certificate to the next. Without a chain, only one that signed itself is taken.
func checkChain(leaf *x509.Certificate, chain []byte) error {
	if len(bytes.TrimSpace(chain)) == 0 {
		if !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) || !signs(leaf, leaf) {
			return acmInvalid("Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or certificate chain.")
		}
		return nil
	}
	if len(chain) > maxChainPEM {
		return acmInvalid("The certificate chain must be no larger than %d bytes.", maxChainPEM)
	}
	all, ok := readCertificates(chain)
	if !ok {
		return acmInvalid("The certificate chain is not in a valid PEM format.")
	}
	child := leaf
	for i, parent := range all {
		if i == len(all)-1 && len(all) == 1 && parent.Equal(leaf) {
			return nil // one that signed itself, given as its own chain
		}
		if !bytes.Equal(child.RawIssuer, parent.RawSubject) || !signs(parent, child) {
			return acmInvalid("Could not validate the certificate with the certificate chain.")
		}
		child = parent
	}
	if leaf.PublicKeyAlgorithm != all[0].PublicKeyAlgorithm {
		return acmInvalid("The cryptographic algorithm of the certificate must match the algorithm of the signing CA.")
	}
	return nil
}

// signs reports whether the child's signature was made with the parent's key, whatever else the parent may sign.
func signs(parent, child *x509.Certificate) bool {
	return parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature) == nil
}

// keyAlgorithm returns the name that ACM has for a key, or nothing.
func keyAlgorithm(key crypto.PublicKey) types.KeyAlgorithm {
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 1024:
			return types.KeyAlgorithmRsa1024
		case 2048:
			return types.KeyAlgorithmRsa2048
		case 3072:
			return types.KeyAlgorithmRsa3072
		case 4096:
			return types.KeyAlgorithmRsa4096
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return types.KeyAlgorithmEcPrime256v1
		case elliptic.P384():
			return types.KeyAlgorithmEcSecp384r1
		case elliptic.P521():
			return types.KeyAlgorithmEcSecp521r1
		}
	}
	return ""
}

// describe fills what a certificate says of itself into d.
func (m material) describe(d *types.CertificateDetail) {
	c := m.leaf
	notBefore, notAfter := c.NotBefore, c.NotAfter
	d.KeyAlgorithm = types.KeyAlgorithm(strings.Replace(string(m.algorithm), "_", "-", 1)) // as DescribeCertificate spells it
	d.NotBefore, d.NotAfter = &notBefore, &notAfter
	d.Serial, d.Subject, d.Issuer = ptr(serialOf(c)), ptr(c.Subject.String()), ptr(issuerOf(c))
	d.SignatureAlgorithm = ptr(signatureName(c.SignatureAlgorithm))
	d.SubjectAlternativeNames = namesOf(c)
	if len(d.SubjectAlternativeNames) > 0 {
		d.DomainName = &d.SubjectAlternativeNames[0]
	}
	d.KeyUsages, d.ExtendedKeyUsages = keyUsages(c), extendedKeyUsages(c)
}

// namesOf returns the names that a certificate is for: its common name first, which counts where it is a name at all.
func namesOf(c *x509.Certificate) []string {
	var names []string
	add := func(name string) {
		if name = strings.ToLower(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if cn := c.Subject.CommonName; !strings.ContainsAny(cn, " \t") {
		add(cn)
	}
	for _, name := range c.DNSNames {
		add(name)
	}
	for _, ip := range c.IPAddresses {
		add(ip.String())
	}
	return names
}

func serialOf(c *x509.Certificate) string {
	raw := c.SerialNumber.Bytes()
	if len(raw) == 0 {
		raw = []byte{0}
	}
	parts := make([]string, len(raw))
	for i := range raw {
		parts[i] = hex.EncodeToString(raw[i : i+1])
	}
	return strings.Join(parts, ":")
}

func issuerOf(c *x509.Certificate) string {
	if len(c.Issuer.Organization) > 0 {
		return c.Issuer.Organization[0]
	}
	return c.Issuer.CommonName
}

func signatureName(a x509.SignatureAlgorithm) string {
	hash, with, ok := strings.Cut(a.String(), "-") // SHA256-RSA, ECDSA-SHA256
	if !ok {
		return a.String()
	}
	if hash == "ECDSA" {
		hash, with = with, hash
	}
	return hash + "WITH" + with
}

var keyUsageNames = []struct {
	bit  x509.KeyUsage
	name types.KeyUsageName
}{
	{x509.KeyUsageDigitalSignature, types.KeyUsageNameDigitalSignature},
	{x509.KeyUsageContentCommitment, types.KeyUsageNameNonRepudation},
	{x509.KeyUsageKeyEncipherment, types.KeyUsageNameKeyEncipherment},
	{x509.KeyUsageDataEncipherment, types.KeyUsageNameDataEncipherment},
	{x509.KeyUsageKeyAgreement, types.KeyUsageNameKeyAgreement},
	{x509.KeyUsageCertSign, types.KeyUsageNameCertificateSigning},
	{x509.KeyUsageCRLSign, types.KeyUsageNameCrlSigning},
	{x509.KeyUsageEncipherOnly, types.KeyUsageNameEnchiperOnly},
	{x509.KeyUsageDecipherOnly, types.KeyUsageNameDecipherOnly},
}

func keyUsages(c *x509.Certificate) []types.KeyUsage {
	var out []types.KeyUsage
	for _, u := range keyUsageNames {
		if c.KeyUsage&u.bit != 0 {
			out = append(out, types.KeyUsage{Name: u.name})
		}
	}
	return out
}

var extendedKeyUsageNames = map[x509.ExtKeyUsage]types.ExtendedKeyUsage{
	x509.ExtKeyUsageAny:             {Name: types.ExtendedKeyUsageNameAny, OID: ptr("2.5.29.37.0")},
	x509.ExtKeyUsageServerAuth:      {Name: types.ExtendedKeyUsageNameTlsWebServerAuthentication, OID: ptr("1.3.6.1.5.5.7.3.1")},
	x509.ExtKeyUsageClientAuth:      {Name: types.ExtendedKeyUsageNameTlsWebClientAuthentication, OID: ptr("1.3.6.1.5.5.7.3.2")},
	x509.ExtKeyUsageCodeSigning:     {Name: types.ExtendedKeyUsageNameCodeSigning, OID: ptr("1.3.6.1.5.5.7.3.3")},
	x509.ExtKeyUsageEmailProtection: {Name: types.ExtendedKeyUsageNameEmailProtection, OID: ptr("1.3.6.1.5.5.7.3.4")},
	x509.ExtKeyUsageIPSECEndSystem:  {Name: types.ExtendedKeyUsageNameIpsecEndSystem, OID: ptr("1.3.6.1.5.5.7.3.5")},
	x509.ExtKeyUsageIPSECTunnel:     {Name: types.ExtendedKeyUsageNameIpsecTunnel, OID: ptr("1.3.6.1.5.5.7.3.6")},
	x509.ExtKeyUsageIPSECUser:       {Name: types.ExtendedKeyUsageNameIpsecUser, OID: ptr("1.3.6.1.5.5.7.3.7")},
	x509.ExtKeyUsageTimeStamping:    {Name: types.ExtendedKeyUsageNameTimeStamping, OID: ptr("1.3.6.1.5.5.7.3.8")},
	x509.ExtKeyUsageOCSPSigning:     {Name: types.ExtendedKeyUsageNameOcspSigning, OID: ptr("1.3.6.1.5.5.7.3.9")},
}

func extendedKeyUsages(c *x509.Certificate) []types.ExtendedKeyUsage {
	var out []types.ExtendedKeyUsage
	for _, u := range c.ExtKeyUsage {
		if named, ok := extendedKeyUsageNames[u]; ok {
			out = append(out, named)
		} else {
			out = append(out, types.ExtendedKeyUsage{Name: types.ExtendedKeyUsageNameCustom})
		}
	}
	for _, oid := range c.UnknownExtKeyUsage {
		out = append(out, types.ExtendedKeyUsage{Name: types.ExtendedKeyUsageNameCustom, OID: ptr(oid.String())})
	}
	return out
}
