package reconciler_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// mapperOf is a cluster that serves these kinds of the Gateway API, as "version/Kind", beside ours.
func mapperOf(kinds ...string) meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	m.Add(v1alpha1.GroupVersion.WithKind("LoadBalancer"), meta.RESTScopeNamespace)
	m.Add(v1alpha1.GroupVersion.WithKind("GatewayConfig"), meta.RESTScopeNamespace)
	m.Add(v1alpha1.GroupVersion.WithKind("BackendPolicy"), meta.RESTScopeNamespace)
	for _, k := range kinds {
		version, kind, _ := strings.Cut(k, "/")
		m.Add(schema.GroupVersionKind{Group: gwv1.GroupName, Version: version, Kind: kind}, meta.RESTScopeNamespace)
	}
	return m
}

func TestSchemeFollowsTheCluster(t *testing.T) {
	old := mapperOf("v1/GatewayClass", "v1/Gateway", "v1/HTTPRoute", "v1alpha2/GRPCRoute", "v1alpha2/TCPRoute", "v1beta1/ReferenceGrant", "v1alpha3/BackendTLSPolicy")
	s, err := reconciler.SchemeFor(old)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, obj := range []client.Object{&gwv1.Gateway{}, &gwv1.GRPCRoute{}, &gwv1.TCPRoute{}, &gwv1.ReferenceGrant{}, &gwv1.BackendTLSPolicy{}, &gwv1.TLSRoute{}} {
		gvk, err := apiutil.GVKForObject(obj, s)
		if err != nil {
			t.Fatal(err)
		}
		got[gvk.Kind] = gvk.Version
	}
	want := map[string]string{"Gateway": "v1", "GRPCRoute": "v1alpha2", "TCPRoute": "v1alpha2", "ReferenceGrant": "v1beta1", "BackendTLSPolicy": "v1alpha3", "TLSRoute": "v1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	missing, err := reconciler.Missing(old)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(missing)
	if diff := cmp.Diff([]string{"ListenerSet", "TLSRoute", "UDPRoute", "XBackendTrafficPolicy"}, missing); diff != "" {
		t.Errorf("missing kinds (-want +got):\n%s", diff)
	}
}

func TestNothingCanBeDoneWithoutGateways(t *testing.T) {
	for name, tc := range map[string]struct {
		mapper meta.RESTMapper
		want   string
	}{
		"no Gateway API": {mapperOf(), "the cluster has no GatewayClass and no Gateway: install the CRDs of the Gateway API"},
		"no Cloudgate":   {meta.NewDefaultRESTMapper(nil), "the cluster has no GatewayClass"},
	} {
		_, err := reconciler.SchemeFor(tc.mapper)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q in one line", name, err, tc.want)
		}
	}
}

// A cluster with the oldest kinds that are understood is served with what it has.
func TestServesAClusterWithOlderCRDs(t *testing.T) {
	s, err := reconciler.SchemeFor(mapperOf("v1beta1/GatewayClass", "v1beta1/Gateway", "v1beta1/HTTPRoute", "v1beta1/ReferenceGrant"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOf(t, s, memory.Options{Without: []string{"GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "ListenerSet", "BackendTLSPolicy", "XBackendTrafficPolicy"}})
	w.apply(service("web", "10.0.0.1")...)
	w.apply(gateway("gw"), route("a", "gw", "web"))
	w.start()
	w.programmed("gw")
	w.until("served", func() bool { return w.cloud.size() == 4 })
}
