package translate_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
)

// compareAll compares everything, keys too, which print as one fixed word.
var compareAll = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmp.Comparer(func(a, b ir.SecretBytes) bool { return string(a) == string(b) })}

// TestProperties holds what has to be true of any input to generated ones.
func TestProperties(t *testing.T) {
	for seed := range uint64(2000) {
		checkLaws(t, fmt.Sprintf("seed %d", seed), translatetest.Generate(translatetest.SeededDice(seed)))
		if t.Failed() {
			return
		}
	}
}

// TestPropertiesOfStories holds the same to the stories.
func TestPropertiesOfStories(t *testing.T) {
	stories, err := translatetest.Stories("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		checkLaws(t, story.Name, story.Snapshot)
	}
}

// FuzzTranslate lets a fuzzer steer the generator.
func FuzzTranslate(f *testing.F) {
	f.Add([]byte("seed"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Fuzz(func(t *testing.T, data []byte) {
		checkLaws(t, "fuzz", translatetest.Generate(translatetest.NewDice(data)))
	})
}

// FuzzManifests lets a fuzzer write the manifests.
func FuzzManifests(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/in.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _, err := translatetest.Parse(data)
		if err != nil || s.Gateway == nil || len(data) > 1<<16 {
			t.Skip()
		}
		checkLaws(t, "fuzz", s)
	})
}

func checkLaws(t *testing.T, name string, s *translate.Snapshot) {
	t.Helper()
	lb, report := translate.Translate(s)
	checkLoadBalancer(t, name, lb)
	checkVerdicts(t, name, s, report)
	checkStatus(t, name, s, report)

	shuffled := translatetest.Shuffle(s, translatetest.SeededDice(uint64(len(name))))
	lb2, report2 := translate.Translate(shuffled)
	if diff := cmp.Diff(lb, lb2, compareAll); diff != "" && !hasTwins(s) {
		t.Errorf("%s: another order gives another load balancer (-one +other):\n%s", name, diff)
	}
	if diff := cmp.Diff(report, report2, compareAll); diff != "" && !hasTwins(s) {
		t.Errorf("%s: another order gives another report (-one +other):\n%s", name, diff)
	}
}

// hasTwins tells whether two objects of a kind have one name, which no cluster has and which the order decides between.
func hasTwins(s *translate.Snapshot) bool {
	seen := map[string]bool{}
	twins := false
	note := func(kind string, o metav1.Object) {
		key := kind + "/" + o.GetNamespace() + "/" + o.GetName()
		twins = twins || seen[key]
		seen[key] = true
	}
	for _, o := range s.HTTPRoutes {
		note("http", o)
	}
	for _, o := range s.GRPCRoutes {
		note("grpc", o)
	}
	for _, o := range s.TLSRoutes {
		note("tls", o)
	}
	for _, o := range s.TCPRoutes {
		note("tcp", o)
	}
	for _, o := range s.UDPRoutes {
		note("udp", o)
	}
	for _, o := range s.ListenerSets {
		note("set", o)
	}
	for _, o := range s.Policies() {
		note(o.Object.Kind, o.Meta)
	}
	return twins
}

// checkLoadBalancer holds what package ir promises to who compiles.
func checkLoadBalancer(t *testing.T, name string, lb *ir.LoadBalancer) {
	t.Helper()
	pools, certs := map[string]bool{}, map[string]bool{}
	for _, p := range lb.Pools {
		if pools[p.Name] || p.Protocol == 0 {
			t.Errorf("%s: pool %q occurs twice or has no protocol", name, p.Name)
		}
		pools[p.Name] = true
	}
	for _, c := range lb.Certificates {
		certs[c.Name] = true
	}
	for _, p := range lb.Pools {
		if p.TLS != nil && p.TLS.Client != "" && !certs[p.TLS.Client] {
			t.Errorf("%s: certificate %q of pool %q is not there", name, p.TLS.Client, p.Name)
		}
	}
	used := map[string]bool{}
	type port struct {
		port uint16
		udp  bool
	}
	ports := map[port]bool{}
	for _, l := range lb.Listeners {
		at := port{l.Port, l.Protocol == ir.ProtocolUDP}
		if ports[at] || l.Port == 0 || len(l.Servers) == 0 {
			t.Errorf("%s: listener on port %d is not alone there, or empty", name, l.Port)
		}
		ports[at] = true
		servers, hosts := map[string]bool{}, map[string]bool{}
		for _, server := range l.Servers {
			if servers[server.Name] || hosts[server.Hostname] {
				t.Errorf("%s: server %q (%q) occurs twice", name, server.Name, server.Hostname)
			}
			servers[server.Name], hosts[server.Hostname] = true, true
			for _, c := range server.Certificates {
				if !certs[c] {
					t.Errorf("%s: certificate %q is not there", name, c)
				}
			}
			checkRules(t, name, server, pools, used)
		}
	}
	for pool := range pools {
		if !used[pool] {
			t.Errorf("%s: nothing points at pool %q", name, pool)
		}
	}
}

func checkRules(t *testing.T, name string, server ir.Server, pools, used map[string]bool) {
	t.Helper()
	for i, r := range server.Rules {
		if i > 0 && server.Rules[i-1].Rank >= r.Rank {
			t.Errorf("%s: ranks are not strictly ascending: %q, %q", name, server.Rules[i-1].Rank, r.Rank)
		}
		forward, isForward := r.Action.(*ir.Forward)
		if !isForward {
			continue
		}
		weights := uint32(0)
		for _, b := range forward.Backends {
			weights += b.Weight
			used[b.Pool] = true
			if b.Pool != "" && !pools[b.Pool] || (b.Pool == "") != (b.Status != 0) {
				t.Errorf("%s: backend %+v has no pool and no status, or a pool that is not there", name, b)
			}
		}
		for _, m := range forward.Mirrors {
			used[m.Pool] = true
			if !pools[m.Pool] || m.Numerator == 0 || m.Numerator > m.Denominator {
				t.Errorf("%s: mirror %+v has no share, or a pool that is not there", name, m)
			}
		}
		if weights == 0 {
			t.Errorf("%s: the weights of a Forward sum up to nothing", name)
		}
	}
}

// checkVerdicts holds that nothing goes without a verdict, and no verdict without a reason.
func checkVerdicts(t *testing.T, name string, s *translate.Snapshot, r *translate.Report) {
	t.Helper()
	if s.Gateway.DeletionTimestamp != nil {
		return
	}
	if len(r.Gateway.Listeners) != len(s.Gateway.Spec.Listeners) {
		t.Errorf("%s: %d verdicts on %d listeners", name, len(r.Gateway.Listeners), len(s.Gateway.Spec.Listeners))
	}
	verdicts := map[string]bool{}
	for _, route := range r.Routes {
		for _, p := range route.Parents {
			if p.Accepted.Reason == "" || p.Resolved.Reason == "" || !p.Accepted.OK && len(p.Accepted.Problems) == 0 {
				t.Errorf("%s: the verdict on %s %s has no reason: %+v", name, route.Kind, route.Name, p)
			}
			verdicts[route.Kind+"/"+route.Name.String()] = true
		}
	}
	for _, route := range s.HTTPRoutes {
		if slices.ContainsFunc(route.Spec.ParentRefs, func(ref gwv1.ParentReference) bool { return namesGateway(s, route.Namespace, ref) }) &&
			route.DeletionTimestamp == nil && !verdicts["HTTPRoute/"+route.Namespace+"/"+route.Name] && !hasTwins(s) {
			t.Errorf("%s: HTTPRoute %s/%s names the Gateway and has no verdict", name, route.Namespace, route.Name)
		}
	}
}

func namesGateway(s *translate.Snapshot, namespace string, ref gwv1.ParentReference) bool {
	if ref.Kind != nil && *ref.Kind != "Gateway" || ref.Group != nil && *ref.Group != gwv1.GroupName {
		return false
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	return string(ref.Name) == s.Gateway.Name && namespace == s.Gateway.Namespace
}

// checkStatus holds that a status is stable: written once, it comes out the same again, with its times.
func checkStatus(t *testing.T, name string, s *translate.Snapshot, r *translate.Report) {
	t.Helper()
	o := status.Outcome{Applied: true, Addresses: []string{"203.0.113.10"}}
	first := status.Of(s, r, o, now)
	again := *s
	gw := *s.Gateway
	gw.Status = first.Gateway
	again.Gateway = &gw
	again.HTTPRoutes = nil
	for _, route := range s.HTTPRoutes {
		written := *route
		written.Status = first.HTTPRoutes[nameOf(route)]
		again.HTTPRoutes = append(again.HTTPRoutes, &written)
	}
	_, r2 := translate.Translate(&again)
	later := metav1.NewTime(now.AddDate(1, 0, 0))
	second := status.Of(&again, r2, o, later)
	if diff := cmp.Diff(first.Gateway, second.Gateway); diff != "" {
		t.Errorf("%s: the status of the Gateway is not stable (-first +second):\n%s", name, diff)
	}
	if diff := cmp.Diff(first.HTTPRoutes, second.HTTPRoutes); diff != "" {
		t.Errorf("%s: the statuses of HTTPRoutes are not stable (-first +second):\n%s", name, diff)
	}
	for _, c := range first.Gateway.Conditions {
		if c.Reason == "" || c.Message == "" || strings.Contains(c.Message, "%!") {
			t.Errorf("%s: condition without reason or message: %+v", name, c)
		}
	}
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
