package aws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// authority returns a certificate authority and a list of what it has revoked, in PEM.
func authority(t *testing.T) (bundle, revoked []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: start, NotAfter: start.AddDate(1, 0, 0), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: start, NextUpdate: start.AddDate(1, 0, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(2), RevocationTime: start}},
	}, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list})
}

func TestTrustStores(t *testing.T) {
	a := accountFor(t, func(c *Config) { c.Latency = world.Realistic })
	bundle, revoked := authority(t)
	for key, content := range map[string][]byte{"ca.pem": bundle, "revoked.pem": revoked, "bad.pem": []byte("x")} {
		if err := a.SeedObject("authorities", key, content); err != nil {
			t.Fatal(err)
		}
	}
	create := func(name, key string) *elb.CreateTrustStoreInput {
		return &elb.CreateTrustStoreInput{Name: &name, CaCertificatesBundleS3Bucket: aws.String("authorities"), CaCertificatesBundleS3Key: &key}
	}
	refused(a, "CaCertificatesBundleNotFound", a.CreateTrustStore, create("clients", "none.pem"))
	refused(a, "InvalidCaCertificatesBundle", a.CreateTrustStore, create("clients", "bad.pem"))
	store := do(a, a.CreateTrustStore, create("clients", "ca.pem")).TrustStores[0]
	refused(a, "DuplicateTrustStoreName", a.CreateTrustStore, create("clients", "ca.pem"))
	if store.Status != types.TrustStoreStatusCreating || *store.NumberOfCaCertificates != 1 {
		t.Errorf("want it creating with one certificate, got %+v", store)
	}
	lb, cert := a.alb("web"), a.certificate("one")
	listen := &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps, DefaultActions: []types.Action{forward("")},
		Certificates:         []types.Certificate{{CertificateArn: &cert}},
		MutualAuthentication: &types.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: store.TrustStoreArn},
	}
	refused(a, "TrustStoreNotReady", a.CreateListener, listen)
	a.cloud.Clock().Advance(time.Minute)
	eventually(t, func() bool {
		return do(a, a.DescribeTrustStores, &elb.DescribeTrustStoresInput{Names: []string{"clients"}}).TrustStores[0].Status == types.TrustStoreStatusActive
	})
	l := do(a, a.CreateListener, listen).Listeners[0].ListenerArn
	got := do(a, a.DescribeTrustStoreAssociations, &elb.DescribeTrustStoreAssociationsInput{TrustStoreArn: store.TrustStoreArn}).TrustStoreAssociations
	if len(got) != 1 || *got[0].ResourceArn != *l {
		t.Errorf("want the listener, got %+v", got)
	}
	second, third := *listen, *listen
	second.Port, third.Port = aws.Int32(444), aws.Int32(445)
	also := do(a, a.CreateListener, &second).Listeners[0].ListenerArn
	do(a, a.CreateListener, &second) // a repeated call is no third listener
	refused(a, "InvalidConfigurationRequest", a.CreateListener, &third)
	do(a, a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: also})
	refused(a, "TrustStoreInUse", a.DeleteTrustStore, &elb.DeleteTrustStoreInput{TrustStoreArn: store.TrustStoreArn})
	refused(a, "DeleteAssociationSameAccount", a.DeleteSharedTrustStoreAssociation,
		&elb.DeleteSharedTrustStoreAssociationInput{TrustStoreArn: store.TrustStoreArn, ResourceArn: l})

	add := func(key string) *elb.AddTrustStoreRevocationsInput {
		return &elb.AddTrustStoreRevocationsInput{TrustStoreArn: store.TrustStoreArn, RevocationContents: []types.RevocationContent{{S3Bucket: aws.String("authorities"), S3Key: &key}}}
	}
	refused(a, "RevocationContentNotFound", a.AddTrustStoreRevocations, add("none.pem"))
	refused(a, "InvalidRevocationContent", a.AddTrustStoreRevocations, add("bad.pem"))
	id := *do(a, a.AddTrustStoreRevocations, add("revoked.pem")).TrustStoreRevocations[0].RevocationId
	if n := *do(a, a.DescribeTrustStores, &elb.DescribeTrustStoresInput{}).TrustStores[0].TotalRevokedEntries; n != 1 {
		t.Errorf("want one revoked certificate, got %d", n)
	}
	refused(a, "RevocationIdNotFound", a.RemoveTrustStoreRevocations, &elb.RemoveTrustStoreRevocationsInput{TrustStoreArn: store.TrustStoreArn, RevocationIds: []int64{id + 1}})
	do(a, a.RemoveTrustStoreRevocations, &elb.RemoveTrustStoreRevocationsInput{TrustStoreArn: store.TrustStoreArn, RevocationIds: []int64{id}})
	do(a, a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: l})
	do(a, a.DeleteTrustStore, &elb.DeleteTrustStoreInput{TrustStoreArn: store.TrustStoreArn})
}

func TestTags(t *testing.T) {
	a := accountFor(t, nil)
	lb, group := a.alb("web"), a.group("pods", types.ProtocolEnumHttp)
	tags := func(arn string) map[string]string {
		got := map[string]string{}
		for _, tag := range do(a, a.DescribeTags, &elb.DescribeTagsInput{ResourceArns: []string{arn}}).TagDescriptions[0].Tags {
			got[*tag.Key] = *tag.Value
		}
		return got
	}
	both := []string{lb, group}
	do(a, a.AddTags, &elb.AddTagsInput{ResourceArns: both, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b")}}})
	do(a, a.AddTags, &elb.AddTagsInput{ResourceArns: both[:1], Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("2")}}})
	do(a, a.RemoveTags, &elb.RemoveTagsInput{ResourceArns: both, TagKeys: []string{"b", "none"}})
	if diff := cmp.Diff(map[string]string{"a": "2"}, tags(lb)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "1"}, tags(group)); diff != "" {
		t.Error(diff)
	}
	refused(a, "TooManyTags", a.AddTags, &elb.AddTagsInput{ResourceArns: both, Tags: manyTags(50)})
	refused(a, "TargetGroupNotFound", a.AddTags, &elb.AddTagsInput{ResourceArns: []string{lb, group + "0"}, Tags: manyTags(1)})
	if len(tags(lb)) != 1 {
		t.Error("a refused call tagged something")
	}
	many := make([]string, 21)
	for i := range many {
		many[i] = lb
	}
	refused(a, "ValidationError", a.DescribeTags, &elb.DescribeTagsInput{ResourceArns: many})
	refused(a, "LoadBalancerNotFound", a.DescribeTags, &elb.DescribeTagsInput{ResourceArns: []string{lb + "0"}})
	refused(a, "ValidationError", a.DescribeTags, &elb.DescribeTagsInput{ResourceArns: []string{"x"}})
}

func TestLoadBalancerAttributes(t *testing.T) {
	a := accountFor(t, nil)
	lb, network := a.alb("web"), a.nlb("net")
	set := func(lb, key, value string) *elb.ModifyLoadBalancerAttributesInput {
		return &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}}}
	}
	for arn, want := range map[string]int{lb: 23, network: 9} {
		if n := len(do(a, a.DescribeLoadBalancerAttributes, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &arn}).Attributes); n != want {
			t.Errorf("want %d attributes, got %d", want, n)
		}
	}
	do(a, a.ModifyLoadBalancerAttributes, set(lb, "idle_timeout.timeout_seconds", "4000"))
	if v := a.View().LoadBalancers[0].Attributes["idle_timeout.timeout_seconds"]; v != "4000" {
		t.Errorf("want 4000, got %s", v)
	}
	refused(a, "ValidationError", a.ModifyLoadBalancerAttributes, set(lb, "idle_timeout.timeout_seconds", "4001"))
	refused(a, "ValidationError", a.ModifyLoadBalancerAttributes, set(network, "idle_timeout.timeout_seconds", "60"))
	refused(a, "InvalidConfigurationRequest", a.ModifyLoadBalancerAttributes, set(lb, "load_balancing.cross_zone.enabled", "false"))
	refused(a, "InvalidConfigurationRequest", a.ModifyLoadBalancerAttributes, set(lb, "access_logs.s3.enabled", "true"))
	do(a, a.ModifyLoadBalancerAttributes, set(network, "load_balancing.cross_zone.enabled", "true"))
}

func TestCapacityAndLimits(t *testing.T) {
	a := accountFor(t, nil)
	lb := a.alb("web")
	reserve := func(units int32) *elb.ModifyCapacityReservationInput {
		return &elb.ModifyCapacityReservationInput{LoadBalancerArn: &lb, MinimumLoadBalancerCapacity: &types.MinimumLoadBalancerCapacity{CapacityUnits: &units}}
	}
	refused(a, "CapacityUnitsLimitExceeded", a.ModifyCapacityReservation, reserve(100000))
	refused(a, "ValidationError", a.ModifyCapacityReservation, &elb.ModifyCapacityReservationInput{LoadBalancerArn: &lb})
	do(a, a.ModifyCapacityReservation, reserve(300))
	do(a, a.ModifyCapacityReservation, reserve(200))
	do(a, a.ModifyCapacityReservation, reserve(100))
	refused(a, "CapacityDecreaseRequestLimitExceeded", a.ModifyCapacityReservation, reserve(50))
	a.cloud.Clock().Advance(24 * time.Hour)
	do(a, a.ModifyCapacityReservation, &elb.ModifyCapacityReservationInput{LoadBalancerArn: &lb, ResetCapacityReservation: aws.Bool(true)})
	if got := do(a, a.DescribeCapacityReservation, &elb.DescribeCapacityReservationInput{LoadBalancerArn: &lb}); got.MinimumLoadBalancerCapacity != nil {
		t.Errorf("want no reservation, got %+v", got.MinimumLoadBalancerCapacity)
	}

	if !a.cloud.SetQuota("application-load-balancers", 7) || a.cloud.SetQuota("nonsense", 1) {
		t.Error("want the quota set, and an unknown one refused")
	}
	limits := map[string]string{}
	for _, l := range do(a, a.DescribeAccountLimits, &elb.DescribeAccountLimitsInput{}).Limits {
		limits[*l.Name] = *l.Max
	}
	if limits["application-load-balancers"] != "7" || limits["target-groups"] != "3000" || limits["acm-certificates"] != "" {
		t.Errorf("got %v", limits)
	}
}

func TestSSLPolicies(t *testing.T) {
	a := accountFor(t, nil)
	all := do(a, a.DescribeSSLPolicies, &elb.DescribeSSLPoliciesInput{}).SslPolicies
	for _, p := range all {
		if len(p.Ciphers) == 0 || len(p.SslProtocols) == 0 || *p.Ciphers[0].Priority != 1 {
			t.Errorf("%s: got %+v", *p.Name, p)
		}
	}
	strict := do(a, a.DescribeSSLPolicies, &elb.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-TLS13-1-3-2021-06"}}).SslPolicies
	if len(strict) != 1 || cmp.Diff([]string{"TLSv1.3"}, strict[0].SslProtocols) != "" {
		t.Errorf("want TLS 1.3 alone, got %+v", strict)
	}
	refused(a, "SSLPolicyNotFound", a.DescribeSSLPolicies, &elb.DescribeSSLPoliciesInput{Names: []string{"x"}})
}
