package aws

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// pair is a certificate with its key.
type pair struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func (p pair) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})
}

func (p pair) keyPEM(t *testing.T) []byte {
	t.Helper()
	written, err := writeKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(written)
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// makePair makes a certificate that the parent signs; none signs itself.
func makePair(t *testing.T, key crypto.Signer, parent *pair, change func(*x509.Certificate), names ...string) pair {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(258), Subject: pkix.Name{CommonName: names[0], Organization: []string{"Org of " + names[0]}}, DNSNames: names,
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(90 * 24 * time.Hour), BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(c)
	}
	by := pair{c, key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	read, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pair{read, key}
}

func imported(t *testing.T, p pair, chain ...pair) *acm.ImportCertificateInput {
	in := &acm.ImportCertificateInput{Certificate: p.pem(), PrivateKey: p.keyPEM(t)}
	for _, c := range chain {
		in.CertificateChain = append(in.CertificateChain, c.pem()...)
	}
	return in
}

func TestImportCertificate(t *testing.T) {
	a := accountFor(t, nil)
	p := makePair(t, ecKey(t), nil, nil, "www.example.com", "example.com")
	in := imported(t, p)
	in.Tags = []types.Tag{{Key: ptr("a"), Value: ptr("1")}, {Key: ptr("b")}}
	arn := do(a, a.ImportCertificate, in).CertificateArn
	if !strings.HasPrefix(*arn, "arn:aws:acm:eu-west-1:123456789012:certificate/") || len(*arn) != len("arn:aws:acm:eu-west-1:123456789012:certificate/")+36 {
		t.Errorf("want an ARN as of ACM, got %s", *arn)
	}
	got := do(a, a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn}).Certificate
	type seen struct {
		Domain, Serial, Subject, Issuer, Signature string
		Names                                      []string
		Status                                     types.CertificateStatus
		Key                                        types.KeyAlgorithm
		Type                                       types.CertificateType
		Renewal                                    types.RenewalEligibility
	}
	want := seen{
		"www.example.com", "01:02", "CN=www.example.com,O=Org of www.example.com", "Org of www.example.com", "SHA256WITHECDSA",
		[]string{"www.example.com", "example.com"}, types.CertificateStatusIssued, "EC-prime256v1", types.CertificateTypeImported, types.RenewalEligibilityIneligible,
	}
	if diff := cmp.Diff(want, seen{*got.DomainName, *got.Serial, *got.Subject, *got.Issuer, *got.SignatureAlgorithm, got.SubjectAlternativeNames, got.Status, got.KeyAlgorithm, got.Type, got.RenewalEligibility}); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	if tags := do(a, a.ListTagsForCertificate, &acm.ListTagsForCertificateInput{CertificateArn: arn}).Tags; len(tags) != 2 || *tags[1].Value != "" {
		t.Errorf("want both tags, got %+v", tags)
	}
	back := do(a, a.GetCertificate, &acm.GetCertificateInput{CertificateArn: arn})
	if *back.Certificate != string(p.pem()) || back.CertificateChain != nil {
		t.Errorf("want the certificate back, got %q", *back.Certificate)
	}
	do(a, a.DeleteCertificate, &acm.DeleteCertificateInput{CertificateArn: arn})
	refused(a, "ResourceNotFoundException", a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn})
	refused(a, "ValidationException", a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: ptr("nonsense")})
}

func TestImportRefusals(t *testing.T) {
	a := accountFor(t, nil)
	root := makePair(t, ecKey(t), nil, nil, "root")
	middle := makePair(t, ecKey(t), &root, func(c *x509.Certificate) { c.IsCA = true }, "middle")
	leaf := makePair(t, ecKey(t), &middle, nil, "www.example.com")
	other := makePair(t, ecKey(t), nil, nil, "other")
	namesake := makePair(t, ecKey(t), &root, func(c *x509.Certificate) { c.Subject = root.certificate.Subject }, "root")
	past := makePair(t, ecKey(t), nil, func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Minute) }, "past")
	future := makePair(t, ecKey(t), nil, func(c *x509.Certificate) { c.NotBefore = start.Add(time.Minute) }, "future")
	_, strange, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	do(a, a.ImportCertificate, imported(t, leaf, middle, root))
	do(a, a.ImportCertificate, imported(t, leaf, middle))
	do(a, a.ImportCertificate, imported(t, root))
	do(a, a.ImportCertificate, imported(t, root, root))
	twice := imported(t, leaf, middle)
	twice.Certificate = append(twice.Certificate, middle.pem()...)
	wrongKey := imported(t, leaf, middle)
	wrongKey.PrivateKey = other.keyPEM(t)
	encrypted := imported(t, leaf, middle)
	encrypted.PrivateKey = []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	garbage := imported(t, leaf, middle)
	garbage.PrivateKey = []byte("SECRET-WORDS")
	long := imported(t, leaf, middle)
	long.PrivateKey = append(long.PrivateKey, bytes.Repeat([]byte("\n"), maxKeyPEM)...)
	noCertificate := imported(t, leaf, middle)
	noCertificate.Certificate = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	reserved := imported(t, root)
	reserved.Tags = []types.Tag{{Key: ptr("aws:x"), Value: ptr("1")}}
	for name, c := range map[string]struct {
		in   *acm.ImportCertificateInput
		want string
	}{
		"without its chain":   {imported(t, leaf), "not a valid self signed"},
		"of a namesake":       {imported(t, namesake), "not a valid self signed"},
		"with another chain":  {imported(t, leaf, other), "Could not validate the certificate with the certificate chain"},
		"with chain reversed": {imported(t, leaf, root, middle), "Could not validate the certificate with the certificate chain"},
		"two certificates":    {twice, "more than one certificate"},
		"another key":         {wrongKey, "does not match"},
		"encrypted key":       {encrypted, "unencrypted"},
		"garbage for a key":   {garbage, "not in a valid PEM format"},
		"a long key":          {long, "no larger than"},
		"no certificate":      {noCertificate, "not in a valid PEM format"},
		"expired":             {imported(t, past), "not valid at this time"},
		"not yet valid":       {imported(t, future), "not valid at this time"},
		"strange algorithm":   {imported(t, makePair(t, strange, nil, nil, "strange")), "not supported"},
		"RSA by ECDSA":        {imported(t, makePair(t, rsaKey, &middle, nil, "mixed"), middle), "must match the algorithm"},
	} {
		_, err := a.ImportCertificate(context.Background(), c.in)
		if !isFault(err, "ValidationException") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: want ValidationException with %q, got %v", name, c.want, err)
		}
	}
	refused(a, "InvalidTagException", a.ImportCertificate, reserved)
	a.Cloud().SetQuota("acm-imported-certificates", 4)
	refused(a, "LimitExceededException", a.ImportCertificate, imported(t, root))
}

func TestReimport(t *testing.T) {
	a := accountFor(t, nil)
	first := makePair(t, ecKey(t), nil, nil, "a.example.com")
	arn := do(a, a.ImportCertificate, imported(t, first)).CertificateArn
	again := func(p pair) *acm.ImportCertificateInput {
		in := imported(t, p)
		in.CertificateArn = arn
		return in
	}
	do(a, a.ImportCertificate, again(makePair(t, ecKey(t), nil, nil, "b.example.com")))
	got := do(a, a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn}).Certificate
	if *got.DomainName != "b.example.com" {
		t.Errorf("want the new certificate under the old ARN, got %s", *got.DomainName)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refused(a, "ValidationException", a.ImportCertificate, again(makePair(t, rsaKey, nil, nil, "b.example.com")))
	refused(a, "ValidationException", a.ImportCertificate, again(makePair(t, ecKey(t), nil, func(c *x509.Certificate) { c.ExtKeyUsage = nil }, "b.example.com")))
	tagged := again(first)
	tagged.Tags = []types.Tag{{Key: ptr("a"), Value: ptr("1")}}
	refused(a, "ValidationException", a.ImportCertificate, tagged)
}

func TestCertificateInUse(t *testing.T) {
	a := accountFor(t, nil)
	arn := do(a, a.ImportCertificate, imported(t, makePair(t, ecKey(t), nil, nil, "www.example.com"))).CertificateArn
	lb := a.alb("front")
	listener := do(a, a.CreateListener, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: ptr(int32(443)), Protocol: elbtypes.ProtocolEnumHttps, DefaultActions: []elbtypes.Action{forward("")},
		Certificates: []elbtypes.Certificate{{CertificateArn: arn}},
	}).Listeners[0].ListenerArn
	got := do(a, a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn}).Certificate
	if diff := cmp.Diff([]string{lb}, got.InUseBy); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	refused(a, "ResourceInUseException", a.DeleteCertificate, &acm.DeleteCertificateInput{CertificateArn: arn})
	do(a, a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: listener})
	do(a, a.DeleteCertificate, &acm.DeleteCertificateInput{CertificateArn: arn})
}

func TestRequestCertificate(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Latency = world.Realistic })
	in := &acm.RequestCertificateInput{
		DomainName: ptr("Example.com"), SubjectAlternativeNames: []string{"*.example.com"}, ValidationMethod: types.ValidationMethodDns,
		KeyAlgorithm: types.KeyAlgorithmEcPrime256v1, IdempotencyToken: ptr("once"),
	}
	arn := do(a, a.RequestCertificate, in).CertificateArn
	if again := do(a, a.RequestCertificate, in).CertificateArn; *again != *arn {
		t.Errorf("want the same certificate for the same token, got %s and %s", *arn, *again)
	}
	describe := func() *types.CertificateDetail {
		return do(a, a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn}).Certificate
	}
	got := describe()
	options := got.DomainValidationOptions
	if got.Status != types.CertificateStatusPendingValidation || len(options) != 2 || *options[0].ResourceRecord.Name != *options[1].ResourceRecord.Name {
		t.Fatalf("want validation of both names by one record, got %+v", got)
	}
	refused(a, "RequestInProgressException", a.GetCertificate, &acm.GetCertificateInput{CertificateArn: arn})
	a.Cloud().Clock().Advance(time.Minute)
	eventually(t, func() bool { return describe().Status == types.CertificateStatusIssued })
	got = describe()
	if got.IssuedAt == nil || got.DomainValidationOptions[0].ValidationStatus != types.DomainStatusSuccess {
		t.Errorf("want it issued and validated, got %+v", got)
	}
	read := do(a, a.GetCertificate, &acm.GetCertificateInput{CertificateArn: arn})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(*read.CertificateChain)) {
		t.Fatal("want the authority's certificate as the chain")
	}
	row, _ := a.certificates.get(*arn)
	keys, err := tls.X509KeyPair([]byte(row.CertificatePEM), []byte(row.KeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.com", "www.example.com"} {
		if _, err := keys.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: start.Add(time.Hour)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.Cloud().Clock().Advance(200 * 24 * time.Hour)
	if got := describe().Status; got != types.CertificateStatusExpired {
		t.Errorf("want EXPIRED after its time, got %s", got)
	}
}

func TestRenewal(t *testing.T) {
	a := accountFor(t, nil)
	arn := do(a, a.RequestCertificate, &acm.RequestCertificateInput{
		DomainName: ptr("example.com"), ValidationMethod: types.ValidationMethodDns, KeyAlgorithm: types.KeyAlgorithmEcPrime256v1,
	}).CertificateArn
	describe := func() *types.CertificateDetail {
		return do(a, a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn}).Certificate
	}
	if got := describe().RenewalEligibility; got != types.RenewalEligibilityIneligible {
		t.Errorf("want what nobody uses not renewed, got %s", got)
	}
	lb := a.alb("front")
	do(a, a.CreateListener, &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: ptr(int32(443)), Protocol: elbtypes.ProtocolEnumHttps, DefaultActions: []elbtypes.Action{forward("")},
		Certificates: []elbtypes.Certificate{{CertificateArn: arn}},
	})
	first := describe()
	if first.RenewalEligibility != types.RenewalEligibilityEligible || first.RenewalSummary != nil {
		t.Errorf("want it to be renewed some day, got %s and %+v", first.RenewalEligibility, first.RenewalSummary)
	}
	a.Cloud().Clock().Advance(160 * 24 * time.Hour)
	eventually(t, func() bool { return describe().RenewalSummary != nil })
	if second := describe(); !second.NotAfter.After(*first.NotAfter) || *second.Serial == *first.Serial || second.Status != types.CertificateStatusIssued {
		t.Errorf("want another certificate under the same ARN, got one until %s", second.NotAfter)
	}
}

func TestRequestThatNobodyValidates(t *testing.T) {
	a := accountFor(t, nil)
	in := &acm.RequestCertificateInput{DomainName: ptr("example.com"), KeyAlgorithm: types.KeyAlgorithmEcPrime256v1}
	arn := do(a, a.RequestCertificate, in).CertificateArn
	status := func() types.CertificateStatus {
		return do(a, a.DescribeCertificate, &acm.DescribeCertificateInput{CertificateArn: arn}).Certificate.Status
	}
	if got := status(); got != types.CertificateStatusPendingValidation {
		t.Errorf("want PENDING_VALIDATION, got %s", got)
	}
	a.Cloud().Clock().Advance(73 * time.Hour)
	eventually(t, func() bool { return status() == types.CertificateStatusValidationTimedOut })
	for code, in := range map[string]*acm.RequestCertificateInput{
		"ValidationException":       {DomainName: ptr("-bad-.example.com")},
		"LimitExceededException":    {DomainName: ptr("a.example.com"), SubjectAlternativeNames: strings.Fields("b.example.com c.example.com d.example.com e.example.com f.example.com g.example.com h.example.com i.example.com j.example.com k.example.com"), KeyAlgorithm: types.KeyAlgorithmEcPrime256v1},
		"InvalidParameterException": {DomainName: ptr("a.example.com"), ValidationMethod: types.ValidationMethodHttp},
		"InvalidDomainValidationOptionsException": {DomainName: ptr("a.example.com"), DomainValidationOptions: []types.DomainValidationOption{{
			DomainName: ptr("a.example.com"), ValidationDomain: ptr("example.org"),
		}}},
	} {
		refused(a, code, a.RequestCertificate, in)
	}
}

func TestListCertificates(t *testing.T) {
	a := accountFor(t, nil)
	var want []string
	for _, name := range []string{"a.example.com", "b.example.com", "c.example.com"} {
		want = append(want, *do(a, a.ImportCertificate, imported(t, makePair(t, ecKey(t), nil, nil, name))).CertificateArn)
	}
	list := func(in acm.ListCertificatesInput) []string {
		var got []string
		for {
			out := do(a, a.ListCertificates, &in)
			for _, s := range out.CertificateSummaryList {
				got = append(got, *s.CertificateArn)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return got
			}
		}
	}
	ec := &types.Filters{KeyTypes: []types.KeyAlgorithm{types.KeyAlgorithmEcPrime256v1}}
	for _, c := range []struct {
		name string
		in   acm.ListCertificatesInput
		want []string
	}{
		{"RSA alone by default", acm.ListCertificatesInput{}, nil},
		{"by key type", acm.ListCertificatesInput{Includes: ec}, want},
		{"in pages", acm.ListCertificatesInput{Includes: ec, MaxItems: ptr(int32(1))}, want},
		{"backwards in pages", acm.ListCertificatesInput{Includes: ec, MaxItems: ptr(int32(2)), SortBy: types.SortByCreatedAt, SortOrder: types.SortOrderDescending}, []string{want[2], want[1], want[0]}},
		{"by status", acm.ListCertificatesInput{Includes: ec, CertificateStatuses: []types.CertificateStatus{types.CertificateStatusExpired}}, nil},
		{"by usage", acm.ListCertificatesInput{Includes: &types.Filters{KeyTypes: ec.KeyTypes, KeyUsage: []types.KeyUsageName{types.KeyUsageNameKeyAgreement}}}, nil},
	} {
		if diff := cmp.Diff(c.want, list(c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	summary := do(a, a.ListCertificates, &acm.ListCertificatesInput{Includes: ec}).CertificateSummaryList[0]
	if awssdk.ToString(summary.DomainName) != "a.example.com" || *summary.InUse || summary.Type != types.CertificateTypeImported {
		t.Errorf("want a summary of the certificate, got %+v", summary)
	}
	refused(a, "ValidationException", a.ListCertificates, &acm.ListCertificatesInput{SortBy: types.SortByCreatedAt})
	refused(a, "InvalidArgsException", a.ListCertificates, &acm.ListCertificatesInput{NextToken: ptr("nonsense")})
}

func TestCertificateTags(t *testing.T) {
	a := accountFor(t, nil)
	arn := do(a, a.ImportCertificate, imported(t, makePair(t, ecKey(t), nil, nil, "a.example.com"))).CertificateArn
	do(a, a.AddTagsToCertificate, &acm.AddTagsToCertificateInput{CertificateArn: arn, Tags: []types.Tag{{Key: ptr("a"), Value: ptr("1")}, {Key: ptr("b"), Value: ptr("2")}, {Key: ptr("c"), Value: ptr("3")}}})
	do(a, a.RemoveTagsFromCertificate, &acm.RemoveTagsFromCertificateInput{CertificateArn: arn, Tags: []types.Tag{{Key: ptr("a")}, {Key: ptr("b"), Value: ptr("other")}, {Key: ptr("c"), Value: ptr("3")}}})
	tags := do(a, a.ListTagsForCertificate, &acm.ListTagsForCertificateInput{CertificateArn: arn}).Tags
	if len(tags) != 1 || *tags[0].Key != "b" {
		t.Errorf("want b left, got %+v", tags)
	}
}
