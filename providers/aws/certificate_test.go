package aws_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
)

// keyPair makes a self-signed certificate.
func keyPair(t *testing.T, hosts ...string) (chain, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	check(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

var secureID = id(provider.KindListener, "https-443-a-1")

// secure is the drawn graph with an HTTPS listener that has certificates of a name each.
func secure(t *testing.T, names ...string) graph.Graph {
	t.Helper()
	g := drawn()
	spec := &provider.Listener{
		Marked: mark(secureID.Name), Port: 443, Protocol: "HTTPS", SSLPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
		Default: provider.Action{Fixed: &provider.Fixed{StatusCode: "404", ContentType: "text/plain"}},
	}
	n := graph.Node{ID: secureID, Within: balancerID, Holds: []string{"application-1 port 443"}, Spec: spec}
	for _, name := range names {
		chain, key := keyPair(t, name+".example.com")
		crt := id(provider.KindCertificate, name)
		g[crt] = graph.Node{ID: crt, Spec: &provider.Certificate{Marked: mark(name), Chain: string(chain), Key: key}}
		spec.Certificates = append(spec.Certificates, provider.CertificateChoice{Node: name})
		n.Refs = append(n.Refs, crt)
	}
	g[secureID] = n
	return g
}

// choosing is the drawn graph with an HTTPS listener that chooses certificates.
func choosing(t *testing.T, choices ...provider.CertificateChoice) graph.Graph {
	t.Helper()
	g := secure(t)
	n := g[secureID]
	spec, ok := n.Spec.(*provider.Listener)
	if !ok {
		t.Fatal("no listener")
	}
	spec.Certificates = choices
	return g
}

func TestImportedCertificates(t *testing.T) {
	a := openAccount(t, nil)
	for _, step := range []struct {
		reason string
		names  []string
		calls  []string
	}{
		{"three", []string{"one", "two", "three"}, nil},
		{"the default is another", []string{"two", "one", "three"}, []string{"AddListenerCertificates", "ModifyListener"}},
		{"one of the others goes", []string{"two", "three"}, []string{"RemoveListenerCertificates"}},
		{"only one is left", []string{"three"}, nil},
		{"two others", []string{"four", "five"}, nil},
	} {
		want := secure(t, step.names...)
		before := len(a.Calls(t))
		got := converge(t, a.provider, want)
		mutating, _ := a.calls(t, before)
		for _, call := range step.calls {
			if !slices.Contains(mutating, call) {
				t.Errorf("%s: want %s among %v", step.reason, call, mutating)
			}
		}
		if n := count(got, provider.KindCertificate); n != len(step.names) {
			t.Errorf("%s: want %d certificates, got %d", step.reason, len(step.names), n)
		}
	}
	converge(t, a.provider, graph.Graph{})
	if n := a.Resources(t); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

// TestRejectedCertificate is told in AWS's words, without the key.
func TestRejectedCertificate(t *testing.T) {
	a := openAccount(t, nil)
	want := secure(t, "one")
	other, _ := keyPair(t, "one.example.com")
	n := want[id(provider.KindCertificate, "one")]
	spec, ok := n.Spec.(*provider.Certificate)
	if !ok {
		t.Fatal("no certificate")
	}
	spec.Chain = string(other)
	err := pass(t, a.provider, want)
	mustFail(t, err, cloud.Invalid, "ImportCertificate certificate/one")
	if strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("the key is in the error: %v", err)
	}
	spec.Chain = "no certificate"
	mustFail(t, pass(t, a.provider, want), cloud.Invalid, "it has no certificate in PEM")
}

// issued asks ACM for a certificate and waits for it.
func (a *account) issued(t *testing.T, host string, more ...string) string {
	t.Helper()
	out, err := a.region.RequestCertificate(t.Context(), &acm.RequestCertificateInput{
		DomainName: aws.String(host), SubjectAlternativeNames: more, ValidationMethod: acmtypes.ValidationMethodDns,
	})
	check(t, err)
	eventually(t, "the certificate is issued", func() bool {
		crt, err := a.region.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: out.CertificateArn})
		check(t, err)
		return crt.Certificate.Status == acmtypes.CertificateStatusIssued
	})
	return aws.ToString(out.CertificateArn)
}

func TestDiscoveredCertificates(t *testing.T) {
	a := openAccount(t, nil)
	wild := a.issued(t, "*.example.com")
	exact := a.issued(t, "www.example.com")
	want := choosing(t, provider.CertificateChoice{Hostname: "www.example.com"}, provider.CertificateChoice{Hostname: "api.example.com"})
	got := converge(t, a.provider, want)
	spec, ok := got[secureID].Spec.(*provider.Listener)
	if !ok {
		t.Fatal("no listener")
	}
	wanted := []provider.CertificateChoice{{ARN: exact, Covers: []string{"www.example.com"}}, {ARN: wild, Covers: []string{"*.example.com"}}}
	if diff := cmp.Diff(wanted, spec.Certificates); diff != "" {
		t.Error(diff)
	}
	// What was chosen stays, whatever else there is.
	a.issued(t, "www.example.com", "api.example.com")
	before := len(a.Calls(t))
	converge(t, a.provider, want)
	if mutating, _ := a.calls(t, before); len(mutating) != 0 {
		t.Errorf("want no call, got %v", mutating)
	}
	mustFail(t, pass(t, a.provider, choosing(t, provider.CertificateChoice{Hostname: "www.example.org"})), cloud.Invalid,
		"AWS Certificate Manager has no issued certificate for www.example.org")
	converge(t, a.provider, choosing(t, provider.CertificateChoice{ARN: wild}))
	converge(t, a.provider, graph.Graph{})
	if n := a.Resources(t); n != 3 {
		t.Errorf("want the three certificates of somebody else left, got %d resources", n)
	}
}

// TestCertificatesOfOtherGatewaysAreNotDiscovered: they go with their Gateway.
func TestCertificatesOfOtherGatewaysAreNotDiscovered(t *testing.T) {
	a := openAccount(t, nil)
	converge(t, a.provider, secure(t, "one"))
	mustFail(t, pass(t, a.provider, choosing(t, provider.CertificateChoice{Hostname: "one.example.com"})), cloud.Invalid, "no issued certificate for one.example.com")
}

// TestUnknownCertificate names one that is not there: that is for the user to mend, not to be looked for again and again.
func TestUnknownCertificate(t *testing.T) {
	a := openAccount(t, nil)
	arn := "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	mustFail(t, pass(t, a.provider, choosing(t, provider.CertificateChoice{ARN: arn})), cloud.Invalid, "CreateListener listener/https-443-a-1: Certificate '"+arn)
}
