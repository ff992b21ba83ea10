package translate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// speech is how a kind of route wants to speak to its backends.
type speech uint8

const (
	speakHTTP speech = iota // HTTPRoute: what the appProtocol says, else HTTP/1.1
	speakGRPC               // GRPCRoute: HTTP/2
	speakTCP                // TCPRoute, and TLSRoute passed through: bytes as they are
	speakTLS                // TLSRoute that was terminated: bytes, in TLS where a BackendTLSPolicy says so
	speakUDP
)

// appProtocols maps appProtocol, in lower case, to what HTTP routes make of it. See KEP-3726 for the prefixed names.
var appProtocols = map[string]struct {
	protocol ir.PoolProtocol
	feature  ir.Feature // that it needs
	tls      bool       // that a BackendTLSPolicy has to secure
}{
	"":                  {protocol: ir.PoolHTTP1},
	"http":              {protocol: ir.PoolHTTP1},
	"tcp":               {protocol: ir.PoolHTTP1},
	"https":             {protocol: ir.PoolHTTP1, tls: true},
	"kubernetes.io/ws":  {protocol: ir.PoolHTTP1, feature: ir.FeatureBackendWebSocket},
	"kubernetes.io/wss": {protocol: ir.PoolHTTP1, feature: ir.FeatureBackendWebSocket, tls: true},
	"kubernetes.io/h2c": {protocol: ir.PoolHTTP2, feature: ir.FeatureBackendHTTP2},
	"h2c":               {protocol: ir.PoolHTTP2, feature: ir.FeatureBackendHTTP2},
	"http2":             {protocol: ir.PoolHTTP2, feature: ir.FeatureBackendHTTP2},
	"grpc":              {protocol: ir.PoolHTTP2, feature: ir.FeatureBackendHTTP2},
}

const appProtocolsKnown = "http, https, grpc, kubernetes.io/h2c, kubernetes.io/ws, kubernetes.io/wss"

// poolKey is what makes a pool another one.
type poolKey struct {
	service types.NamespacedName
	port    int32
	speech  speech
}

// backend is what became of one port of a Service, spoken to in one way.
type backend struct {
	pool     *ir.Pool
	policies []*policy // that have a say in it, or try to
	fault    *Problem
	reason   gwv1.RouteConditionReason // of fault
	notes    []Problem                 // what the cloud does with a difference
	used     bool
}

// ReasonInvalidBackendTLSPolicy is used with the ResolvedRefs condition of a route whose backend is governed by an invalid
// BackendTLSPolicy. The specification calls such a backendRef invalid and names no reason.
const ReasonInvalidBackendTLSPolicy gwv1.RouteConditionReason = "InvalidBackendTLSPolicy"

// ReasonNoNodePort is used with the ResolvedRefs condition of a route whose load balancer sends requests to nodes, and whose backend has no
// port there.
const ReasonNoNodePort gwv1.RouteConditionReason = "NoNodePort"

// resolve finds the backend of a reference. from is the route. The second result is the fault of the reference, as far as it is not the
// Service's.
func (t *translation) resolve(from Object, ref gwv1.BackendObjectReference, how speech) (*backend, *Problem, gwv1.RouteConditionReason) {
	object := Object{
		Kind:      string(valueOr(ref.Kind, kindService)),
		Namespace: string(valueOr(ref.Namespace, gwv1.Namespace(from.Namespace))),
		Name:      string(ref.Name),
	}
	if group := value(ref.Group); group != "" || object.Kind != kindService {
		p := Problem{Code: CodeInvalidKind, Object: object, Value: groupKind(string(group), object.Kind), Detail: kindService}
		return nil, &p, gwv1.RouteReasonInvalidKind
	}
	if !t.grants.allow(from, object) {
		return nil, &Problem{Code: CodeNotPermitted, Object: object}, gwv1.RouteReasonRefNotPermitted
	}
	if ref.Port == nil {
		return nil, &Problem{Code: CodePortMissing, Object: object}, gwv1.RouteReasonBackendNotFound
	}
	key := poolKey{service: types.NamespacedName{Namespace: object.Namespace, Name: object.Name}, port: *ref.Port, speech: how}
	b, known := t.backends[key]
	if !known {
		b = t.newBackend(key, object)
		t.backends[key] = b
	}
	return b, b.fault, b.reason
}

func (t *translation) newBackend(key poolKey, object Object) *backend {
	fail := func(reason gwv1.RouteConditionReason, p Problem) *backend {
		p.Object = object
		return &backend{fault: &p, reason: reason}
	}
	service := t.s.Services[key.service]
	if service == nil {
		t.losePolicies(key.service)
		b := fail(gwv1.RouteReasonBackendNotFound, Problem{Code: CodeNotFound})
		b.policies = t.policiesFor(key, "")
		return b
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return fail(gwv1.RouteReasonInvalidKind, Problem{Code: CodeExternalName})
	}
	transport := corev1.ProtocolTCP
	if key.speech == speakUDP {
		transport = corev1.ProtocolUDP
	}
	port, other := servicePort(service, key.port, transport)
	switch {
	case port == nil && other != nil:
		return fail(gwv1.RouteReasonUnsupportedProtocol, Problem{Code: CodePortProtocol, Value: string(other.Protocol), Detail: string(transport)})
	case port == nil:
		return fail(gwv1.RouteReasonBackendNotFound, Problem{Code: CodePortNotFound, Value: fmt.Sprint(key.port), Detail: portList(service)})
	}
	kind, outside := t.targetType(service, port)
	if kind == v1alpha1.TargetTypeNodePort && (port.NodePort < 1 || port.NodePort > 65535) {
		return fail(ReasonNoNodePort, Problem{Code: CodeNoNodePort, Value: fmt.Sprint(key.port), Detail: outside})
	}

	b := &backend{policies: t.policiesFor(key, port.Name)}
	secured := t.governing(kindTLSPolicy, key, port.Name)
	f := &findings{t: t}
	protocol := poolProtocol(key.speech, port, secured != nil, f)
	b.notes = f.notes
	if len(f.faults) > 0 {
		b.fault, b.reason = &f.faults[0], gwv1.RouteReasonUnsupportedProtocol
		b.fault.Object = object
		return b
	}
	pool := &ir.Pool{
		Protocol: protocol, Algorithm: ir.RoundRobin, Health: defaultHealth(protocol),
		Nodes:  kind == v1alpha1.TargetTypeNodePort,
		Source: ir.Source{Kind: kindService, Namespace: service.Namespace, Name: service.Name, Section: port.Name},
	}
	if pool.Nodes {
		pool.Targets = t.nodeTargets(service, port)
	} else {
		pool.Targets = t.targets(service, port)
	}
	if secured != nil {
		if pool.TLS = secured.tls; pool.TLS == nil {
			b.reason = ReasonInvalidBackendTLSPolicy
			b.fault = &Problem{Code: CodeBackendTLSPolicy, Object: secured.object()}
			return b
		}
	}
	if health := t.probed(key, pool); health != nil {
		pool.Health = health
	}
	if p := t.governing(kindTrafficPolicy, key, port.Name); p != nil && p.traffic != nil {
		p.traffic.apply(pool, key)
	}
	if p := t.governing(kindBackendPolicy, key, port.Name); p != nil && p.backend != nil {
		p.backend.apply(pool)
	}
	if pool.TLS != nil && t.clientCertificate != "" {
		shown := *pool.TLS
		shown.Client = t.clientCertificate
		pool.TLS = &shown
	}
	pool.Name = poolName(key, protocol, pool.TLS != nil)
	b.pool = pool
	return b
}

// poolProtocol decides what the targets speak. secured tells that a BackendTLSPolicy governs the port.
func poolProtocol(how speech, port *corev1.ServicePort, secured bool, f *findings) ir.PoolProtocol {
	switch how {
	case speakUDP:
		return ir.PoolUDP
	case speakTCP, speakTLS:
		return ir.PoolTCP
	case speakHTTP, speakGRPC:
	}
	written := value(port.AppProtocol)
	known, found := appProtocols[strings.ToLower(written)]
	switch {
	case !found:
		f.fault(Problem{Code: CodeAppProtocol, Value: written, Detail: appProtocolsKnown})
	case known.tls && !secured:
		f.fault(Problem{Code: CodeBackendNeedsTLS, Value: written})
	case how == speakGRPC && known.feature == ir.FeatureBackendWebSocket:
		f.fault(Problem{Code: CodeAppProtocol, Value: written, Detail: "grpc, kubernetes.io/h2c, http, https"})
	case how == speakGRPC:
		known.protocol, known.feature = ir.PoolHTTP2, ir.FeatureGRPC
	}
	if known.feature != "" {
		f.use(known.feature, "")
	}
	return known.protocol
}

// servicePort returns the port of a Service with a number and transport protocol, or else another one with the number.
func servicePort(service *corev1.Service, number int32, transport corev1.Protocol) (port, other *corev1.ServicePort) {
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if p.Port != number {
			continue
		}
		if protocolOf(p.Protocol) == transport {
			return p, nil
		}
		other = p
	}
	return nil, other
}

func portList(service *corev1.Service) string {
	var numbers []int
	for _, p := range service.Spec.Ports {
		numbers = append(numbers, int(p.Port))
	}
	slices.Sort(numbers)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(slices.Compact(numbers)), " ", ", "), "[]")
}

// poolName names a pool by what makes it another one, and nothing that changes during the life of a Service.
func poolName(key poolKey, protocol ir.PoolProtocol, secured bool) string {
	names := map[ir.PoolProtocol]string{ir.PoolHTTP1: "http1", ir.PoolHTTP2: "http2", ir.PoolTCP: "tcp", ir.PoolUDP: "udp"}
	name := fmt.Sprintf("%s/%s/%d/%s", key.service.Namespace, key.service.Name, key.port, names[protocol])
	if secured {
		name += "-tls"
	}
	return name
}

// defaultHealth checks that a target takes connections, every second: a crashed target is out of rotation within that time. There is nothing
// to ask a UDP server that it would have to answer.
func defaultHealth(protocol ir.PoolProtocol) *ir.HealthCheck {
	if protocol == ir.PoolUDP {
		return nil
	}
	return &ir.HealthCheck{
		Kind: ir.HealthTCP, Interval: time.Second, Timeout: time.Second,
		HealthyThreshold: 1, UnhealthyThreshold: 1,
	}
}
