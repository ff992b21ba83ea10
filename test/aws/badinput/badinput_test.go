package badinput

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
)

// oneGateway bounds the calls of an audit while one Gateway is in trouble: pages of everything, what that Gateway has, and a new try. Tags are
// read for 20 rules in a call.
const oneGateway = 26

// TestWrongCredentials: AWS does not know the controller's key, or not that secret.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{goodKey: "another secret", "AKIDSOMEBODY": goodSecret} {
		t.Run(name+" with "+secret, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.keys.set(name, secret)
			w.apply(gateway("gw"), route("app", "gw", "web"))
			w.run()
			w.says(w.programmed("gw", metav1.ConditionFalse, "ProviderDenied"), "does not accept the controller's credentials", "give it valid ones")
			w.event("ProviderDenied")
			w.lasting("credentials that are denied", 2)
			if name == goodKey {
				// The secret of a key never changes, so that the SDK remembers what it made of it: only another process has another one.
				w.halt()
				w.keys.set(goodKey, goodSecret)
				w.run()
			} else {
				w.keys.set(goodKey, goodSecret)
				w.audit()
			}
			w.ready("gw")
			w.inSync()
		})
	}
}

// TestRevokedCredentials: what serves goes on and keeps its address; a change waits until there are credentials again.
func TestRevokedCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(gateway("gw"), route("app", "gw", "web"))
	w.run()
	w.ready("gw")
	w.rest()
	balancer := w.balancer("gw")
	w.keys.set("AKIDSOMEBODY", goodSecret)
	w.apply(route("app", "gw", "web", "/", "/more"))
	w.says(w.programmed("gw", metav1.ConditionFalse, "ProviderDenied"), "does not accept the controller's credentials", "give it valid ones")
	w.lasting("credentials that are revoked", 2)
	if after, rules := w.balancer("gw"), w.rules("gw"); after != balancer || rules != 1 {
		t.Errorf("want the load balancer %s with 1 rule as before, got %s with %d", balancer, after, rules)
	}
	w.keys.set(goodKey, goodSecret)
	w.audit()
	w.ready("gw")
	if n := w.rules("gw"); n != 2 {
		t.Errorf("want 2 rules, got %d", n)
	}
	w.inSync()
}

// TestMissingPermission: the role lacks one action.
func TestMissingPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fault(fault.Rule{Op: "elasticloadbalancing:CreateLoadBalancer", Effect: fault.Error, Code: "AccessDenied"})
	w.apply(gateway("gw"), route("app", "gw", "web"))
	w.run()
	w.says(w.programmed("gw", metav1.ConditionFalse, "ProviderDenied"), "elasticloadbalancing:CreateLoadBalancer", "allow it in the role's policy")
	w.event("ProviderDenied")
	w.lasting("a permission that is missing", oneGateway)
	w.heal()
	w.audit()
	w.ready("gw")
	w.inSync()
}

// TestMissingSubnets: the GatewayConfig names subnets that are not there, and is corrected.
func TestMissingSubnets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(inSubnets("net", "subnet-0123456789abcdef0", "subnet-0123456789abcdef1"), gateway("gw", configured("net")), route("app", "gw", "web"))
	w.run()
	w.says(w.programmed("gw", metav1.ConditionFalse, "Invalid"), "subnet-0123456789abcdef0", "Change what it names")
	w.event("ProviderRefused")
	w.lasting("subnets that are missing", oneGateway)
	var ids []string
	for _, s := range w.subnets() {
		ids = append(ids, sdk.ToString(s.SubnetId))
	}
	w.apply(inSubnets("net", ids...))
	w.ready("gw")
	w.inSync()
}

// TestVPCWithoutSubnets: there is none to be found, until there are some.
func TestVPCWithoutSubnets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subnets := w.subnets()
	for _, s := range subnets {
		_, err := w.region.DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{SubnetId: s.SubnetId})
		w.check(err)
	}
	w.apply(gateway("gw"), route("app", "gw", "web"))
	w.run()
	w.says(w.programmed("gw", metav1.ConditionFalse, "Invalid"), "needs subnets", "the VPC has them in 0", "name the subnets in the GatewayConfig or tag them kubernetes.io/role/elb")
	w.lasting("a VPC without subnets", oneGateway)
	for i, s := range subnets {
		cidr := fmt.Sprintf("127.%d.0.0/16", 16*i)
		_, err := w.region.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: s.VpcId, CidrBlock: &cidr, AvailabilityZone: s.AvailabilityZone})
		w.check(err)
	}
	w.audit()
	w.ready("gw")
	w.inSync()
}

// TestVPCWithoutInternetGateway: an internet-facing load balancer has no way out.
func TestVPCWithoutInternetGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.region.DescribeInternetGateways(t.Context(), &ec2.DescribeInternetGatewaysInput{})
	w.check(err)
	igw, vpc := out.InternetGateways[0].InternetGatewayId, out.InternetGateways[0].Attachments[0].VpcId
	_, err = w.region.DetachInternetGateway(t.Context(), &ec2.DetachInternetGatewayInput{InternetGatewayId: igw, VpcId: vpc})
	w.check(err)
	w.apply(gateway("gw"), route("app", "gw", "web"))
	w.run()
	w.says(w.programmed("gw", metav1.ConditionFalse, "Invalid"), sdk.ToString(vpc), "internet gateway", "Change what it names")
	w.event("ProviderRefused")
	w.lasting("a VPC without an internet gateway", oneGateway)
	_, err = w.region.AttachInternetGateway(t.Context(), &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: vpc})
	w.check(err)
	w.audit()
	w.ready("gw")
	w.inSync()
}

// TestQuotaOfLoadBalancers: the account has one load balancer too few, until the other Gateway goes.
func TestQuotaOfLoadBalancers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quota("application-load-balancers", 1)
	w.apply(gateway("first"), route("app", "first", "web"))
	w.run()
	w.ready("first")
	w.apply(gateway("second"), route("shop", "second", "web"))
	w.says(w.programmed("second", metav1.ConditionFalse, "NoResources"), "A quota of the cloud account is used up", "maximum number of load balancers", "Raise it, or delete what is not needed")
	w.event("QuotaExceeded")
	w.lasting("a quota of load balancers that is used up", 2*oneGateway)
	w.ready("first")
	w.delete(gateway("first"))
	w.until("the first Gateway is gone", func() bool { return w.gateway("first") == nil }, func() string { return "there" })
	w.audit()
	w.ready("second")
	w.inSync()
}

// TestQuotaOfRules: an Application Load Balancer has 100 rules. What is too much is refused alone, before AWS is asked.
func TestQuotaOfRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	paths := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("/path-%03d", i))
		}
		return out
	}
	w.apply(gateway("gw"), route("first", "gw", "web", paths(15)...))
	for i := range 5 {
		w.apply(route(fmt.Sprintf("more-%d", i), "gw", "web", paths(15)...))
	}
	w.run()
	w.ready("gw")
	// Times are of whole seconds: among routes of the same one the name decides, and this is the last.
	w.apply(route("newest", "gw", "web", paths(15)...))
	w.says(w.routed("newest", "PartiallyInvalid", metav1.ConditionTrue, "UnsupportedValue"), "at most 100 rules", "are 105", "remove some, or use another Gateway")
	w.ready("gw")
	if n := w.rules("gw"); n != 100 {
		t.Errorf("want 100 rules, got %d", n)
	}
	w.lasting("more rules than the quota", oneGateway+2*100/20)
	w.delete(route("first", "", ""))
	w.routed("newest", "Accepted", metav1.ConditionTrue, "Accepted")
	w.until("there are 90 rules", func() bool { return w.rules("gw") == 90 }, func() string { return fmt.Sprint(w.rules("gw")) })
	w.ready("gw")
	w.inSync()
}

// TestLowerQuotaOfRules: AWS grants an account fewer than the provider counts on, and says so at the one rule too many.
func TestLowerQuotaOfRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quota("rules-per-application-load-balancer", 2)
	w.apply(gateway("gw"), route("app", "gw", "web", "/a", "/b", "/c"))
	w.run()
	w.says(w.programmed("gw", metav1.ConditionFalse, "NoResources"), "A quota of the cloud account is used up", "CreateRule", "Raise it, or delete what is not needed")
	w.lasting("a quota of rules that is lower", oneGateway)
	if n := w.rules("gw"); n != 2 {
		t.Errorf("want the 2 rules that there is room for, got %d", n)
	}
	w.quota("rules-per-application-load-balancer", 100)
	w.audit()
	w.ready("gw")
	w.inSync()
}

// TestRejectedCertificate: ACM does not take the key of one Gateway. Another that it takes mends it.
func TestRejectedCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(secret(t, "crt", false), gateway("gw", secured("crt")), route("app", "gw", "web"))
	w.run()
	w.says(w.programmed("gw", metav1.ConditionFalse, "Invalid"), "ImportCertificate", "Change what it names")
	w.event("ProviderRefused")
	w.lasting("a certificate that ACM rejects", oneGateway)
	w.apply(secret(t, "crt", true))
	w.ready("gw")
	w.inSync()
}

// TestDeletedBehindOurBack: somebody deletes the load balancer. The audit finds that, and makes it anew.
func TestDeletedBehindOurBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(gateway("gw"), route("app", "gw", "web"))
	w.run()
	w.ready("gw")
	w.rest()
	before := w.balancer("gw")
	somebody := elb.New(elb.Options{
		Region: region, BaseEndpoint: sdk.String(w.cloud.AWSURL()), Credentials: credentials.NewStaticCredentialsProvider(goodKey, goodSecret, ""),
	})
	_, err := somebody.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: sdk.String(before)})
	w.check(err)
	if len(w.balancers()) != 0 {
		t.Fatal("the load balancer is still there")
	}
	made := w.audit()
	w.event("DriftRepaired")
	w.ready("gw")
	w.until("another load balancer", func() bool { return len(w.balancers()) == 1 }, func() string { return fmt.Sprint(w.balancers()) })
	if after := w.balancer("gw"); after == before {
		t.Errorf("want another load balancer, got the same %s", after)
	}
	// The load balancer, its listener and its rule; the target group and the security group were left.
	if n := len(made.mutating()); n > 5 {
		t.Errorf("want at most 5 calls that change something, got %s", made.mutating())
	}
	if n := w.rules("gw"); n != 1 {
		t.Errorf("want the rule back, got %d", n)
	}
	t.Logf("MEASURED a load balancer that was deleted: %d calls to find and mend it, %d of them changing: %s", len(made), len(made.mutating()), made)
	w.inSync()
	if n := w.eventCount("DriftRepaired"); n != 1 {
		t.Errorf("want one event, got %d", n)
	}
}

// TestRevokedWhileNothingChanges: nobody edits anything, and the class tells, once, that AWS is not looked after any more; what serves goes on.
func TestRevokedWhileNothingChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(gateway("gw"), route("app", "gw", "web"))
	w.run()
	w.ready("gw")
	w.rest()
	w.audit()
	if c := w.reachable(); c != nil {
		t.Errorf("want no condition while AWS answers, got %s", describe(c))
	}
	w.keys.set("AKIDSOMEBODY", goodSecret)
	for range 3 {
		w.audit()
	}
	var c *metav1.Condition
	w.until("the condition of the class", func() bool { c = w.reachable(); return c != nil }, func() string { return describe(c) })
	if c.Status != metav1.ConditionFalse || c.Reason != "ProviderDenied" {
		t.Errorf("want it False for ProviderDenied, got %s", describe(c))
	}
	w.says(c.Message, "does not accept the controller's credentials", "give it valid ones")
	if n := w.eventCount("ProviderDenied"); n != 1 {
		t.Errorf("want one event, got %d", n)
	}
	w.ready("gw")
	w.lasting("credentials that are revoked while nothing changes", 2)
	w.keys.set(goodKey, goodSecret)
	w.audit()
	w.until("the end of the condition", func() bool { c = w.reachable(); return c == nil }, func() string { return describe(c) })
	w.inSync()
}

// reachable returns the condition of the class that says that AWS cannot be read, or nil.
func (w *world) reachable() *metav1.Condition {
	w.Helper()
	c := class()
	w.get(c)
	return meta.FindStatusCondition(c.Status.Conditions, "cloudgate.dev/CloudReachable")
}
