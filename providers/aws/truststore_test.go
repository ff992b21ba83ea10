package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	fakeaws "github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

const testBucket = "authorities"

// makeBucket makes a bucket in the account's region.
func makeBucket(t *testing.T, r *fakeaws.Region, name string) {
	t.Helper()
	_, err := r.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
		LocationConstraint: s3types.BucketLocationConstraint(r.Name()),
	}})
	check(t, err)
}

// files returns what is in the bucket.
func (a *account) files(t *testing.T) []string {
	t.Helper()
	out, err := a.region.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: aws.String(testBucket)})
	check(t, err)
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

func (a *account) trustStores(t *testing.T) []elbtypes.TrustStore {
	t.Helper()
	out, err := a.region.DescribeTrustStores(context.Background(), &elb.DescribeTrustStoresInput{})
	check(t, err)
	return out.TrustStores
}

// trusting is a load balancer with HTTPS listeners whose clients are validated by the authorities, each for a port from 443 on.
func trusting(t *testing.T, settings string, authorities ...[]byte) *ir.LoadBalancer {
	t.Helper()
	chain, key := keyPair(t, "www.example.com")
	lb := &ir.LoadBalancer{Owner: testOwner, Certificates: []ir.Certificate{{Name: "crt", Chain: chain, Key: key}}, Settings: json.RawMessage(settings)}
	for i, cas := range authorities {
		section := fmt.Sprintf("https-%d", i)
		lb.Listeners = append(lb.Listeners, ir.Listener{
			Port: uint16(443 + i), Protocol: ir.ProtocolHTTPS, Clients: &ir.ClientValidation{CAs: cas},
			Servers: []ir.Server{{Name: section, TLS: ir.TLSTerminate, Certificates: []string{"crt"},
				Source: ir.Source{Kind: "Gateway", Namespace: testOwner.Namespace, Name: testOwner.Name, Section: section}}},
		})
	}
	return lb
}

func authorityOf(t *testing.T, name string) []byte {
	t.Helper()
	chain, _ := keyPair(t, name)
	return chain
}

const inBucket = `{"trustStoreBucket":{"name":"authorities","prefix":"trust/edge"}}`

// TestTrustStoreOfReferencedCertificates lives a life of a listener whose clients are validated: made, unchanged, another authority, gone.
func TestTrustStoreOfReferencedCertificates(t *testing.T) {
	a := openAccount(t, nil)
	one, two := authorityOf(t, "one"), authorityOf(t, "two")
	want := trusting(t, inBucket, one)
	s := providertest.NewSession(a.provider, testOwner)
	spent := func(want *ir.LoadBalancer) []string {
		before := len(a.Calls(t))
		check(t, s.Converge(t.Context(), want))
		mutating, _ := a.calls(t, before)
		return mutating
	}
	spent(want)
	stores, files := a.trustStores(t), a.files(t)
	if len(stores) != 1 || len(files) != 1 || !strings.HasPrefix(files[0], "trust/edge/cg-") {
		t.Fatalf("want a trust store of a file, got %v, %v", stores, files)
	}
	content, err := a.region.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(testBucket), Key: &files[0]})
	check(t, err)
	if body, err := io.ReadAll(content.Body); err != nil || !bytes.Equal(body, one) {
		t.Errorf("want the referenced certificate, got %s, %v", body, err)
	}
	tags, err := a.region.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: aws.String(testBucket), Key: &files[0]})
	check(t, err)
	if !slices.ContainsFunc(tags.TagSet, func(t s3types.Tag) bool { return *t.Key == "cloudgate.dev/owner" && *t.Value == testOwner.UID }) {
		t.Errorf("want the file marked, got %v", tags.TagSet)
	}
	if got := spent(want); len(got) > 0 {
		t.Errorf("nothing changes: got %v", got)
	}
	s.Known = false
	if got := spent(want); len(got) > 0 {
		t.Errorf("nothing changes, and all is read again: got %v", got)
	}
	if diff := cmp.Diff([]string{"PutObject", "CreateTrustStore", "ModifyListener", "DeleteObject", "DeleteTrustStore"}, spent(withAuthority(want, two))); diff != "" {
		t.Errorf("another authority (-want +got): %s", diff)
	}
	if stores := a.trustStores(t); len(stores) != 1 || len(a.files(t)) != 1 {
		t.Errorf("want one trust store and its file, got %v, %v", stores, a.files(t))
	}
	spent(nil)
	if n := a.Resources(t); n != 0 {
		t.Errorf("want nothing left, got %d: %v", n, a.files(t))
	}
}

// withAuthority returns the load balancer with other authorities at its first port.
func withAuthority(lb *ir.LoadBalancer, cas []byte) *ir.LoadBalancer {
	other := *lb
	other.Listeners = slices.Clone(lb.Listeners)
	other.Listeners[0].Clients = &ir.ClientValidation{CAs: cas}
	return &other
}

// TestTrustStoresConverge has a fault or a lost reply at each call of that life.
func TestTrustStoresConverge(t *testing.T) {
	want := trusting(t, inBucket, authorityOf(t, "one"))
	other := withAuthority(want, authorityOf(t, "two"))
	for _, effect := range []string{"error", "drop-reply", "unavailable"} {
		for nth, struck := 1, true; struck; nth += faultStride {
			a := openAccount(t, nil)
			a.Fault(t, nth, effect)
			s := providertest.NewSession(a.provider, testOwner)
			for _, lb := range []*ir.LoadBalancer{want, other, nil} {
				if err := s.Converge(t.Context(), lb); err != nil {
					t.Fatalf("%s at call %d: %v", effect, nth, err)
				}
				if n := len(a.trustStores(t)); (n == 1) != (lb != nil) || n > 1 || len(a.files(t)) != n {
					t.Errorf("%s at call %d: got %d trust stores, and the files %v", effect, nth, n, a.files(t))
				}
			}
			if n := a.Resources(t); n != 0 {
				t.Errorf("%s at call %d: want nothing left, got %d", effect, nth, n)
			}
			struck = a.Heal(t)
		}
	}
}

// TestTrustStoreIsWaitedFor: AWS takes a while for a trust store, and no listener may have it before.
func TestTrustStoreIsWaitedFor(t *testing.T) {
	a := openAccount(t, func(c *fakeaws.Config) { c.Latency = world.Fast })
	s := providertest.NewSession(a.provider, testOwner)
	check(t, s.Converge(t.Context(), trusting(t, inBucket, authorityOf(t, "one"))))
	for _, err := range s.Errors {
		if cloud.KindOf(err) != cloud.Conflict {
			t.Errorf("want no error but that it is not ready, got %v", err)
		}
	}
}

// TestTrustStoreWithoutItsBucket says what to do, leaves nothing behind, and goes on when it is done.
func TestTrustStoreWithoutItsBucket(t *testing.T) {
	a := openAccount(t, nil)
	elsewhere := a.cloud.Region("us-west-2")
	makeBucket(t, elsewhere, "far-away")
	for settings, text := range map[string]string{
		`{"trustStoreBucket":{"name":"none-such"}}`: "there is no bucket none-such in S3, which the GatewayConfig names in spec.aws.trustStoreBucket",
		`{"trustStoreBucket":{"name":"far-away"}}`:  "the bucket far-away, which the GatewayConfig names in spec.aws.trustStoreBucket, is in another region",
	} {
		s := providertest.NewSession(a.provider, testOwner)
		compiled, err := a.provider.Compile(trusting(t, settings, authorityOf(t, "one")))
		check(t, err)
		_, err = s.Pass(t.Context(), compiled.Graph)
		if cloud.KindOf(err) != cloud.Invalid || !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
	s := providertest.NewSession(a.provider, testOwner)
	check(t, s.Converge(t.Context(), trusting(t, inBucket, authorityOf(t, "one"))))
	check(t, s.Converge(t.Context(), nil))
	if n := a.Resources(t); n != 0 {
		t.Errorf("want nothing left, got %d", n)
	}
}

// TestNothingIsLeftOfATrustStoreThatIsRefused: what AWS does not take as one has no mark by which its file could be found.
func TestNothingIsLeftOfATrustStoreThatIsRefused(t *testing.T) {
	a := openAccount(t, nil)
	a.cloud.SetQuota("trust-stores-per-account", 0)
	s := providertest.NewSession(a.provider, testOwner)
	compiled, err := a.provider.Compile(trusting(t, inBucket, authorityOf(t, "one")))
	check(t, err)
	if _, err := s.Pass(t.Context(), compiled.Graph); cloud.KindOf(err) != cloud.Quota {
		t.Errorf("want a quota, got %v", err)
	}
	if files := a.files(t); len(files) != 0 {
		t.Errorf("want no file, got %v", files)
	}
}

// TestFilesOfOthersAreNotDeleted: a tag says where the file of a trust store is, and others can change tags.
func TestFilesOfOthersAreNotDeleted(t *testing.T) {
	a := openAccount(t, nil)
	s := providertest.NewSession(a.provider, testOwner)
	check(t, s.Converge(t.Context(), trusting(t, inBucket, authorityOf(t, "one"))))
	check(t, a.region.SeedObject(testBucket, "precious", []byte("x")))
	_, err := a.region.AddTags(t.Context(), &elb.AddTagsInput{ResourceArns: []string{*a.trustStores(t)[0].TrustStoreArn},
		Tags: []elbtypes.Tag{{Key: aws.String("cloudgate.dev/bundle"), Value: aws.String(testBucket + "/precious")}}})
	check(t, err)
	s.Known = false
	check(t, s.Converge(t.Context(), nil))
	if files := a.files(t); !slices.Contains(files, "precious") {
		t.Errorf("want what is somebody else's still there, got %v", files)
	}
}

// TestWhatTrustStoresHold compiles what fits and what does not.
func TestWhatTrustStoresHold(t *testing.T) {
	one, two := authorityOf(t, "one"), authorityOf(t, "two")
	many := []byte{}
	for i := range 26 {
		many = append(many, authorityOf(t, fmt.Sprintf("ca-%d", i))...)
	}
	for _, tc := range []struct {
		reason      string
		settings    string
		approximate bool
		authorities [][]byte
		stores      int
		listeners   int
		refused     string
		differs     bool
	}{
		{reason: "one", settings: inBucket, authorities: [][]byte{one}, stores: 1, listeners: 1},
		{reason: "ports share one", settings: inBucket, authorities: [][]byte{slices.Concat(one, two), slices.Concat(two, one, two)}, stores: 1, listeners: 2},
		{reason: "ports differ", settings: inBucket, authorities: [][]byte{one, two}, stores: 2, listeners: 2},
		{reason: "a third port", settings: inBucket, authorities: [][]byte{one, one, one}, stores: 1, listeners: 2, refused: "at most 2 ports"},
		{reason: "many", settings: inBucket, authorities: [][]byte{many}, refused: "at most 25 certificates, and the referenced ones are 26"},
		{reason: "no bucket", settings: `{}`, authorities: [][]byte{one}, refused: "names no bucket"},
		{reason: "a trust store of the account", settings: `{"trustStoreARN":"arn:aws:x","trustStoreBucket":{"name":"authorities"}}`, approximate: true,
			authorities: [][]byte{one}, listeners: 1, differs: true},
		{reason: "the same, where the class has not opted in", settings: `{"trustStoreARN":"arn:aws:x"}`, authorities: [][]byte{one}, refused: "opt in"},
	} {
		lb := trusting(t, tc.settings, tc.authorities...)
		lb.Approximate = tc.approximate
		got, err := provider.Compile(lb)
		check(t, err)
		if n := count(got.Graph, provider.KindTrustStore); n != tc.stores {
			t.Errorf("%s: want %d trust stores, got %d", tc.reason, tc.stores, n)
		}
		if n := count(got.Graph, provider.KindListener); n != tc.listeners {
			t.Errorf("%s: want %d listeners, got %d", tc.reason, tc.listeners, n)
		}
		if tc.refused == "" && len(got.Refused) > 0 || tc.refused != "" && (len(got.Refused) != 1 || !strings.Contains(got.Refused[0].Text, tc.refused)) {
			t.Errorf("%s: want %q refused, got %v", tc.reason, tc.refused, got.Refused)
		}
		if (len(got.Differences) > 0) != tc.differs {
			t.Errorf("%s: got the differences %v", tc.reason, got.Differences)
		}
	}
	elsewhere := strings.Replace(inBucket, "edge", "other", 1)
	names := func(settings string) []graph.ID {
		got, err := provider.Compile(trusting(t, settings, one))
		check(t, err)
		var ids []graph.ID
		for id := range got.Graph {
			if id.Kind == provider.KindTrustStore {
				ids = append(ids, id)
			}
		}
		return ids
	}
	if a, b := names(inBucket), names(elsewhere); slices.Equal(a, b) {
		t.Errorf("a file in another place is another trust store, or nobody moves it: got %v twice", a)
	}
}

// TestNoTrustStoreForAListenerThatHasNoCertificate: nothing would use it.
func TestNoTrustStoreForAListenerThatHasNoCertificate(t *testing.T) {
	lb := trusting(t, inBucket, authorityOf(t, "one"))
	lb.Listeners[0].Servers[0].Certificates = nil
	got, err := provider.Compile(lb)
	check(t, err)
	if n := count(got.Graph, provider.KindTrustStore); n != 0 {
		t.Errorf("want no trust store, got %d", n)
	}
	if len(got.Refused) != 1 || !strings.Contains(got.Refused[0].Text, "no certificate") {
		t.Errorf("want the listener refused for its certificate alone, got %v", got.Refused)
	}
}

// TestCertificatesOfARefusedListenerTakeNoRoom: another port's 20 have it, of the 25 that a load balancer can have.
func TestCertificatesOfARefusedListenerTakeNoRoom(t *testing.T) {
	many := []byte{}
	for i := range 26 {
		many = append(many, authorityOf(t, fmt.Sprintf("ca-%d", i))...)
	}
	settings := strings.TrimSuffix(inBucket, "}") + `,"certificates":{"discover":true}}`
	lb := trusting(t, settings, many, authorityOf(t, "one"))
	for i := range lb.Listeners {
		template := lb.Listeners[i].Servers[0]
		template.Certificates = nil
		lb.Listeners[i].Servers = nil
		for n := range 20 {
			server := template
			server.Name = fmt.Sprintf("%s-%d", template.Name, n)
			server.Hostname = server.Name + ".example.com"
			lb.Listeners[i].Servers = append(lb.Listeners[i].Servers, server)
		}
	}
	got, err := provider.Compile(lb)
	check(t, err)
	if n := count(got.Graph, provider.KindListener); n != 1 {
		t.Errorf("want one listener, got %d", n)
	}
	for _, r := range got.Refused {
		if !strings.Contains(r.Text, "at most 25 certificates, and the referenced ones are 26") {
			t.Errorf("want nothing refused but what has too many authorities, got %v", r)
		}
	}
}

// TestWhatAClassClaims: clients are validated exactly where the class has a bucket for what the Gateway references.
func TestWhatAClassClaims(t *testing.T) {
	for settings, want := range map[string]ir.Grade{
		"": ir.Impossible, `{"sslPolicy":"p"}`: ir.Impossible, inBucket: ir.Exact, `{"trustStoreARN":"arn:aws:x"}`: ir.Approximate,
		`{"trustStoreARN":"arn:aws:x","trustStoreBucket":{"name":"authorities"}}`: ir.Approximate, `{"unknown":1}`: ir.Impossible,
	} {
		if got := provider.FeaturesWith(json.RawMessage(settings)).Of(ir.FeatureClientValidation).Grade; got != want {
			t.Errorf("%s: want %v, got %v", settings, want, got)
		}
	}
}
