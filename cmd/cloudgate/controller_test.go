package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

// execute runs the command with arguments until ctx ends, and returns its error.
func execute(ctx context.Context, args ...string) error {
	cmd := newRootCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&bytes.Buffer{})
	cmd.SetErr(&bytes.Buffer{})
	return cmd.ExecuteContext(ctx)
}

func TestControllerAgainstAnAPIServer(t *testing.T) {
	for _, tc := range []struct {
		name    string
		mapper  meta.RESTMapper
		without []string
	}{
		{"everything", nil, nil},
		{"older CRDs", mapperOf("v1beta1/GatewayClass", "v1beta1/Gateway", "v1/HTTPRoute", "v1alpha2/TCPRoute", "v1beta1/ReferenceGrant"),
			[]string{"GRPCRoute", "TLSRoute", "UDPRoute", "ListenerSet", "BackendTLSPolicy"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			api := newAPIServer(t, tc.mapper, tc.without...)
			seed(t, api)
			endpoint := fakeCloud(t)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- execute(ctx, "controller", "--kubeconfig", api.kubeconfig(t), "--fake-endpoint", endpoint, "--metrics-address", "127.0.0.1:0",
					"--health-address", "127.0.0.1:0", "--leader-election-namespace", "kube-system", "--log-level", "error")
			}()
			t.Cleanup(func() {
				cancel()
				if err := <-done; err != nil {
					t.Errorf("the controller ended with %v", err)
				}
			})
			lb := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw"}}
			until(t, api, "the LoadBalancer is active", done, func() bool {
				return api.client.Get(t.Context(), client.ObjectKeyFromObject(lb), lb) == nil && lb.Status.State == v1alpha1.StateActive
			})
			var leases coordinationv1.LeaseList
			if err := api.client.List(t.Context(), &leases); err != nil || len(leases.Items) != 1 {
				t.Errorf("leases: %d, %v", len(leases.Items), err)
			}
			until(t, api, "the Created event", done, func() bool {
				var events eventsv1.EventList
				return api.client.List(t.Context(), &events) == nil &&
					slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool { return e.Reason == "Created" && e.Regarding.Name == "gw" })
			})
			gw := &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw"}}
			if err := api.client.Delete(t.Context(), gw); err != nil {
				t.Fatal(err)
			}
			until(t, api, "the Gateway is gone", done, func() bool {
				return api.client.Get(t.Context(), client.ObjectKeyFromObject(gw), gw) != nil
			})
		})
	}
}

// seed puts a class, a Gateway and a route into the API.
func seed(t *testing.T, api *apiServer) {
	t.Helper()
	port, ready, name := gwv1.PortNumber(80), true, ""
	target := int32(8080)
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}},
		&apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{
			Name: "gatewayclasses.gateway.networking.k8s.io", Annotations: map[string]string{"gateway.networking.k8s.io/bundle-version": "v1.6.3"}}},
		&gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "fake"}, Spec: gwv1.GatewayClassSpec{ControllerName: "cloudgate.dev/fake"}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &target}},
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		},
		&gwv1.Gateway{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw"},
			Spec:       gwv1.GatewaySpec{GatewayClassName: "fake", Listeners: []gwv1.Listener{{Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType}}},
		},
		&gwv1.HTTPRoute{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "r"},
			Spec: gwv1.HTTPRouteSpec{
				CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: "gw"}}},
				Rules: []gwv1.HTTPRouteRule{{BackendRefs: []gwv1.HTTPBackendRef{{BackendRef: gwv1.BackendRef{
					BackendObjectReference: gwv1.BackendObjectReference{Name: "web", Port: &port}}}}}},
			},
		},
	} {
		if err := api.store.Apply(obj); err != nil {
			t.Fatal(err)
		}
	}
}

// fakeCloud runs a fake cloud and returns its URL.
func fakeCloud(t *testing.T) string {
	t.Helper()
	s, err := server.New(server.Config{Listen: "127.0.0.1:0", DNSListen: server.Off})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("the fake cloud ended with %v", err)
		}
	})
	return s.URL()
}

func until(t *testing.T, api *apiServer, what string, ended chan error, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: the controller ended: %v", what, err)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s: did not come; %s", what, api.state(t))
		}
	}
}

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

// What cannot work is one line that says what to do.
func TestControllerMistakes(t *testing.T) {
	bare := newAPIServer(t, nil, "GatewayClass", "Gateway")
	noCRD := newAPIServer(t, nil, "LoadBalancer")
	seed(t, noCRD)
	whole := newAPIServer(t, nil)
	seed(t, whole)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ok := []string{"controller", "--fake-endpoint", "http://127.0.0.1:9", "--leader-elect=false", "--metrics-address", "0", "--health-address", "0", "--log-level", "error"}
	with := func(args ...string) []string { return append(slices.Clone(ok), args...) }
	deadServer, emptyConfig := kubeconfigOf(t, deadKubeconfig), kubeconfigOf(t, emptyKubeconfig)
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no provider", []string{"controller", "--fake-endpoint="}, "no provider is configured: set --aws-region for AWS, or --fake-endpoint for a fake cloud"},
		{"a rate of no calls", with("--aws-region", "eu-west-1", "--aws-call-rate", "0"), "--aws-call-rate has to be more than 0"},
		{"no kubeconfig", with("--kubeconfig", "/does/not/exist"), "read the kubeconfig: stat /does/not/exist: no such file or directory"},
		{"no API server", with("--kubeconfig", deadServer), "the cluster's API server cannot be reached: check the server in the kubeconfig: "},
		{"no cluster in the kubeconfig", with("--kubeconfig", emptyConfig), "the kubeconfig " + emptyConfig + " has no cluster to use"},
		{"unknown flag", with("--nope"), "unknown flag: --nope (see `cloudgate controller --help`)"},
		{"no Gateway API", with("--kubeconfig", bare.kubeconfig(t)), "the cluster has no GatewayClass and no Gateway: install the CRDs of the Gateway API"},
		{"no CRD of ours", with("--kubeconfig", noCRD.kubeconfig(t)), "the cluster has no LoadBalancer of cloudgate.dev/v1alpha1: install the CRDs of Cloudgate"},
		{"occupied metrics address", with("--kubeconfig", whole.kubeconfig(t), "--metrics-address", taken.Addr().String()), "choose other addresses with --metrics-address"},
		{"occupied health address", with("--kubeconfig", whole.kubeconfig(t), "--health-address", taken.Addr().String()), "choose other addresses with --metrics-address"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := execute(ctx, tc.args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant one line with %q", err, tc.want)
			}
		})
	}
}

// A kind that comes later is served without a restart of the process.
func TestKindsThatComeLater(t *testing.T) {
	k := kindsWatch{every: time.Millisecond, missing: []string{"TCPRoute"}}
	if k.NeedLeaderElection() {
		t.Error("only the leader would notice")
	}
	api := newAPIServer(t, nil)
	config, err := (&clusterFlags{kubeconfig: api.kubeconfig(t)}).config()
	if err != nil {
		t.Fatal(err)
	}
	k.config = config
	if err := k.Start(t.Context()); !errors.Is(err, errKindsChanged) {
		t.Errorf("%v, want errKindsChanged", err)
	}
}

// state describes what is in the API, for a test that failed.
func (s *apiServer) state(t *testing.T) string {
	var lbs v1alpha1.LoadBalancerList
	var gateways gwv1.GatewayList
	if err := errors.Join(s.client.List(t.Context(), &lbs), s.client.List(t.Context(), &gateways)); err != nil {
		return err.Error()
	}
	text := ""
	for _, lb := range lbs.Items {
		text += fmt.Sprintf("LoadBalancer %s: %+v\n", lb.Name, lb.Status)
	}
	for _, g := range gateways.Items {
		text += fmt.Sprintf("Gateway %s: %+v\n", g.Name, g.Status)
	}
	return text
}
