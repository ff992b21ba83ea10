package badinput

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
)

// legacy is a load balancer that somebody made by hand, which serves app.example.com by its default action.
type legacy struct {
	arn, group, securityGroup string
}

// adoptingWorld is a world with a legacy load balancer in front of a backend, which a Gateway's Service has as its endpoint, too.
func adoptingWorld(t *testing.T) (*world, legacy) {
	w := newWorld(t)
	backend := listen(t)
	w.apply(endpoint("web", backend)...)
	ctx := t.Context()
	vpcs, err := w.region.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	w.check(err)
	sg, err := w.region.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: sdk.String("legacy"), Description: sdk.String("of old"), VpcId: vpcs.Vpcs[0].VpcId,
	})
	w.check(err)
	_, err = w.region.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: sg.GroupId, IpProtocol: sdk.String("tcp"), FromPort: sdk.Int32(80), ToPort: sdk.Int32(80), CidrIp: sdk.String("0.0.0.0/0"),
	})
	w.check(err)
	var subnets []string
	for _, s := range w.subnets() {
		subnets = append(subnets, sdk.ToString(s.SubnetId))
	}
	lb, err := w.region.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: sdk.String("legacy"), Subnets: subnets, SecurityGroups: []string{sdk.ToString(sg.GroupId)},
	})
	w.check(err)
	group, err := w.region.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: sdk.String("legacy"), Protocol: elbtypes.ProtocolEnumHttp, Port: sdk.Int32(80), VpcId: vpcs.Vpcs[0].VpcId, TargetType: elbtypes.TargetTypeEnumIp,
	})
	w.check(err)
	old := legacy{sdk.ToString(lb.LoadBalancers[0].LoadBalancerArn), sdk.ToString(group.TargetGroups[0].TargetGroupArn), sdk.ToString(sg.GroupId)}
	_, err = w.region.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: sdk.String(old.group), Targets: []elbtypes.TargetDescription{
		{Id: sdk.String(backend.Addr().String()), Port: sdk.Int32(int32(backend.Port()))},
	}})
	w.check(err)
	_, err = w.region.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: sdk.String(old.arn), Port: sdk.Int32(80), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: sdk.String(old.group)}},
	})
	w.check(err)
	return w, old
}

// listen starts a backend that answers everything.
func listen(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.5.5.6:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "web") })}
	go s.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { s.Close() })
	return netip.MustParseAddrPort(l.Addr().String())
}

// endpoint is a Service with one endpoint.
func endpoint(name string, at netip.AddrPort) []client.Object {
	objs := service(name)
	slice := objs[1].(*discoveryv1.EndpointSlice)
	port := int32(at.Port())
	slice.Ports[0].Port, slice.Endpoints[0].Addresses = &port, []string{at.Addr().String()}
	objs[0].(*corev1.Service).Spec.Ports[0].Port = 80
	return objs
}

// traffic asks a load balancer for app.example.com, over and over, until it is stopped.
type traffic struct {
	asked, failed atomic.Int64
	mu            sync.Mutex
	first         string
	stop          func()
}

func (w *world) traffic(old legacy) *traffic {
	w.Helper()
	var at netip.Addr
	w.until("an address of the load balancer", func() bool {
		for _, lb := range w.region.View().LoadBalancers {
			if lb.Key == old.arn && len(lb.Addresses) > 0 {
				at = lb.Addresses[0]
			}
		}
		return at.IsValid()
	}, func() string { return "none" })
	tr := &traffic{}
	kept, fresh := &http.Client{Timeout: 10 * time.Second}, &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(c *http.Client) string {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+netip.AddrPortFrom(at, 80).String()+"/", nil)
		if err != nil {
			return err.Error()
		}
		req.Host = "app.example.com"
		res, err := c.Do(req)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || string(body) != "web" {
			return fmt.Sprint(res.StatusCode, " ", string(body), " ", err)
		}
		return ""
	}
	w.until("an answer of the load balancer", func() bool { return ask(fresh) == "" }, func() string { return ask(fresh) })
	ctx, cancel := context.WithCancel(w.Context())
	var ended sync.WaitGroup
	for _, c := range []*http.Client{kept, fresh} {
		ended.Go(func() {
			for ctx.Err() == nil {
				tr.asked.Add(1)
				if text := ask(c); text != "" {
					tr.failed.Add(1)
					tr.mu.Lock()
					if tr.first == "" {
						tr.first = text
					}
					tr.mu.Unlock()
				}
				time.Sleep(time.Millisecond) // a rate, and no more
			}
		})
	}
	tr.stop = func() { cancel(); ended.Wait(); kept.CloseIdleConnections() }
	w.Cleanup(tr.stop)
	return tr
}

// none holds that no request failed, of those that came since the last time and more.
func (t *traffic) none(w *world, when string) {
	w.Helper()
	from := t.asked.Load()
	w.until("requests "+when, func() bool { return t.asked.Load() > from+50 }, func() string { return fmt.Sprint(t.asked.Load()) })
	if n := t.failed.Load(); n > 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		w.Fatalf("%s: %d of %d requests failed: %s", when, n, t.asked.Load(), t.first)
	}
}

// allowing is a class whose Gateways may adopt.
func allowing() *gwv1.GatewayClass {
	c := class()
	c.Annotations = map[string]string{"cloudgate.dev/adopt-load-balancers": "allow"}
	return c
}

func adopting(names, agreed string) func(*gwv1.Gateway) {
	return func(g *gwv1.Gateway) {
		g.Annotations = map[string]string{"cloudgate.dev/adopt-load-balancer": names}
		if agreed != "" {
			g.Annotations["cloudgate.dev/adopt-plan"] = agreed
		}
	}
}

var digestIn = regexp.MustCompile(`adopt-plan: ([0-9a-f]{32})\.`)

// plan waits for the plan of an adoption and returns its digest.
func (w *world) plan() string {
	w.Helper()
	found := digestIn.FindStringSubmatch(w.programmed("gw", metav1.ConditionFalse, "AdoptionPlanned"))
	if found == nil {
		w.Fatal("the status has no digest")
	}
	return found[1]
}

// only holds that there is one load balancer: the one that was there.
func (w *world) only(old legacy) {
	w.Helper()
	for name, arn := range w.balancers() {
		if arn != old.arn {
			w.Errorf("want the load balancer that was there alone, and there is %s", name)
		}
	}
}

// TestAdoption takes over a load balancer that serves, without a request that fails; before somebody agrees nothing is changed, and afterwards
// it is as any other, but for what was somebody else's around it.
func TestAdoption(t *testing.T) {
	t.Parallel()
	w, old := adoptingWorld(t)
	requests := w.traffic(old)
	requests.none(w, "before")
	w.apply(allowing(), gateway("gw", adopting(old.arn, "")), route("app", "gw", "web"))
	start := w.mark()
	w.run()
	digest := w.plan()
	w.says(w.programmed("gw", metav1.ConditionFalse, "AdoptionPlanned"), "Nothing is changed yet", "2 marks, 3 to create, 2 to update, 0 to delete",
		"target group legacy stays", "cloudgate plan --gateway default/gw")
	w.event("AdoptionPlanned")
	w.lasting("an adoption that nobody agrees to", oneGateway)
	if made := w.since(start).mutating(); len(made) > 0 {
		t.Errorf("want nothing changed, got %s", made)
	}
	w.apply(gateway("gw", adopting(old.arn, digest)))
	w.ready("gw")
	w.event("Adopted")
	requests.none(w, "while it was adopted")
	w.only(old)
	if got := w.balancer("gw"); got != old.arn {
		t.Errorf("want the Gateway at %s, got %s", old.arn, got)
	}
	_, err := w.region.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: sdk.String(old.group)})
	w.check(err) // AWS refuses where something uses it
	w.inSync()

	// Another process, and no annotation: it is the Gateway's.
	w.halt()
	w.apply(gateway("gw"))
	before := w.mark()
	w.run()
	w.audit()
	w.ready("gw")
	if made := w.since(before).mutating(); len(made) > 0 {
		t.Errorf("want nothing changed by another process, got %s", made)
	}
	w.apply(route("app", "gw", "web", "/", "/more"))
	w.until("another rule", func() bool { return w.rules("gw") == 2 }, func() string { return fmt.Sprint(w.rules("gw")) })
	requests.none(w, "after")
	requests.stop()
	t.Logf("MEASURED adoption of a load balancer that serves: %d requests, %d failed", requests.asked.Load(), requests.failed.Load())

	w.delete(gateway("gw"))
	w.until("the Gateway gone", func() bool { return w.gateway("gw") == nil }, func() string { return "there" })
	if left := w.balancers(); len(left) > 0 {
		t.Errorf("want the load balancer deleted with its Gateway, got %v", left)
	}
	groups, err := w.region.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{old.securityGroup}})
	w.check(err)
	if len(groups.SecurityGroups) != 1 {
		t.Error("want the security group to stay")
	}
}

// TestAdoptionInTrouble: the right to put marks is missing; then somebody changes the load balancer after the plan. Neither changes anything, and
// it goes on when the cause is gone.
func TestAdoptionInTrouble(t *testing.T) {
	t.Parallel()
	w, old := adoptingWorld(t)
	w.apply(allowing(), gateway("gw", adopting(old.arn, "")), route("app", "gw", "web"))
	w.run()
	digest := w.plan()
	w.fault(fault.Rule{Op: "elasticloadbalancing:AddTags", Effect: fault.Error, Code: "AccessDenied"})
	w.apply(gateway("gw", adopting(old.arn, digest)))
	w.says(w.programmed("gw", metav1.ConditionFalse, "ProviderDenied"), "elasticloadbalancing:AddTags", "allow it in the role's policy")
	w.event("ProviderDenied")
	w.lasting("an adoption without the right to put marks", oneGateway)
	_, err := w.region.CreateListener(t.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: sdk.String(old.arn), Port: sdk.Int32(8080), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: sdk.String(old.group)}},
	})
	w.check(err)
	w.heal()
	w.audit()
	next := w.plan()
	w.says(w.programmed("gw", metav1.ConditionFalse, "AdoptionPlanned"), "The plan "+digest+" does not hold", "- listener/adopted-http-8080")
	w.apply(gateway("gw", adopting(old.arn, next)))
	w.ready("gw")
	w.only(old)
	w.inSync()
	out, err := w.region.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: sdk.String(old.arn)})
	w.check(err)
	var ports []int32
	for _, l := range out.Listeners {
		ports = append(ports, sdk.ToInt32(l.Port))
	}
	if !slices.Equal(ports, []int32{80}) {
		t.Errorf("want the port of the Gateway alone, got %v", ports)
	}
}
