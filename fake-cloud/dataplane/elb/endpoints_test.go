package elb

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
	"github.com/cloudgate-dev/cloudgate/pkg/proxy"
)

// unchecked is a group whose targets are healthy without a check.
func unchecked(attributes map[string]string) *group {
	return &group{targets: map[string]*target{}, view: &aws.TargetGroupView{TargetGroup: &aws.TargetGroup{
		Spec: types.TargetGroup{HealthCheckEnabled: sdk.Bool(false)}, Attributes: attributes,
	}}}
}

func (g *group) add(port uint16) {
	row := &aws.Target{Meta: aws.Meta{Key: fmt.Sprint(port)}}
	g.view.Targets = append(g.view.Targets, row)
	g.targets[row.Key] = &target{row: row, address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)}
}

func weights(list []proxy.Endpoint) (out []uint32) {
	for _, e := range list {
		out = append(out, e.Weight)
	}
	return out
}

func TestASlowStart(t *testing.T) {
	g := unchecked(map[string]string{"slow_start.duration_seconds": "40"})
	now := time.Unix(1000, 0)
	at := func(second int) []proxy.Endpoint { return g.endpoints(now.Add(time.Duration(second) * time.Second)) }
	g.add(1)
	g.add(2)
	steps := []struct {
		reason string
		second int
		want   []uint32
		ramps  bool
	}{
		{"all became healthy at once", 0, []uint32{100, 100}, false},
		{"a new one begins", 10, []uint32{100, 100, 1}, true},
		{"and grows", 20, []uint32{100, 100, 25}, true},
		{"to the end", 50, []uint32{100, 100, 100}, false},
	}
	for i, step := range steps {
		if i == 1 {
			g.add(3)
		}
		if diff := cmp.Diff(step.want, weights(at(step.second))); diff != "" || g.ramps != step.ramps {
			t.Errorf("%s (-want +got):\n%s\nramps: %v", step.reason, diff, g.ramps)
		}
	}
}

func TestAtLeast(t *testing.T) {
	const prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
	tests := []struct {
		count, percent string
		of, want       int
	}{
		{"1", "off", 10, 1}, {"3", "off", 10, 3}, {"1", "50", 10, 5}, {"1", "50", 5, 3}, {"4", "10", 10, 4}, {"", "", 10, 1},
	}
	for _, tt := range tests {
		if got := atLeast(map[string]string{prefix + "count": tt.count, prefix + "percentage": tt.percent}, tt.of); got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
}
