package elb

import (
	"crypto/tls"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// versions of TLS by how the names of security policies spell them.
var versions = []struct {
	part    string
	version uint16
}{
	{"-1-3-", tls.VersionTLS13},
	{"-1-2-", tls.VersionTLS12},
	{"-1-1-", tls.VersionTLS11},
}

// compilePolicy returns what a security policy allows. Its ciphers are those of its kind: with forward secrecy, without CBC, or all.
func compilePolicy(name string, alpn []string) *proxy.TLSPolicy {
	p := &proxy.TLSPolicy{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, Protocols: protocols(alpn)}
	if strings.Contains(name, "TLS13") {
		p.MaxVersion = tls.VersionTLS13
	}
	if name == "ELBSecurityPolicy-TLS13-1-3-2021-06" || strings.Contains(name, "TLS13-1-3-") {
		p.MinVersion = tls.VersionTLS13
		return p
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(name, "ELBSecurityPolicy"), "-TLS13")
	for _, v := range versions {
		if strings.Contains(rest+"-", v.part) {
			p.MinVersion = v.version
			break
		}
	}
	p.Suites = suites(name, p.MinVersion)
	return p
}

// suites of TLS 1.2 and before, the preferred ones first.
func suites(policy string, least uint16) []uint16 {
	authenticated := []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}
	if strings.Contains(policy, "-Res-") {
		return authenticated
	}
	secret := append(slices.Clone(authenticated), tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256)
	if strings.Contains(policy, "TLS13-1-2-2021") || strings.Contains(policy, "Ext1") {
		if !strings.Contains(policy, "Ext1") {
			return secret
		}
		return append(secret, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA256)
	}
	old := append(secret, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)
	if strings.Contains(policy, "-FS-") {
		return old
	}
	all := append(old, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA256)
	if least >= tls.VersionTLS12 && !strings.Contains(policy, "Ext") {
		return all
	}
	return append(all, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA)
}

// protocols are what an ALPN policy of a Network Load Balancer offers; nil where there is none.
func protocols(policy []string) []string {
	if len(policy) == 0 {
		return nil
	}
	switch policy[0] {
	case "HTTP1Only":
		return []string{"http/1.1", "http/1.0"}
	case "HTTP2Only":
		return []string{"h2"}
	case "HTTP2Optional":
		return []string{"http/1.1", "http/1.0", "h2"}
	case "HTTP2Preferred":
		return []string{"h2", "http/1.1", "http/1.0"}
	}
	return nil
}

// certificateCache keeps what is parsed already, by its row.
type certificateCache map[*aws.Certificate]*proxy.Certificate

func (c certificateCache) get(row *aws.Certificate) *proxy.Certificate {
	if row == nil || row.KeyPEM == "" {
		return nil // not issued yet
	}
	known := c[row]
	if known == nil {
		known = &proxy.Certificate{Chain: []byte(row.CertificatePEM + "\n" + row.ChainPEM), Key: []byte(row.KeyPEM)}
		c[row] = known
	}
	return known
}

// keep forgets the certificates that the view does not have any more.
func (c certificateCache) keep(live map[*aws.Certificate]bool) {
	for row := range c {
		if !live[row] {
			delete(c, row)
		}
	}
}

// maxDepth is how many certificates a client's chain may have above its own.
const maxDepth = 4

// compileClients returns how clients prove who they are; nil where nobody asks.
func compileClients(m *types.MutualAuthenticationAttributes, stores map[string]*aws.TrustStore) *proxy.ClientValidation {
	if m == nil {
		return nil
	}
	const fields = "X-Amzn-Mtls-Clientcert"
	switch value(m.Mode, "off") {
	case "passthrough":
		return &proxy.ClientValidation{Passthrough: true, Fields: fields}
	case "verify":
		v := &proxy.ClientValidation{
			Fields: fields, Depth: maxDepth, IgnoreExpiry: m.IgnoreClientCertificateExpiry != nil && *m.IgnoreClientCertificateExpiry,
			HideCAs: m.AdvertiseTrustStoreCaNames != types.AdvertiseTrustStoreCaNamesEnumOn,
		}
		if store := stores[value(m.TrustStoreArn, "")]; store != nil {
			v.CAs = []byte(store.Bundle)
			for _, r := range store.Revocations {
				v.Revoked = append(v.Revoked, r.Content...)
			}
		}
		return v
	}
	return nil
}
