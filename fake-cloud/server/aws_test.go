package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
)

// awsConfig is that of the SDK's clients: one try, with a key.
func (c *cloud) awsConfig(key, secret, token string) aws.Config {
	return aws.Config{Region: "us-west-2", BaseEndpoint: aws.String(c.server.AWSURL()),
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} }}
}

func awsCode(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorCode()
}

// createALB makes a load balancer in all subnets of the default VPC.
func (c *cloud) createALB(name string) *elbv2.CreateLoadBalancerOutput {
	c.t.Helper()
	ctx, cfg := context.Background(), c.awsConfig("AKID", "secret", "")
	subnets, err := ec2.NewFromConfig(cfg).DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		c.t.Fatal(err)
	}
	in := &elbv2.CreateLoadBalancerInput{Name: &name}
	for _, s := range subnets.Subnets {
		in.Subnets = append(in.Subnets, *s.SubnetId)
	}
	made, err := elbv2.NewFromConfig(cfg).CreateLoadBalancer(ctx, in)
	if err != nil {
		c.t.Fatal(err)
	}
	return made
}

// TestAWSOutlivesTheServer: what was made is there after a restart, and its addresses are nobody else's.
func TestAWSOutlivesTheServer(t *testing.T) {
	cfg := Config{StatePath: filepath.Join(t.TempDir(), "state.db"), AddressPool: ownPrefix(), AWS: AWS{Listen: "127.0.0.1:0"}}
	c := run(t, cfg)
	want := c.createALB("web").LoadBalancers[0]
	c.stop()

	c = run(t, cfg)
	got, err := elbv2.NewFromConfig(c.awsConfig("AKID", "secret", "")).DescribeLoadBalancers(context.Background(), &elbv2.DescribeLoadBalancersInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.LoadBalancers) != 1 || *got.LoadBalancers[0].LoadBalancerArn != *want.LoadBalancerArn || *got.LoadBalancers[0].DNSName != *want.DNSName {
		t.Errorf("want %s, got %v", *want.LoadBalancerArn, got.LoadBalancers)
	}
	taken := map[string]bool{}
	for _, lb := range c.server.AWS().Region("us-west-2").View().LoadBalancers {
		for _, ip := range lb.Addresses {
			taken[ip.String()] = true
		}
	}
	if len(taken) != 3 {
		t.Errorf("want an address in each zone, got %v", taken)
	}
	lb := c.call(201, "POST", "/v1/loadbalancers", obj{"name": "a", "scheme": "internet"})
	if ip := lb["ips"].([]any)[0].(string); taken[ip] {
		t.Errorf("two load balancers have %s", ip)
	}
}

// TestAWSKeys: only who knows a secret is let in, and those whom the account gave a session.
func TestAWSKeys(t *testing.T) {
	c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0", Keys: map[string]string{"AKID": "secret"}}})
	ctx := context.Background()
	if _, err := ec2.NewFromConfig(c.awsConfig("AKID", "wrong", "")).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); awsCode(err) != "SignatureDoesNotMatch" {
		t.Errorf("a wrong secret: got %v", err)
	}
	assumed, err := sts.NewFromConfig(c.awsConfig("AKID", "secret", "")).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/admin"), RoleSessionName: aws.String("me")})
	if err != nil {
		t.Fatal(err)
	}
	session := c.awsConfig(*assumed.Credentials.AccessKeyId, *assumed.Credentials.SecretAccessKey, *assumed.Credentials.SessionToken)
	who, err := sts.NewFromConfig(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::123456789012:assumed-role/admin/me" {
		t.Errorf("got %v, %v", who, err)
	}
	session.Credentials = credentials.NewStaticCredentialsProvider(*assumed.Credentials.AccessKeyId, *assumed.Credentials.SecretAccessKey, "x")
	if _, err := ec2.NewFromConfig(session).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); awsCode(err) != "AuthFailure" {
		t.Errorf("a session with another token: got %v", err)
	}
}

// TestAWSPresigned: a request that was signed for somebody else to send, as tokens of EKS are.
func TestAWSPresigned(t *testing.T) {
	c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0", Keys: map[string]string{"AKID": "secret"}}})
	for secret, want := range map[string]int{"secret": 200, "wrong": 403} {
		signed, err := sts.NewPresignClient(sts.NewFromConfig(c.awsConfig("AKID", secret, ""))).
			PresignGetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(signed.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != want || want == 200 && !strings.Contains(string(body), "<Account>123456789012</Account>") {
			t.Errorf("%s: want %d, got %d %s, %v", secret, want, resp.StatusCode, body, err)
		}
	}
}

// TestAWSAdmin: instances are seeded, quotas set, faults made and the journal read as in the rest of the admin API.
func TestAWSAdmin(t *testing.T) {
	c := run(t, Config{AdminToken: "", AWS: AWS{Listen: "127.0.0.1:0", Rates: map[string]throttle.Rate{}}})
	ctx := context.Background()
	c.call(201, "POST", "/admin/v1/aws/us-west-2/instances", obj{"id": "i-0123456789abcdef0", "privateIPs": []string{"172.31.1.2"}, "tags": obj{"a": "b"}})
	got, err := ec2.NewFromConfig(c.awsConfig("AKID", "secret", "")).DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	if err != nil || len(got.Reservations) != 1 || *got.Reservations[0].Instances[0].PrivateIpAddress != "172.31.1.2" {
		t.Errorf("got %v, %v", got, err)
	}
	c.call(404, "POST", "/admin/v1/aws/mars-1/instances", obj{"privateIPs": []string{"172.31.1.3"}})
	c.call(400, "POST", "/admin/v1/aws/us-west-2/instances", obj{"privateIPs": []string{}})
	c.call(400, "POST", "/admin/v1/aws/us-west-2/instances", obj{"unknown": 1})
	c.call(201, "POST", "/admin/v1/aws/us-west-2/objects", obj{"bucket": "bucket", "key": "ca.pem", "content": "none"})
	c.call(404, "POST", "/admin/v1/aws/mars-1/objects", obj{"bucket": "bucket", "key": "ca.pem"})
	c.call(400, "POST", "/admin/v1/aws/us-west-2/objects", obj{"key": "ca.pem"})

	c.call(201, "POST", "/admin/v1/aws/faults", obj{"op": "elasticloadbalancing:DescribeLoadBalancers", "effect": "error", "code": "AccessDenied", "times": 1})
	elb := elbv2.NewFromConfig(c.awsConfig("AKID", "secret", ""))
	if _, err := elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{}); awsCode(err) != "AccessDenied" {
		t.Errorf("got %v", err)
	}
	c.call(400, "POST", "/admin/v1/aws/faults", obj{"op": "CreateRule", "effect": "error"})
	c.call(400, "POST", "/admin/v1/aws/faults", obj{"op": "*", "effect": "crash-before"})
	if items := c.call(200, "GET", "/admin/v1/aws/faults", nil)["items"].([]any); len(items) != 1 {
		t.Errorf("got %v", items)
	}
	c.call(204, "DELETE", "/admin/v1/aws/faults", nil)

	c.call(200, "PATCH", "/admin/v1/aws/quotas", obj{"application-load-balancers": 1})
	c.call(400, "PATCH", "/admin/v1/aws/quotas", obj{"load-balancers": 1})
	c.createALB("one")
	subnet := c.server.AWS().Region("us-west-2").View().LoadBalancers[0].Zones[0].Subnet
	if _, err := elb.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String("two"), Subnets: []string{subnet}}); err == nil {
		t.Error("there are more load balancers than the quota allows")
	}

	c.call(200, "PATCH", "/admin/v1/aws/settings", obj{"latency": "fast", "lag": "1s", "throttle": obj{"elasticloadbalancing:read": obj{"rate": 0.001, "burst": 1}}})
	c.call(400, "PATCH", "/admin/v1/aws/settings", obj{"throttle": obj{"read": obj{"rate": 1}}})
	c.call(400, "PATCH", "/admin/v1/aws/settings", obj{"lag": "-1s"})
	for _, want := range []string{"", "Throttling"} {
		if _, err := elb.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{}); awsCode(err) != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	journal := c.call(200, "GET", "/admin/v1/aws/journal", nil)
	if n := journal["counts"].(obj)["elasticloadbalancing:DescribeLoadBalancers"]; n != 3.0 {
		t.Errorf("got %v", journal["counts"])
	}
	c.call(204, "DELETE", "/admin/v1/aws/journal", nil)
	if items := c.call(200, "GET", "/admin/v1/aws/journal", nil)["items"].([]any); len(items) != 0 {
		t.Errorf("got %v", items)
	}
}

// TestAWSReset: whoever empties the fake cloud empties the account, with what was set in it.
func TestAWSReset(t *testing.T) {
	for _, path := range []string{"/admin/v1/reset", "/admin/v1/aws/reset"} {
		c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0"}})
		before := c.call(200, "GET", "/admin/v1/aws/settings", nil)
		quotas := c.call(200, "GET", "/admin/v1/aws/quotas", nil)
		c.createALB("one")
		c.call(200, "PATCH", "/admin/v1/aws/settings", obj{"latency": "fast", "throttle": obj{"elasticloadbalancing:read": obj{"rate": 0.001, "burst": 1}}})
		c.call(200, "PATCH", "/admin/v1/aws/quotas", obj{"application-load-balancers": 1})
		c.call(201, "POST", "/admin/v1/aws/faults", obj{"op": "*", "effect": "error"})
		c.call(204, "POST", path, nil)
		if diff := cmp.Diff(before, c.call(200, "GET", "/admin/v1/aws/settings", nil)); diff != "" {
			t.Errorf("%s: settings (-want +got):\n%s", path, diff)
		}
		if diff := cmp.Diff(quotas, c.call(200, "GET", "/admin/v1/aws/quotas", nil)); diff != "" {
			t.Errorf("%s: quotas (-want +got):\n%s", path, diff)
		}
		got, err := elbv2.NewFromConfig(c.awsConfig("AKID", "secret", "")).DescribeLoadBalancers(context.Background(), &elbv2.DescribeLoadBalancersInput{})
		if err != nil || len(got.LoadBalancers) > 0 {
			t.Errorf("%s: got %v, %v", path, got, err)
		}
		c.createALB("one")
	}
}

func TestAWSAdminToken(t *testing.T) {
	c := run(t, Config{AdminToken: "a token", AWS: AWS{Listen: "127.0.0.1:0"}})
	c.call(401, "GET", "/admin/v1/aws/journal", nil)
}

func TestWithoutAWS(t *testing.T) {
	c := run(t, Config{})
	if got := c.server.AWSURL(); got != "" {
		t.Errorf("got %s", got)
	}
	c.call(404, "GET", "/admin/v1/aws/journal", nil)
}

// needed are the actions without which other people's controllers do not run.
const needed = `
	elasticloadbalancing:AddListenerCertificates elasticloadbalancing:AddTags elasticloadbalancing:CreateListener
	elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:CreateRule elasticloadbalancing:CreateTargetGroup
	elasticloadbalancing:DeleteListener elasticloadbalancing:DeleteLoadBalancer elasticloadbalancing:DeleteRule
	elasticloadbalancing:DeleteTargetGroup elasticloadbalancing:DeregisterTargets elasticloadbalancing:DescribeAccountLimits
	elasticloadbalancing:DescribeCapacityReservation elasticloadbalancing:DescribeListenerAttributes
	elasticloadbalancing:DescribeListenerCertificates elasticloadbalancing:DescribeListeners
	elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeRules
	elasticloadbalancing:DescribeSSLPolicies elasticloadbalancing:DescribeTags elasticloadbalancing:DescribeTargetGroupAttributes
	elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth elasticloadbalancing:DescribeTrustStores
	elasticloadbalancing:ModifyCapacityReservation elasticloadbalancing:ModifyIpPools elasticloadbalancing:ModifyListener
	elasticloadbalancing:ModifyListenerAttributes elasticloadbalancing:ModifyLoadBalancerAttributes elasticloadbalancing:ModifyRule
	elasticloadbalancing:ModifyTargetGroup elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:RegisterTargets
	elasticloadbalancing:RemoveListenerCertificates elasticloadbalancing:RemoveTags elasticloadbalancing:SetIpAddressType
	elasticloadbalancing:SetRulePriorities elasticloadbalancing:SetSecurityGroups elasticloadbalancing:SetSubnets
	ec2:AuthorizeSecurityGroupIngress ec2:CreateSecurityGroup ec2:CreateTags ec2:DeleteSecurityGroup ec2:DeleteTags
	ec2:DescribeAvailabilityZones ec2:DescribeInstances ec2:DescribeNetworkInterfaces ec2:DescribeRouteTables
	ec2:DescribeSecurityGroupRules ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs ec2:RevokeSecurityGroupIngress
	acm:DeleteCertificate acm:DescribeCertificate acm:ImportCertificate acm:ListCertificates acm:ListTagsForCertificate
	acm:RequestCertificate tag:GetResources sts:AssumeRole sts:GetCallerIdentity shield:DescribeProtection
	shield:GetSubscriptionState wafv2:AssociateWebACL wafv2:DisassociateWebACL wafv2:GetWebACLForResource wafv2:ListWebACLs`

func TestAWSServesWhatIsNeeded(t *testing.T) {
	c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0"}})
	served := map[string]bool{}
	for _, op := range c.server.aws.api.Ops() {
		served[op] = true
	}
	var missing []string
	for _, op := range strings.Fields(needed) {
		if !served[op] {
			missing = append(missing, op)
		}
	}
	if len(missing) > 0 {
		t.Errorf("not served: %v", missing)
	}
	for op := range served {
		if action, ok := strings.CutPrefix(op, "ec2:"); ok && !slices.Contains(codec.EC2Actions, action) {
			t.Errorf("%s is served, and the table of ec2Query's names is not made for it", op)
		}
	}
	t.Logf("%d actions are served", len(served))
}

// TestAWSAnswersEveryRequest sends the account every request that the SDK's own tests compare with, with all members set to nonsense, and
// one with none. It has to understand them or to refuse them.
func TestAWSAnswersEveryRequest(t *testing.T) {
	c := run(t, Config{AWS: AWS{Listen: "127.0.0.1:0", Rates: map[string]throttle.Rate{}}})
	var failed []string
	served := map[string]bool{}
	for _, op := range c.server.aws.api.Ops() {
		served[op] = true
	}
	sent := 0
	for module, iam := range map[string]string{"elasticloadbalancingv2": "elasticloadbalancing", "ec2": "ec2", "acm": "acm", "sts": "sts",
		"resourcegroupstaggingapi": "tag"} {
		dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/"+module).Output()
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "request_snapshot", "*.request.snap"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			op := iam + ":" + strings.TrimSuffix(filepath.Base(path), ".request.snap")
			if !served[op] {
				continue
			}
			for _, r := range requests(t, path, c.server.AWSURL()) {
				sent++
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode >= 500 {
					failed = append(failed, op+": "+string(body))
				}
			}
		}
	}
	if diff := cmp.Diff([]string(nil), failed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Logf("%d requests", sent)
}
