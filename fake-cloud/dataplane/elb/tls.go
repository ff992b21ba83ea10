package elb

import (
	"crypto/tls"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// versions of TLS by the names that security policies have for them.
var versions = map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// suites of TLS 1.2 and before by OpenSSL's names. Those that crypto/tls does not have (CBC with SHA-384, and AES-256 with SHA-256 in CBC)
// are not offered to clients; there is none of these that stands alone in a policy.
var suites = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"DES-CBC3-SHA":                  tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
}

// compilePolicy returns what a security policy allows; one that is not known allows TLS 1.2 and later.
func compilePolicy(name string, alpn []string) *proxy.TLSPolicy {
	out := &proxy.TLSPolicy{MinVersion: tls.VersionTLS12, Protocols: protocols(alpn)}
	policy, known := aws.SSLPolicy(name)
	if !known {
		return out
	}
	out.MinVersion = tls.VersionTLS13
	for _, p := range policy.SslProtocols {
		out.MinVersion = min(out.MinVersion, versions[p])
		out.MaxVersion = max(out.MaxVersion, versions[p])
	}
	for _, c := range policy.Ciphers {
		if id, ok := suites[value(c.Name, "")]; ok {
			out.Suites = append(out.Suites, id)
		}
	}
	return out
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

// clientFields is where the names of the fields begin that show targets a client's certificate.
const clientFields = "X-Amzn-Mtls-Clientcert"

// compileClients returns how clients prove who they are; nil where nobody asks.
func compileClients(m *types.MutualAuthenticationAttributes, store *aws.TrustStore, attributes map[string]string) *proxy.ClientValidation {
	if m == nil {
		return nil
	}
	switch value(m.Mode, "off") {
	case "passthrough":
		return &proxy.ClientValidation{Passthrough: true, Fields: clientFields, Rename: renames(attributes)}
	case "verify":
		v := &proxy.ClientValidation{
			Fields: clientFields, Rename: renames(attributes), Depth: maxDepth, IgnoreExpiry: m.IgnoreClientCertificateExpiry != nil && *m.IgnoreClientCertificateExpiry,
			HideCAs: m.AdvertiseTrustStoreCaNames != types.AdvertiseTrustStoreCaNamesEnumOn,
		}
		if store != nil {
			v.CAs = []byte(store.Bundle)
			for _, r := range store.Revocations {
				v.Revoked = append(v.Revoked, r.Content...)
			}
		}
		return v
	}
	return nil
}

// renames are the names that a listener's attributes give to the fields about clients' TLS.
func renames(attributes map[string]string) map[string]string {
	out := map[string]string{}
	for _, suffix := range []string{"", "-Serial-Number", "-Issuer", "-Subject", "-Validity", "-Leaf"} {
		name := clientFields + suffix
		if other := attributes[requestName(name)]; other != "" && other != name {
			out[name] = other
		}
	}
	return out
}

// requestName is the attribute that renames a field of requests.
func requestName(field string) string {
	return "routing.http.request." + strings.ToLower(strings.ReplaceAll(field, "-", "_")) + ".header_name"
}
