package aws_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// TestUnmetHealthChecksAreTold: a check that AWS does otherwise is said of the Service, and costs no rule.
func TestUnmetHealthChecksAreTold(t *testing.T) {
	fits := ir.HealthCheck{Kind: ir.HealthHTTP, Path: "/", Interval: 10 * time.Second, Timeout: 3 * time.Second, HealthyThreshold: 2, UnhealthyThreshold: 3, Asked: ir.HealthByPolicy}
	with := func(change func(*ir.HealthCheck)) *ir.HealthCheck {
		h := fits
		change(&h)
		return &h
	}
	quick := func(asked ir.HealthAsked) *ir.HealthCheck {
		return with(func(h *ir.HealthCheck) {
			h.Interval, h.Timeout, h.HealthyThreshold, h.UnhealthyThreshold, h.Asked = time.Second, 500*time.Millisecond, 1, 100, asked
		})
	}
	tcp := func(asked ir.HealthAsked) *ir.HealthCheck {
		return with(func(h *ir.HealthCheck) { h.Kind, h.Path, h.Asked = ir.HealthTCP, "", asked })
	}
	for _, c := range []struct {
		reason   string
		protocol ir.Protocol
		pool     ir.Pool
		want     string
	}{
		{"AWS does as it should", ir.ProtocolHTTP, ir.Pool{Health: &fits}, ""},
		{"nobody asked", ir.ProtocolHTTP, ir.Pool{Health: quick(ir.HealthByNobody)}, ""},
		{"numbers of a readiness probe", ir.ProtocolHTTP, ir.Pool{Health: quick(ir.HealthByProbe)}, ""},
		{
			"numbers of a policy", ir.ProtocolHTTP, ir.Pool{Health: quick(ir.HealthByPolicy)},
			"AWS checks its endpoints every 5s in place of 1s, with a timeout of 2s in place of 500ms, healthy after 2 answers in place of 1, " +
				"unhealthy after 10 failures in place of 100",
		},
		{
			"a connection, of a policy", ir.ProtocolHTTP, ir.Pool{Health: tcp(ir.HealthByPolicy)},
			"AWS checks its endpoints by GET /, which any status below 500 answers, in place of a connection",
		},
		{
			"a connection, of a readiness probe", ir.ProtocolHTTP, ir.Pool{Health: tcp(ir.HealthByProbe)},
			"AWS checks its endpoints by GET /, which any status below 500 answers, in place of a connection",
		},
		{"a connection, of a Network Load Balancer", ir.ProtocolTCP, ir.Pool{Health: tcp(ir.HealthByPolicy)}, ""},
		{"no checks wanted", ir.ProtocolHTTP, ir.Pool{Unchecked: true}, "its endpoints are checked nevertheless: AWS checks every target"},
	} {
		c.pool.Name, c.pool.Source = "p", ir.Source{Kind: "Service", Namespace: "shop", Name: "p"}
		got := compile(t, crowded(c.protocol, c.pool))
		var want []cloud.Refusal
		if c.want != "" {
			want = []cloud.Refusal{{Source: c.pool.Source, Kind: cloud.Unsupported, Text: c.want}}
		}
		if diff := cmp.Diff(want, got.Refused); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
		if len(got.Graph) < 4 {
			t.Errorf("%s: want all of it served, got %v", c.reason, got.Graph)
		}
	}
}
