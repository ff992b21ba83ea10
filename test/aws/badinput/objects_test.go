package badinput

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
)

func class() *gwv1.GatewayClass {
	return &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "aws"}, Spec: gwv1.GatewayClassSpec{ControllerName: "cloudgate.dev/aws"}}
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }

// gateway is one with an HTTP listener, unless change says otherwise.
func gateway(name string, change ...func(*gwv1.Gateway)) *gwv1.Gateway {
	g := &gwv1.Gateway{ObjectMeta: named(name), Spec: gwv1.GatewaySpec{
		GatewayClassName: "aws", Listeners: []gwv1.Listener{{Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType}},
	}}
	for _, f := range change {
		f(g)
	}
	return g
}

// configured gives a Gateway its GatewayConfig.
func configured(config string) func(*gwv1.Gateway) {
	return func(g *gwv1.Gateway) {
		g.Spec.Infrastructure = &gwv1.GatewayInfrastructure{
			ParametersRef: &gwv1.LocalParametersReference{Group: "cloudgate.dev", Kind: v1alpha1.GatewayConfigKind, Name: config},
		}
	}
}

// secured makes the listener one of HTTPS with a certificate.
func secured(secret string) func(*gwv1.Gateway) {
	return func(g *gwv1.Gateway) {
		g.Spec.Listeners = []gwv1.Listener{{
			Name: "https", Port: 443, Protocol: gwv1.HTTPSProtocolType,
			TLS: &gwv1.ListenerTLSConfig{CertificateRefs: []gwv1.SecretObjectReference{{Name: gwv1.ObjectName(secret)}}},
		}}
	}
}

// inSubnets is a GatewayConfig that names subnets.
func inSubnets(name string, ids ...string) *v1alpha1.GatewayConfig {
	return &v1alpha1.GatewayConfig{ObjectMeta: named(name), Spec: v1alpha1.GatewayConfigSpec{
		AWS: &v1alpha1.AWSConfig{Subnets: &v1alpha1.AWSSubnets{IDs: ids}},
	}}
}

// route sends a host to a Service, by exact paths, each of which takes a rule.
func route(name, gw, service string, paths ...string) *gwv1.HTTPRoute {
	r := &gwv1.HTTPRoute{ObjectMeta: named(name), Spec: gwv1.HTTPRouteSpec{
		CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: gwv1.ObjectName(gw)}}},
		Hostnames:       []gwv1.Hostname{gwv1.Hostname(name + ".example.com")},
	}}
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	for i, path := range paths {
		port, weight := gwv1.PortNumber(80), int32(i+1)
		ref := gwv1.BackendRef{BackendObjectReference: gwv1.BackendObjectReference{Name: gwv1.ObjectName(service), Port: &port}, Weight: &weight}
		match := gwv1.HTTPPathMatch{Type: new(gwv1.PathMatchExact), Value: new(path)}
		if path == "/" {
			match.Type = new(gwv1.PathMatchPathPrefix)
		}
		rule := gwv1.HTTPRouteRule{Matches: []gwv1.HTTPRouteMatch{{Path: &match}}, BackendRefs: []gwv1.HTTPBackendRef{{BackendRef: ref}}}
		r.Spec.Rules = append(r.Spec.Rules, rule)
	}
	return r
}

// service is a Service with an endpoint in the VPC that does not answer.
func service(name string) []client.Object {
	portName, port, ready := "", int32(9), true
	return []client.Object{
		&corev1.Service{ObjectMeta: named(name), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.5.5.5"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready}}},
		},
	}
}

// secret holds a certificate that signed itself: of a kind that ACM takes, or of one that it does not.
func secret(t *testing.T, name string, taken bool) *corev1.Secret {
	t.Helper()
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var public, private any
	if taken {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fatal(err)
		public, private = &key.PublicKey, key
	} else {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		fatal(err)
		public, private = pub, key
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "www.example.com"}, DNSNames: []string{"www.example.com"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	crt, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	fatal(err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	fatal(err)
	return &corev1.Secret{ObjectMeta: named(name), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: crt}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
}
