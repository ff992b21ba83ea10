package translatetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Dice make choices out of bytes, so that a fuzzer can steer them. When the bytes run out every choice is the first.
type Dice struct{ data []byte }

// NewDice returns dice that follow data.
func NewDice(data []byte) *Dice { return &Dice{data: data} }

// SeededDice returns dice that look random and are the same for every equal seed.
func SeededDice(seed uint64) *Dice {
	var out []byte
	for i := range uint64(64) {
		var in [16]byte
		binary.LittleEndian.PutUint64(in[:], seed)
		binary.LittleEndian.PutUint64(in[8:], i)
		sum := sha256.Sum256(in[:])
		out = append(out, sum[:]...)
	}
	return &Dice{data: out}
}

// Roll returns a number below n.
func (d *Dice) Roll(n int) int {
	if len(d.data) == 0 || n < 2 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func pick[T any](d *Dice, of ...T) T { return of[d.Roll(len(of))] }

func maybe[T any](d *Dice, of ...T) *T {
	i := d.Roll(len(of) + 1)
	if i == 0 {
		return nil
	}
	return &of[i-1]
}

// Shuffle puts the lists of a Snapshot into another order. It returns a copy.
func Shuffle(s *translate.Snapshot, d *Dice) *translate.Snapshot {
	out := *s
	shuffle(d, &out.ListenerSets)
	shuffle(d, &out.HTTPRoutes)
	shuffle(d, &out.GRPCRoutes)
	shuffle(d, &out.TLSRoutes)
	shuffle(d, &out.TCPRoutes)
	shuffle(d, &out.UDPRoutes)
	shuffle(d, &out.ReferenceGrants)
	shuffle(d, &out.BackendTLSPolicies)
	shuffle(d, &out.BackendTrafficPolicies)
	shuffle(d, &out.BackendPolicies)
	shuffle(d, &out.Nodes)
	out.EndpointSlices = map[types.NamespacedName][]*discoveryv1.EndpointSlice{}
	for name, slices := range s.EndpointSlices {
		shuffle(d, &slices)
		out.EndpointSlices[name] = slices
	}
	return &out
}

func shuffle[T any](d *Dice, list *[]T) {
	out := slices.Clone(*list)
	for i := len(out) - 1; i > 0; i-- {
		j := d.Roll(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	*list = out
}

var (
	genNamespaces = []string{"a", "b"}
	genHosts      = []gwv1.Hostname{"", "x.example.com", "*.example.com", "*.com", "y.x.example.com", "*.x.example.com", "10.0.0.1", "X.example.com", "-"}
	genTime       = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Generate makes a Snapshot as hostile as the types allow: much of it no API server would let through.
func Generate(d *Dice) *translate.Snapshot {
	s := &translate.Snapshot{
		Cluster: "test", ControllerName: ControllerName, Features: AllFeatures(),
		Namespaces:     map[string]*corev1.Namespace{"a": {ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"k": "v"}}}},
		Services:       map[types.NamespacedName]*corev1.Service{},
		EndpointSlices: map[types.NamespacedName][]*discoveryv1.EndpointSlice{},
		Secrets:        map[types.NamespacedName]*corev1.Secret{},
		ConfigMaps:     map[types.NamespacedName]*corev1.ConfigMap{},
		Gateway:        &gwv1.Gateway{ObjectMeta: genMeta(d, "gw"), Spec: gwv1.GatewaySpec{GatewayClassName: "fake"}},
	}
	s.Gateway.Namespace, s.Gateway.UID = "a", "uid"
	if d.Roll(8) == 1 {
		s.Features = ir.Features{ir.FeatureHTTP: {Grade: ir.Exact}, ir.FeatureTCP: {Grade: ir.Approximate, Difference: "it is odd"}}
	}
	for i := range 1 + d.Roll(4) {
		s.Gateway.Spec.Listeners = append(s.Gateway.Spec.Listeners, genListener(d, i))
	}
	if d.Roll(3) > 0 {
		s.Gateway.Spec.AllowedListeners = &gwv1.AllowedListeners{Namespaces: &gwv1.ListenerNamespaces{From: maybe(d, gwv1.NamespacesFromAll, gwv1.NamespacesFromSame)}}
	}
	for i := range d.Roll(3) {
		set := &gwv1.ListenerSet{ObjectMeta: genMeta(d, fmt.Sprintf("set%d", i)), Spec: gwv1.ListenerSetSpec{ParentRef: gwv1.ParentGatewayReference{
			Name: "gw", Namespace: maybe(d, gwv1.Namespace("a"))}}}
		for j := range d.Roll(3) {
			set.Spec.Listeners = append(set.Spec.Listeners, gwv1.ListenerEntry(genListener(d, j)))
		}
		s.ListenerSets = append(s.ListenerSets, set)
	}
	genRoutes(d, s)
	genServices(d, s)
	return s
}

func genMeta(d *Dice, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: pick(d, genNamespaces...), Name: name, Generation: int64(d.Roll(3)),
		CreationTimestamp: metav1.NewTime(genTime.Add(time.Duration(d.Roll(3)) * time.Hour)),
	}
}

func genListener(d *Dice, i int) gwv1.Listener {
	l := gwv1.Listener{
		Name: gwv1.SectionName(fmt.Sprintf("l%d", i-d.Roll(2)*d.Roll(2))), Hostname: maybe(d, genHosts...),
		Port:     pick(d, int32(80), int32(443), int32(81), int32(0), int32(70000)),
		Protocol: pick(d, gwv1.HTTPProtocolType, gwv1.HTTPSProtocolType, gwv1.TLSProtocolType, gwv1.TCPProtocolType, gwv1.UDPProtocolType, "odd"),
	}
	if d.Roll(2) == 1 {
		l.TLS = &gwv1.ListenerTLSConfig{Mode: maybe(d, gwv1.TLSModeTerminate, gwv1.TLSModePassthrough, "odd"),
			CertificateRefs: []gwv1.SecretObjectReference{{Name: "cert", Namespace: maybe(d, gwv1.Namespace("b"))}}}
	}
	if d.Roll(2) == 1 {
		l.AllowedRoutes = &gwv1.AllowedRoutes{Namespaces: &gwv1.RouteNamespaces{
			From:     maybe(d, gwv1.NamespacesFromAll, gwv1.NamespacesFromSame, gwv1.NamespacesFromSelector, gwv1.FromNamespaces("odd")),
			Selector: maybe(d, metav1.LabelSelector{MatchLabels: map[string]string{"k": "v"}}, metav1.LabelSelector{MatchLabels: map[string]string{"/": "/"}})}}
	}
	return l
}

func genRefs(d *Dice) []gwv1.ParentReference {
	var refs []gwv1.ParentReference
	for range d.Roll(4) {
		refs = append(refs, gwv1.ParentReference{
			Name: pick(d, gwv1.ObjectName("gw"), "gw", "set0", "other"), Namespace: maybe(d, gwv1.Namespace("a"), gwv1.Namespace("b")),
			Kind: maybe(d, gwv1.Kind("Gateway"), gwv1.Kind("ListenerSet"), gwv1.Kind("Service")), SectionName: maybe(d, gwv1.SectionName("l0"), gwv1.SectionName("l1")),
			Port: maybe(d, gwv1.PortNumber(80)),
		})
	}
	return refs
}

func genBackend(d *Dice) gwv1.BackendRef {
	return gwv1.BackendRef{Weight: maybe(d, int32(0), int32(3), int32(-1)), BackendObjectReference: gwv1.BackendObjectReference{
		Name: pick(d, gwv1.ObjectName("svc0"), "svc1", "missing"), Namespace: maybe(d, gwv1.Namespace("b")),
		Kind: maybe(d, gwv1.Kind("Service"), gwv1.Kind("Odd")), Port: maybe(d, gwv1.PortNumber(80), gwv1.PortNumber(81), gwv1.PortNumber(-4))}}
}
