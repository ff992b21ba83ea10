package aws

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
)

// What an account does not allow or have ends in a status that says so, is tried again at audits alone, and is over when its cause is.
func TestWhatAnAccountRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, action, code string
		reason, says       string
	}{
		{"permissions", "CreateLoadBalancer", "AccessDenied", "ProviderDenied", "CreateLoadBalancer"},
		{"credentials", "CreateTargetGroup", "InvalidClientTokenId", "ProviderDenied", ""},
		{"a quota", "CreateLoadBalancer", "TooManyLoadBalancers", "NoResources", "quota"},
		{"another quota", "CreateTargetGroup", "TooManyTargetGroups", "NoResources", "quota"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, "127.84.1.0/24", func(w *world) { w.fails(tc.action, tc.code) })
			if c := w.until(tc.reason); !strings.Contains(c.Message, tc.says) {
				t.Errorf("the message is %q, want %q in it", c.Message, tc.says)
			}
			w.changes()
			const rest = 5 * auditInterval
			time.Sleep(rest) // is the measure: what is asked while nothing changes
			if n := w.changes(); n > 2*int(rest/auditInterval) {
				t.Errorf("%d calls that change something within %d audits: a hot loop", n, int(rest/auditInterval))
			}
			w.admin(http.MethodDelete, "faults", "")
			w.until("Programmed")
		})
	}
}

// Throttling passes: nothing is said to be wrong, calls become fewer, and it goes on where it was.
func TestThrottling(t *testing.T) {
	w := newWorld(t, "127.84.2.0/24", nil)
	w.until("Programmed")
	w.fails("CreateRule", "Throttling")
	w.apply(strings.ReplaceAll(manifest, "/app}", "/other}"))
	w.changes()
	const rest = 3 * time.Second
	time.Sleep(rest)
	if n := w.changes(); n > 40 {
		t.Errorf("%d calls that change something within %s of throttling: a hot loop", n, rest)
	}
	if c := w.programmed(); c.Reason != "Programmed" {
		t.Errorf("Programmed is %s: %s, want that it stands", c.Reason, c.Message)
	}
	w.admin(http.MethodDelete, "faults", "")
	w.settled()
}

// A load balancer that somebody deletes is found by the next audit and made again, with all that it had.
func TestALoadBalancerThatIsDeletedBehindOurBack(t *testing.T) {
	w := newWorld(t, "127.84.3.0/24", nil)
	w.until("Programmed")
	w.settled()
	account := w.cloud.AWS().Region(region)
	before := account.View().LoadBalancers
	if len(before) != 1 {
		t.Fatalf("%d load balancers, want 1", len(before))
	}
	arn := before[0].Key
	if _, err := account.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now := account.View().LoadBalancers
		if len(now) == 1 && now[0].Key != arn && len(now[0].Listeners) == 1 && len(now[0].Listeners[0].Rules) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is not made again: %d load balancers", len(now))
		}
	}
	w.until("Programmed")
	w.settled()
}

// settled waits until some audits have gone by without a change.
func (w *world) settled() {
	w.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		w.changes()
		time.Sleep(3 * auditInterval)
		if w.changes() == 0 {
			w.until("Programmed")
			return
		}
	}
	w.Fatal("there is always something to change")
}

// A network without a way to the internet is said, with what is missing, and served as soon as it has one.
func TestANetworkWithoutAWayOut(t *testing.T) {
	var table, gateway string
	out := aws.String("0.0.0.0/0")
	w := newWorld(t, "127.84.4.0/24", func(w *world) {
		account := w.cloud.AWS().Region(region)
		tables, err := account.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range tables.RouteTables {
			for _, r := range found.Routes {
				if strings.HasPrefix(aws.ToString(r.GatewayId), "igw-") {
					table, gateway = aws.ToString(found.RouteTableId), aws.ToString(r.GatewayId)
				}
			}
		}
		if _, err := account.DeleteRoute(t.Context(), &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: out}); err != nil {
			t.Fatal(err)
		}
	})
	if c := w.until("Invalid"); !strings.Contains(c.Message, "internet gateway") {
		t.Errorf("the message is %q, want what is missing in it", c.Message)
	}
	if _, err := w.cloud.AWS().Region(region).CreateRoute(t.Context(), &ec2.CreateRouteInput{
		RouteTableId: &table, DestinationCidrBlock: out, GatewayId: &gateway,
	}); err != nil {
		t.Fatal(err)
	}
	w.until("Programmed")
}
