package elb

import (
	"net/netip"
	"strings"
	"testing"

	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestTheSimplePath is a listener with a rule for a path: its traffic, its targets' health, its name.
func TestTheSimplePath(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "web", nil))
	if got := s.health(web); got != "unused Target.NotInUse Target group is not configured to receive traffic from the load balancer" {
		t.Errorf("of a group that nobody uses: %s", got)
	}
	ls := s.listener(lb, 8080, fixed("404", "nothing here"), nil)
	rule := s.rule(ls, 10, forward(web), path("/web/*"))
	at := s.at(lb, 8080)
	answers(t, at, "/web/a", 200, "web")
	answers(t, at, "/web", 404, "nothing here")
	for _, ip := range s.addresses(lb) {
		answers(t, netip.AddrPortFrom(ip, 8080).String(), "/web/b", 200, "web")
	}
	eventually(t, "healthy", func() bool { return s.health(web) == "healthy" }, func() string { return s.health(web) })
	if r, ok := s.ListenerReport(ls); !ok || !r.Bound {
		t.Errorf("the listener is reported as %+v", r)
	}
	do(s, s.DeleteRule, &api.DeleteRuleInput{RuleArn: &rule})
	answers(t, at, "/web/a", 404, "nothing here")
	do(s, s.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	eventually(t, "gone", func() bool {
		_, err := get(at, "/web/a")
		_, known := s.plane.Lookup(strings.ToLower(*lb.DNSName))
		return err != nil && !known
	})
}
