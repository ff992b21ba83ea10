package aws_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

// crowd is a pool of a Service with n endpoints in the zones, in turn.
func crowd(name string, n int, zones ...string) ir.Pool {
	pool := ir.Pool{Name: name, Protocol: ir.PoolHTTP1, Source: ir.Source{Kind: "Service", Namespace: "shop", Name: name}}
	for i := range n {
		target := ir.Target{Address: netip.AddrFrom4([4]byte{10, byte(len(name)), byte(i / 250), byte(1 + i%250)}), Port: 8080}
		if len(zones) > 0 {
			target.Zone = zones[i%len(zones)]
		}
		pool.Targets = append(pool.Targets, target)
	}
	return pool
}

// crowded is a load balancer with a listener of a protocol and a port for each pool.
func crowded(protocol ir.Protocol, pools ...ir.Pool) *ir.LoadBalancer {
	lb := &ir.LoadBalancer{Owner: ir.Owner{Cluster: "c", UID: "u", Namespace: "shop", Name: "web"}, Pools: pools}
	for i, p := range pools {
		rule := ir.Rule{Rank: "0", Action: to(p.Name), Source: ir.Source{Kind: "TCPRoute", Namespace: "shop", Name: p.Name}}
		lb.Listeners = append(lb.Listeners, ir.Listener{Port: uint16(1000 + i), Protocol: protocol, Servers: []ir.Server{{Name: p.Name, Rules: []ir.Rule{rule}}}})
	}
	return lb
}

// TestTargetQuotas: where a load balancer has no room for all targets, the largest groups go without the last of theirs, and the others lose none.
func TestTargetQuotas(t *testing.T) {
	for _, c := range []struct {
		reason   string
		lb       *ir.LoadBalancer
		settings string
		want     map[string]int // targets, by pool
		refused  []string
	}{
		{
			"all fit", crowded(ir.ProtocolHTTP, crowd("big", 900), crowd("small", 100)), "",
			map[string]int{"big": 900, "small": 100}, nil,
		},
		{
			"a target group has too many", crowded(ir.ProtocolTCP, crowd("big", 1001)), "",
			map[string]int{"big": 1000},
			[]string{"big: a target group in AWS has at most 1000 targets: of its 1001 endpoints 1000 get requests, the first by address"},
		},
		{
			"the large make room for the small", crowded(ir.ProtocolHTTP, crowd("big", 700), crowd("small", 100), crowd("bigger", 900)), "",
			map[string]int{"big": 450, "small": 100, "bigger": 450},
			[]string{
				"big: an Application Load Balancer in AWS has at most 1000 targets, and the backends of the Gateway have 1700: of its 700 endpoints 450 get requests, the first by address",
				"bigger: an Application Load Balancer in AWS has at most 1000 targets, and the backends of the Gateway have 1700: of its 900 endpoints 450 get requests, the first by address",
			},
		},
		{
			"a zone has too many", crowded(ir.ProtocolTCP, crowd("three", 900, "a", "b", "c"), crowd("one", 400, "a"), crowd("few", 10, "a")), "",
			map[string]int{"three": 845, "one": 245, "few": 10},
			[]string{
				"three: a Network Load Balancer in AWS has at most 500 targets in a zone, and the backends of the Gateway have 710 in a: of its 900 endpoints 845 get requests, the first by address",
				"one: a Network Load Balancer in AWS has at most 500 targets in a zone, and the backends of the Gateway have 710 in a: of its 400 endpoints 245 get requests, the first by address",
			},
		},
		{
			"all zones have too many", crowded(ir.ProtocolTCP, crowd("p", 1000), crowd("pp", 1000), crowd("ppp", 1000), crowd("pppp", 12)), "",
			map[string]int{"p": 996, "pp": 996, "ppp": 996, "pppp": 12},
			[]string{
				"p: a Network Load Balancer in AWS has at most 3000 targets, and the backends of the Gateway have 3012: of its 1000 endpoints 996 get requests, the first by address",
				"pp: a Network Load Balancer in AWS has at most 3000 targets, and the backends of the Gateway have 3012: of its 1000 endpoints 996 get requests, the first by address",
				"ppp: a Network Load Balancer in AWS has at most 3000 targets, and the backends of the Gateway have 3012: of its 1000 endpoints 996 get requests, the first by address",
			},
		},
		{
			"each zone sends to all", crowded(ir.ProtocolTCP, crowd("three", 600, "a", "b", "c")), `{"loadBalancerAttributes":{"load_balancing.cross_zone.enabled":"true"}}`,
			map[string]int{"three": 500},
			[]string{"three: a Network Load Balancer with cross-zone load balancing in AWS has at most 500 targets, and the backends of the Gateway have 600: " +
				"of its 600 endpoints 500 get requests, the first by address"},
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if c.settings != "" {
				c.lb.Settings = json.RawMessage(c.settings)
			}
			got := compile(t, c.lb)
			counts := make(map[string]int)
			for _, n := range got.Graph.Sorted() {
				if group, ok := n.Spec.(*aws.TargetGroup); ok {
					pool := n.ID.Name[:strings.LastIndexByte(n.ID.Name, '-')]
					counts[pool] = len(group.Targets)
				}
			}
			if diff := cmp.Diff(c.want, counts); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			var refused []string
			for _, r := range got.Refused {
				if r.Kind != cloud.Quota || r.Source.Kind != "Service" {
					t.Errorf("want a quota of a Service, got %v", r)
				}
				refused = append(refused, r.Source.Name+": "+r.Text)
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

// TestZoneOfNodes: nodes say in their providerID where they are.
func TestZoneOfNodes(t *testing.T) {
	pool := ir.Pool{Name: "nodes", Nodes: true, Source: ir.Source{Kind: "Service", Name: "nodes"}}
	for i := range 510 {
		pool.Targets = append(pool.Targets, ir.Target{
			Address: netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(1 + i%250)}), Port: 30080, Node: fmt.Sprintf("aws:///eu-west-1a/i-%04d", i),
		})
	}
	got := compile(t, crowded(ir.ProtocolTCP, pool))
	if n := len(specs[*aws.TargetGroup](got.Graph)[0].Targets); n != 500 || len(got.Refused) != 1 {
		t.Errorf("want 500 nodes of a zone, got %d, and refused %v", n, got.Refused)
	}
}

// TestListenerQuota: a listener of both TCP and UDP is one, and ListenerSets come after the Gateway, whatever their ports.
func TestListenerQuota(t *testing.T) {
	lb := crowded(ir.ProtocolTCP, crowd("p", 1))
	like := lb.Listeners[0].Servers[0]
	server := func(name string, turn int) ir.Server {
		s := like
		s.Name, s.Turn, s.Source = name, turn, ir.Source{Kind: "Gateway", Section: name}
		return s
	}
	lb.Listeners = nil
	for i := range 49 {
		lb.Listeners = append(lb.Listeners, ir.Listener{Port: uint16(2000 + i), Protocol: ir.ProtocolTCP, Servers: []ir.Server{server(fmt.Sprint("own-", i), 0)}})
	}
	lb.Listeners = append(lb.Listeners,
		ir.Listener{Port: 2000, Protocol: ir.ProtocolUDP, Servers: []ir.Server{server("datagrams", 0)}},
		ir.Listener{Port: 90, Protocol: ir.ProtocolTCP, Servers: []ir.Server{server("younger", 2)}},
		ir.Listener{Port: 91, Protocol: ir.ProtocolTCP, Servers: []ir.Server{server("older", 1)}},
	)
	got := compile(t, lb)
	want := []cloud.Refusal{{
		Source: ir.Source{Kind: "Gateway", Section: "younger"}, Kind: cloud.Quota,
		Text: "a load balancer in AWS has at most 50 listeners, and the Gateway has 51 ports for this one: its own come first, then those of older ListenerSets",
	}}
	if diff := cmp.Diff(want, got.Refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if n := len(specs[*aws.Listener](got.Graph)); n != 50 {
		t.Errorf("want 50 listeners, got %d", n)
	}
}
