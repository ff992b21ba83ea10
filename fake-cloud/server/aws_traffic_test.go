package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestAWSTraffic makes a load balancer through the SDK and asks it by its name, beside one of the fake cloud's own, and after a restart.
func TestAWSTraffic(t *testing.T) {
	ctx := context.Background()
	cfg := Config{
		StatePath: t.TempDir() + "/state.db", NoSync: true, AddressPool: ownPrefix(),
		AWS: AWS{Listen: "127.0.0.1:0", VPCCIDR: netip.MustParsePrefix("127.0.0.0/8")},
	}
	c := run(t, cfg)
	account := sdk.Config{
		Region: "us-west-2", BaseEndpoint: sdk.String(c.server.AWSURL()), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
	api, network := elbv2.NewFromConfig(account), ec2.NewFromConfig(account)
	subnets, err := network.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, n := range subnets.Subnets {
		ids = append(ids, *n.SubnetId)
	}
	guard, err := network.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: sdk.String("web"), Description: sdk.String("web"), VpcId: subnets.Subnets[0].VpcId,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: guard.GroupId, IpProtocol: sdk.String("tcp"), FromPort: sdk.Int32(1), ToPort: sdk.Int32(65535), CidrIp: sdk.String("0.0.0.0/0"),
	}); err != nil {
		t.Fatal(err)
	}
	lb, err := api.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: sdk.String("web"), Subnets: ids, SecurityGroups: []string{*guard.GroupId}})
	if err != nil {
		t.Fatal(err)
	}
	arn, name := lb.LoadBalancers[0].LoadBalancerArn, *lb.LoadBalancers[0].DNSName
	group, err := api.CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{
		Name: sdk.String("web"), Protocol: types.ProtocolEnumHttp, Port: sdk.Int32(80), VpcId: subnets.Subnets[0].VpcId, TargetType: types.TargetTypeEnumIp,
	})
	if err != nil {
		t.Fatal(err)
	}
	target := netip.MustParseAddrPort(backend(t, "from aws"))
	if _, err := api.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{
		TargetGroupArn: group.TargetGroups[0].TargetGroupArn,
		Targets:        []types.TargetDescription{{Id: sdk.String(target.Addr().String()), Port: sdk.Int32(int32(target.Port()))}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.CreateListener(ctx, &elbv2.CreateListenerInput{
		LoadBalancerArn: arn, Port: sdk.Int32(8080), Protocol: types.ProtocolEnumHttp,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}},
	}); err != nil {
		t.Fatal(err)
	}
	own := c.site("own", 8080)
	pool := c.pool("own", backend(t, "from the cloud"))
	c.create("/v1/listeners/"+own.ls+"/rules", prefixRule("all", "/", pool))
	served := func() {
		t.Helper()
		answers(t, "http://"+own.endpoint+"/", 200, "from the cloud")
		byName(t, c, "http://"+name+":8080/", "from aws")
	}
	served()
	if err := elbv2.NewTargetInServiceWaiter(api).Wait(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: group.TargetGroups[0].TargetGroupArn}, 20*time.Second); err != nil {
		t.Error(err)
	}
	c.stop()
	c = run(t, cfg)
	own.endpoint = c.active(own.ls)
	served()
}

// byName asks a URL whose host the cloud's DNS knows until the answer has the body.
func byName(t *testing.T, c *cloud, url, want string) {
	t.Helper()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.server.DNSAddress())
	}}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: (&net.Dialer{Resolver: resolver}).DialContext,
	}}
	last := ""
	eventually(t, url, func() bool {
		resp, err := client.Get(url)
		if err != nil {
			last = err.Error()
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		last = resp.Status + " " + strings.TrimSpace(string(body))
		return err == nil && string(body) == want
	}, func() string { return last })
}
