package badinput

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

const clientValidation = "GatewayFrontendClientCertificateValidation"

// validating has the Gateway ask its clients for certificates of the authority in a ConfigMap.
func validating(authority string) func(*gwv1.Gateway) {
	return func(g *gwv1.Gateway) {
		g.Spec.TLS = &gwv1.GatewayTLSConfig{Frontend: &gwv1.FrontendTLSConfig{Default: gwv1.TLSConfig{Validation: &gwv1.FrontendTLSValidation{
			CACertificateRefs: []gwv1.ObjectReference{{Kind: "ConfigMap", Name: gwv1.ObjectName(authority)}},
		}}}}
	}
}

// claims tells whether the class says that it validates clients.
func (w *world) claims() bool {
	w.Helper()
	c := class()
	w.get(c)
	return slices.ContainsFunc(c.Status.SupportedFeatures, func(f gwv1.SupportedFeature) bool { return f.Name == clientValidation })
}

// TestTrustStoreBuckets: clients are validated where there is a bucket, which first nobody names, and then is not there.
func TestTrustStoreBuckets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	authority := &corev1.ConfigMap{ObjectMeta: named("friends"), Data: map[string]string{"ca.crt": string(secret(t, "ca", true).Data[corev1.TLSCertKey])}}
	w.apply(secret(t, "crt", true), authority, gateway("gw", secured("crt"), validating("friends")), route("app", "gw", "web"))
	w.run()
	message := func() (text string) {
		for _, l := range w.gateway("gw").Status.Listeners {
			for _, c := range l.Conditions {
				if c.Type == string(gwv1.ListenerConditionProgrammed) || c.Type == string(gwv1.ListenerConditionAccepted) {
					text += c.Message + " "
				}
			}
		}
		return text
	}
	w.until("the listener says that no bucket is named", func() bool { return strings.Contains(message(), "spec.aws.trustStoreBucket") }, message)
	if w.claims() {
		t.Errorf("a class without a bucket claims %s", clientValidation)
	}

	namespace := gwv1.Namespace("default")
	withBucket := class()
	w.get(withBucket)
	withBucket.Spec.ParametersRef = &gwv1.ParametersReference{Group: "cloudgate.dev", Kind: v1alpha1.GatewayConfigKind, Name: "edge", Namespace: &namespace}
	bucket := "authorities"
	w.apply(&v1alpha1.GatewayConfig{ObjectMeta: named("edge"), Spec: v1alpha1.GatewayConfigSpec{
		AWS: &v1alpha1.AWSConfig{TrustStoreBucket: &v1alpha1.AWSTrustStoreBucket{Name: bucket}},
	}}, withBucket)
	w.until("the listener says that there is no such bucket", func() bool {
		return strings.Contains(message(), "there is no bucket authorities in S3, which the GatewayConfig names in spec.aws.trustStoreBucket")
	}, message)
	w.lasting("a bucket that is not there", oneGateway)
	w.until("the class claims to validate clients", w.claims, func() string { return "" })

	_, err := w.region.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
		LocationConstraint: region,
	}})
	w.check(err)
	w.audit()
	w.until("the listener serves", func() bool {
		listeners := w.gateway("gw").Status.Listeners
		return len(listeners) == 1 && meta.IsStatusConditionTrue(listeners[0].Conditions, string(gwv1.ListenerConditionProgrammed))
	}, message)
	w.inSync()
	w.delete(gateway("gw"))
	w.until("the file goes with the Gateway", func() bool {
		out, err := w.region.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
		return err == nil && len(out.Contents) == 0
	}, func() string { return "" })
}
