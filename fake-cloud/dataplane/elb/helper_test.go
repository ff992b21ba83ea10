package elb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

var nets atomic.Uint32

// stand is a region with a plane that carries its traffic. Targets are addresses of loopback.
type stand struct {
	*aws.Region
	t     testing.TB
	plane *Plane
	vpc   string
	guard string   // the VPC's own security group, which lets everybody in
	zones []string // subnets
	names atomic.Int32
}

func newStand(t testing.TB) *stand {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(190 + os.Getpid()%40), byte(nets.Add(1)), 0}), 24)
	cloud, err := aws.New(aws.Config{
		Clock: world.RealClock(), Dice: world.NewDice(1), Log: log, VPCCIDR: netip.MustParsePrefix("127.0.0.0/8"),
		Addresses: world.NewLender(world.PrefixPool(prefix)), Reported: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := New(Config{Cloud: cloud, Ports: ports.New(ports.Config{Offset: 8000, Log: log}), Grace: time.Second, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return standOn(t, cloud, p)
}

// standOn returns a stand in a region of a cloud whose plane runs.
func standOn(t testing.TB, cloud *aws.Cloud, p *Plane) *stand {
	t.Helper()
	s := &stand{Region: cloud.Region("eu-west-1"), t: t, plane: p}
	for _, n := range do(s, s.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets {
		s.zones, s.vpc = append(s.zones, *n.SubnetId), *n.VpcId
	}
	s.guard = *do(s, s.DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{}).SecurityGroups[0].GroupId
	do(s, s.AuthorizeSecurityGroupIngress, everybody(s.guard))
	return s
}

// everybody is let in at every port by the security group.
func everybody(group string) *ec2.AuthorizeSecurityGroupIngressInput {
	return &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []ec2types.IpPermission{
		{IpProtocol: sdk.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: sdk.String("0.0.0.0/0")}}},
	}}
}

// do returns what an action returns, which has to succeed.
func do[In, Out any](s *stand, action func(context.Context, *In) (*Out, error), in *In) *Out {
	s.t.Helper()
	out, err := action(context.Background(), in)
	if err != nil {
		s.t.Fatalf("%T: %v", in, err)
	}
	return out
}

func (s *stand) name(kind string) *string {
	return sdk.String(fmt.Sprintf("%s-%d", kind, s.names.Add(1)))
}

// balancer makes a load balancer in all zones.
func (s *stand) balancer(kind types.LoadBalancerTypeEnum) types.LoadBalancer {
	s.t.Helper()
	return do(s, s.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: s.name("lb"), Subnets: s.zones, Type: kind}).LoadBalancers[0]
}

// group makes a target group of addresses, as change has made its input, with targets.
func (s *stand) group(change func(*api.CreateTargetGroupInput), targets ...string) string {
	s.t.Helper()
	in := &api.CreateTargetGroupInput{
		Name: s.name("group"), Protocol: types.ProtocolEnumHttp, Port: sdk.Int32(80), VpcId: &s.vpc, TargetType: types.TargetTypeEnumIp,
		HealthCheckIntervalSeconds: sdk.Int32(5), HealthCheckTimeoutSeconds: sdk.Int32(2), HealthyThresholdCount: sdk.Int32(2),
	}
	if change != nil {
		change(in)
	}
	arn := *do(s, s.CreateTargetGroup, in).TargetGroups[0].TargetGroupArn
	s.register(arn, targets...)
	return arn
}

func descriptions(targets []string) []types.TargetDescription {
	var list []types.TargetDescription
	for _, text := range targets {
		at := netip.MustParseAddrPort(text)
		list = append(list, types.TargetDescription{Id: sdk.String(at.Addr().String()), Port: sdk.Int32(int32(at.Port()))})
	}
	return list
}

func (s *stand) register(group string, targets ...string) {
	s.t.Helper()
	if len(targets) > 0 {
		do(s, s.RegisterTargets, &api.RegisterTargetsInput{TargetGroupArn: &group, Targets: descriptions(targets)})
	}
}

// set sets attributes of a target group: "key=value".
func (s *stand) set(group string, pairs ...string) {
	s.t.Helper()
	var list []types.TargetGroupAttribute
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		list = append(list, types.TargetGroupAttribute{Key: &key, Value: &value})
	}
	do(s, s.ModifyTargetGroupAttributes, &api.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: list})
}

// tune sets attributes of a load balancer.
func (s *stand) tune(lb types.LoadBalancer, pairs ...string) {
	s.t.Helper()
	var list []types.LoadBalancerAttribute
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		list = append(list, types.LoadBalancerAttribute{Key: &key, Value: &value})
	}
	do(s, s.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn, Attributes: list})
}

func forward(groups ...string) types.Action {
	f := &types.ForwardActionConfig{}
	for _, g := range groups {
		f.TargetGroups = append(f.TargetGroups, types.TargetGroupTuple{TargetGroupArn: &g, Weight: sdk.Int32(1)})
	}
	return types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: f}
}

func fixed(status, body string) types.Action {
	return types.Action{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{
		StatusCode: &status, MessageBody: &body, ContentType: sdk.String("text/plain"),
	}}
}

// listener makes a listener, as change has made its input.
func (s *stand) listener(lb types.LoadBalancer, port int32, action types.Action, change func(*api.CreateListenerInput)) string {
	s.t.Helper()
	in := &api.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Port: &port, Protocol: types.ProtocolEnumHttp, DefaultActions: []types.Action{action},
	}
	if change != nil {
		change(in)
	}
	return *do(s, s.CreateListener, in).Listeners[0].ListenerArn
}

func (s *stand) rule(listener string, priority int32, action types.Action, conditions ...types.RuleCondition) string {
	s.t.Helper()
	return *do(s, s.CreateRule, &api.CreateRuleInput{
		ListenerArn: &listener, Priority: &priority, Conditions: conditions, Actions: []types.Action{action},
	}).Rules[0].RuleArn
}

func path(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: sdk.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: values}}
}

// addresses that a load balancer's name has.
func (s *stand) addresses(lb types.LoadBalancer) []netip.Addr {
	s.t.Helper()
	var ips []netip.Addr
	eventually(s.t, "the load balancer has addresses", func() bool {
		var ok bool
		ips, ok = s.plane.Lookup(strings.ToLower(*lb.DNSName))
		return ok && len(ips) > 0
	})
	return ips
}

// at is where a listener is reached.
func (s *stand) at(lb types.LoadBalancer, port int) string {
	return netip.AddrPortFrom(s.addresses(lb)[0], uint16(port)).String()
}

// health of the only target of a group: its state and reason.
func (s *stand) health(group string) string {
	s.t.Helper()
	list := do(s, s.DescribeTargetHealth, &api.DescribeTargetHealthInput{TargetGroupArn: &group}).TargetHealthDescriptions
	if len(list) == 0 {
		return "none"
	}
	h := list[0].TargetHealth
	return strings.TrimSpace(fmt.Sprint(h.State, " ", h.Reason, " ", sdk.ToString(h.Description)))
}

// backend answers every request with its name, and what more a test wants.
func backend(t testing.TB, name string, more http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if more != nil {
			more(w, r)
		}
		_, _ = io.WriteString(w, name)
	}))
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	s.Config.Protocols = &p
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// client of one connection at a time, which follows no redirect.
func client() *http.Client {
	return &http.Client{
		Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is a response with its body.
type answer struct {
	status int
	header http.Header
	body   string
}

// get asks at an address for a URL, with fields "Name: value"; "Host: " says the host.
func get(at, target string, fields ...string) (answer, error) {
	return ask(client(), http.MethodGet, "http://"+at+target, fields...)
}

func ask(c *http.Client, method, url string, fields ...string) (answer, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return answer{}, err
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			req.Host = value
		} else {
			req.Header.Add(name, value)
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// answers waits until a target answers so.
func answers(t testing.TB, at, target string, status int, body string, fields ...string) answer {
	t.Helper()
	var got answer
	var err error
	eventually(t, target, func() bool {
		got, err = get(at, target, fields...)
		return err == nil && got.status == status && got.body == body
	}, func() string { return fmt.Sprintf("want %d %q, last %+v, %v", status, body, got, err) })
	return got
}

func eventually(t testing.TB, what string, f func() bool, more ...func() string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			for _, m := range more {
				what += ": " + m()
			}
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// closed is an address where nobody listens.
func closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	return at
}
