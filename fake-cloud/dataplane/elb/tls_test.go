package elb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// identity is a certificate with its key, which signs itself or others.
type identity struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	chain, pem  []byte // PEM of the certificate, of the key
}

// identify makes a certificate for names, signed by the issuer, or by itself where there is none.
func identify(t *testing.T, issuer *identity, names ...string) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, IsCA: issuer == nil, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{certificate, key,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})}
}

func (s *stand) imported(i *identity) string {
	s.t.Helper()
	return *do(s, s.ImportCertificate, &acm.ImportCertificateInput{Certificate: i.chain, PrivateKey: i.pem}).CertificateArn
}

func secure(protocol types.ProtocolEnum, arn string, more func(*api.CreateListenerInput)) func(*api.CreateListenerInput) {
	return func(in *api.CreateListenerInput) {
		in.Protocol, in.Certificates = protocol, []types.Certificate{{CertificateArn: &arn}}
		in.SslPolicy = sdk.String("ELBSecurityPolicy-TLS13-1-2-2021-06")
		if more != nil {
			more(in)
		}
	}
}

// handshake returns the names of the certificate that a server shows.
func handshake(at string, c *tls.Config) (*tls.ConnectionState, error) {
	conn, err := tls.Dial("tcp", at, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	state := conn.ConnectionState()
	return &state, nil
}

// insecure looks at no certificate: the tests do.
func insecure(name string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}
}

// overHTTP2 returns a client that speaks HTTP/2 alone.
func overHTTP2(name string) *http.Client {
	var p http.Protocols
	p.SetHTTP2(true)
	c := insecure(name)
	c.NextProtos = nil
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: c, Protocols: &p}}
}

func TestCertificatesBySNI(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	first, second := identify(t, nil, "first.test"), identify(t, nil, "*.second.test", "second.test")
	arn := s.imported(first)
	ls := s.listener(lb, 8443, fixed("200", "secret"), secure(types.ProtocolEnumHttps, arn, nil))
	do(s, s.AddListenerCertificates, &api.AddListenerCertificatesInput{
		ListenerArn: &ls, Certificates: []types.Certificate{{CertificateArn: sdk.String(s.imported(second))}},
	})
	at := s.at(lb, 8443)
	for name, want := range map[string]string{
		"first.test": "first.test", "second.test": "*.second.test", "www.second.test": "*.second.test", "other.test": "first.test", "": "first.test",
	} {
		var got *tls.ConnectionState
		eventually(t, fmt.Sprintf("%q to be shown %s", name, want), func() bool { // the second certificate came a moment ago
			var err error
			got, err = handshake(at, insecure(name))
			return err == nil && got.PeerCertificates[0].DNSNames[0] == want
		})
		if got.NegotiatedProtocol != "h2" {
			t.Errorf("%q: got %s by ALPN", name, got.NegotiatedProtocol)
		}
	}
	old := insecure("first.test")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := handshake(at, old); err == nil {
		t.Error("TLS 1.1 is spoken under a policy that begins at 1.2")
	}
	do(s, s.ModifyListener, &api.ModifyListenerInput{ListenerArn: &ls, SslPolicy: sdk.String("ELBSecurityPolicy-TLS13-1-1-2021-06")})
	eventually(t, "TLS 1.1 under another policy", func() bool { _, err := handshake(at, old); return err == nil })
	c := overHTTP2("first.test")
	if got, err := ask(c, "GET", "https://"+at+"/"); err != nil || got.status != 200 || got.body != "secret" {
		t.Errorf("over HTTP/2: %+v, %v", got, err)
	}
	s.tune(lb, "routing.http2.enabled=false")
	eventually(t, "HTTP/2 is off", func() bool {
		got, err := handshake(at, insecure("first.test"))
		return err == nil && got.NegotiatedProtocol != "h2"
	})
}

func TestClientsCertificates(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	ca, other := identify(t, nil, "ca.test"), identify(t, nil, "other-ca.test")
	known, stranger := identify(t, ca, "client.test"), identify(t, other, "stranger.test")
	if err := s.SeedObject("bucket", "ca.pem", ca.chain); err != nil {
		t.Fatal(err)
	}
	store := do(s, s.CreateTrustStore, &api.CreateTrustStoreInput{
		Name: s.name("store"), CaCertificatesBundleS3Bucket: sdk.String("bucket"), CaCertificatesBundleS3Key: sdk.String("ca.pem"),
	}).TrustStores[0].TrustStoreArn
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "", shows))
	arn := s.imported(identify(t, nil, "server.test"))
	s.listener(lb, 8443, forward(web), secure(types.ProtocolEnumHttps, arn, func(in *api.CreateListenerInput) {
		in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: sdk.String("verify"), TrustStoreArn: store}
	}))
	s.listener(lb, 8444, forward(web), secure(types.ProtocolEnumHttps, arn, func(in *api.CreateListenerInput) {
		in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: sdk.String("passthrough")}
	}))
	get := func(port int, client *identity) (answer, error) {
		c := &tls.Config{InsecureSkipVerify: true}
		if client != nil {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{client.certificate.Raw}, PrivateKey: client.key}}
		}
		hc := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		return ask(hc, "GET", "https://"+s.at(lb, port)+"/", "X-Amzn-Mtls-Clientcert-Subject: forged")
	}
	var got answer
	var err error
	eventually(t, "served", func() bool { got, err = get(8443, known); return err == nil && got.status == 200 })
	if subject := seen(got.body, "X-Amzn-Mtls-Clientcert-Subject"); subject != "CN=client.test" {
		t.Errorf("verified: the target saw subject %q", subject)
	}
	for _, client := range []*identity{nil, stranger} {
		if got, err := get(8443, client); err == nil {
			t.Errorf("somebody without a certificate of the store's got %+v", got)
		}
	}
	eventually(t, "served", func() bool { got, err = get(8444, stranger); return err == nil && got.status == 200 })
	if chain, err := url.PathUnescape(seen(got.body, "X-Amzn-Mtls-Clientcert")); err != nil || strings.TrimSpace(chain) != strings.TrimSpace(string(stranger.chain)) {
		t.Errorf("passed through: the target saw %q", chain)
	}
}

// TestGRPC calls a target of gRPC, and with what such a target does not speak.
func TestGRPC(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	service := backend(t, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		if r.URL.Path == "/AWS.ALB/healthcheck" {
			w.Header().Set("Grpc-Status", "12")
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
		w.Header().Set("Grpc-Status", "0")
	})
	web := s.group(func(in *api.CreateTargetGroupInput) { in.ProtocolVersion = sdk.String("GRPC") }, service)
	s.listener(lb, 8443, forward(web), secure(types.ProtocolEnumHttps, s.imported(identify(t, nil, "grpc.test")), nil))
	at := s.at(lb, 8443)
	c := overHTTP2("grpc.test")
	message := "\x00\x00\x00\x00\x03abc"
	eventually(t, "a call", func() bool {
		req, err := http.NewRequestWithContext(context.Background(), "POST", "https://"+at+"/pkg.Service/Method", strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		resp, err := c.Do(req)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		return err == nil && string(body) == message && resp.Trailer.Get("Grpc-Status") == "0"
	})
	s.healthy(web)
	old := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if got, err := ask(old, "GET", "https://"+at+"/"); err != nil || got.status != 464 {
		t.Errorf("HTTP/1.1 to targets of gRPC: got %+v, %v", got, err)
	}
}
