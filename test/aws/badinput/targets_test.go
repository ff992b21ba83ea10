package badinput

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// crowd is a Service with n endpoints.
func crowd(name string, second byte, n int) []client.Object {
	objs := service(name)
	slice := objs[1].(*discoveryv1.EndpointSlice)
	one := slice.Endpoints[0]
	slice.Endpoints = nil
	for i := range n {
		endpoint := *one.DeepCopy()
		endpoint.Addresses = []string{fmt.Sprintf("127.%d.%d.%d", second, i/200, 1+i%200)}
		slice.Endpoints = append(slice.Endpoints, endpoint)
	}
	return objs
}

// TestMoreTargetsThanAnALBHas: two Services have more endpoints than there is room for. The larger one goes without some, which its route says, and gets
// them when there is room.
func TestMoreTargetsThanAnALBHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(crowd("large", 6, 800)...)
	w.apply(crowd("small", 7, 300)...)
	w.apply(gateway("gw"), route("large", "gw", "large"), route("small", "gw", "small"))
	w.run()
	w.ready("gw")
	w.says(w.routed("large", "Accepted", metav1.ConditionTrue, "Accepted"),
		"has at most 1000 targets, and the backends of the Gateway have 1100", "of its 800 endpoints 700 get requests")
	if got := w.routed("small", "Accepted", metav1.ConditionTrue, "Accepted"); got != "The HTTPRoute is accepted." {
		t.Errorf("want nothing said of the small one, got %q", got)
	}
	if n := w.targets("gw"); n != 1000 {
		t.Errorf("want 1000 targets, got %d", n)
	}
	w.inSync()
	w.apply(crowd("small", 7, 100)...)
	w.until("the targets that have room now", func() bool { return w.targets("gw") == 900 }, func() string { return fmt.Sprint(w.targets("gw"), " targets") })
	w.until("the end of it in the status", func() bool {
		return w.routed("large", "Accepted", metav1.ConditionTrue, "Accepted") == "The HTTPRoute is accepted."
	}, func() string { return w.routed("large", "Accepted", metav1.ConditionTrue, "Accepted") })
	w.inSync()
}

// targets counts the targets of a Gateway's load balancer that are not on their way out.
func (w *world) targets(gateway string) (n int) {
	w.Helper()
	groups, err := w.region.DescribeTargetGroups(w.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: sdk.String(w.balancer(gateway))})
	w.check(err)
	for _, g := range groups.TargetGroups {
		out, err := w.region.DescribeTargetHealth(w.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
		w.check(err)
		for _, d := range out.TargetHealthDescriptions {
			if d.TargetHealth.State != "draining" {
				n++
			}
		}
	}
	return n
}
