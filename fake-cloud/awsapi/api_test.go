package awsapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

var ctx = context.Background()

// code returns the code of an error of the SDK.
func code(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorCode()
}

// TestCalls: each protocol reaches the account, in the region that the client signs for.
func TestCalls(t *testing.T) {
	f := start(t, nil)
	lb, err := f.elb().CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String("a<b"), Subnets: []string{"s-1", "s-2"},
		Scheme: elbtypes.LoadBalancerSchemeEnumInternal})
	if err != nil {
		t.Fatal(err)
	}
	if got := lb.LoadBalancers[0]; aws.ToString(got.LoadBalancerName) != "a<b" || aws.ToString(got.VpcId) != "eu-west-1" {
		t.Errorf("got %s in %s", aws.ToString(got.LoadBalancerName), aws.ToString(got.VpcId))
	}
	want := &elbv2.CreateLoadBalancerInput{Name: aws.String("a<b"), Subnets: []string{"s-1", "s-2"}, Scheme: elbtypes.LoadBalancerSchemeEnumInternal}
	if diff := cmp.Diff(want, f.region("eu-west-1").last(), cmpopts.IgnoreUnexported(elbv2.CreateLoadBalancerInput{})); diff != "" {
		t.Errorf("the account got (-want +got):\n%s", diff)
	}
	tags := []ec2types.Tag{{Key: aws.String("k"), Value: aws.String("")}}
	group, err := f.ec2().CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d"),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: "security-group", Tags: tags}}})
	if err != nil || aws.ToString(group.GroupId) != "sg-1" {
		t.Errorf("got %v, %v", group, err)
	} else if diff := cmp.Diff(tags, group.Tags, cmpopts.IgnoreUnexported(ec2types.Tag{})); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	certificate, err := f.acm().DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String("arn:x")})
	if err != nil || !certificate.Certificate.NotAfter.Equal(epoch) {
		t.Errorf("got %v, %v", certificate, err)
	}
	// Two services have an action of that name.
	if _, err := f.elb().DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"arn"}}); err != nil {
		t.Errorf("got %v", err)
	}
	ec2Tags, err := f.ec2().DescribeTags(ctx, &ec2.DescribeTagsInput{})
	if err != nil || len(ec2Tags.Tags) != 1 {
		t.Errorf("got %v, %v", ec2Tags, err)
	}
	entries, counts := f.journal.Since(0)
	wantCounts := map[string]int{"elasticloadbalancing:CreateLoadBalancer": 1, "ec2:CreateSecurityGroup": 1, "acm:DescribeCertificate": 1,
		"elasticloadbalancing:DescribeTags": 1, "ec2:DescribeTags": 1}
	if diff := cmp.Diff(wantCounts, counts); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if e := entries[0]; !e.Mutating || e.Status != 200 || e.Path != "/eu-west-1" || entries[2].Mutating {
		t.Errorf("got %+v", entries)
	}
}

func TestErrors(t *testing.T) {
	f := start(t, nil)
	for name, want := range map[string]string{
		"twice": "DuplicateLoadBalancerName", "error": "InternalFailure", "panic": "InternalFailure", "nothing": "InternalFailure",
	} {
		_, err := f.elb().CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String(name)})
		if code(err) != want {
			t.Errorf("%s: want %s, got %v", name, want, err)
		}
	}
	var duplicate *elbtypes.DuplicateLoadBalancerNameException
	if _, err := f.elb().CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String("twice")}); !errors.As(err, &duplicate) {
		t.Errorf("the SDK does not know its own error: %v", err)
	}
	if _, err := f.elb().DescribeRules(ctx, &elbv2.DescribeRulesInput{}); code(err) != "InvalidAction" {
		t.Errorf("an action that elbv2 does not serve: got %v", err)
	}
	if _, err := f.ec2().DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); code(err) != "InvalidAction" {
		t.Errorf("an action that ec2 does not serve: got %v", err)
	}
	if _, err := f.acm().ListCertificates(ctx, &acm.ListCertificatesInput{}); code(err) != "UnknownOperationException" {
		t.Errorf("an action that acm does not serve: got %v", err)
	}
	cfg := f.config("AKID", "secret", "")
	cfg.Region = "mars-north-1"
	if _, err := ec2.NewFromConfig(cfg).DescribeTags(ctx, &ec2.DescribeTagsInput{}); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("a region that AWS has not: got %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.regions) > 1 {
		t.Errorf("a client made regions: %v", f.regions)
	}
}

func TestDryRun(t *testing.T) {
	f := start(t, nil)
	_, err := f.ec2().CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d"), DryRun: aws.Bool(true)})
	if code(err) != "DryRunOperation" {
		t.Errorf("got %v", err)
	}
	if got := f.region("eu-west-1").last(); got != nil {
		t.Errorf("it was performed: %v", got)
	}
}

func TestSignatures(t *testing.T) {
	end := epoch.Add(time.Hour)
	f := start(t, func(c *Config) {
		c.Keys = map[string]string{"AKID": "secret"}
		c.Session = func(key string) (Session, bool) {
			return Session{Secret: "short", Token: "token", Expires: end}, key == "ASIA"
		}
	})
	for _, c := range []struct{ name, key, secret, token, elb, ec2, acm string }{
		{name: "good", key: "AKID", secret: "secret"},
		{name: "a session", key: "ASIA", secret: "short", token: "token"},
		{name: "another secret", key: "AKID", secret: "x",
			elb: "SignatureDoesNotMatch", ec2: "SignatureDoesNotMatch", acm: "InvalidSignatureException"},
		{name: "another key", key: "AKIX", secret: "secret",
			elb: "InvalidClientTokenId", ec2: "AuthFailure", acm: "UnrecognizedClientException"},
		{name: "a session without its token", key: "ASIA", secret: "short",
			elb: "InvalidClientTokenId", ec2: "AuthFailure", acm: "UnrecognizedClientException"},
		{name: "a key with a token", key: "AKID", secret: "secret", token: "token",
			elb: "InvalidClientTokenId", ec2: "AuthFailure", acm: "UnrecognizedClientException"},
	} {
		cfg := f.config(c.key, c.secret, c.token)
		_, err := elbv2.NewFromConfig(cfg).DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"a"}})
		if code(err) != c.elb {
			t.Errorf("%s: elb: want %q, got %v", c.name, c.elb, err)
		}
		_, err = ec2.NewFromConfig(cfg).DescribeTags(ctx, &ec2.DescribeTagsInput{})
		if code(err) != c.ec2 {
			t.Errorf("%s: ec2: want %q, got %v", c.name, c.ec2, err)
		}
		_, err = acm.NewFromConfig(cfg).DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String("a")})
		if code(err) != c.acm {
			t.Errorf("%s: acm: want %q, got %v", c.name, c.acm, err)
		}
	}
	f.clock.Advance(time.Hour)
	_, err := ec2.NewFromConfig(f.config("ASIA", "short", "token")).DescribeTags(ctx, &ec2.DescribeTagsInput{})
	if code(err) != "RequestExpired" {
		t.Errorf("an expired session: got %v", err)
	}
	// A token of somebody else is what lets one in here.
	cfg := f.config("", "", "")
	cfg.Credentials = aws.AnonymousCredentials{}
	if _, err := sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("r"),
		RoleSessionName: aws.String("s"), WebIdentityToken: aws.String("t")}); err != nil {
		t.Errorf("got %v", err)
	}
	if got, body := f.post(t, url.Values{"Action": {"DescribeTags"}, "Version": {"2015-12-01"}}); got != 403 || !strings.Contains(body, "MissingAuthenticationToken") {
		t.Errorf("not signed: got %d %s", got, body)
	}
}

// TestClockSkew: a signature is good for five minutes, by the clients' own time.
func TestClockSkew(t *testing.T) {
	var skewed atomic.Int64
	f := start(t, func(c *Config) {
		c.Keys = map[string]string{"AKID": "secret"}
		c.Now = func() time.Time { return time.Now().Add(time.Duration(skewed.Load())) }
	})
	f.clock.Advance(1000 * time.Hour) // does not matter
	for skew, want := range map[time.Duration]string{0: "", 10 * time.Minute: "SignatureDoesNotMatch", -10 * time.Minute: "SignatureDoesNotMatch"} {
		skewed.Store(int64(skew))
		if _, err := f.elb().DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"a"}}); code(err) != want {
			t.Errorf("%s: want %q, got %v", skew, want, err)
		}
	}
}

// post sends a form without a signature.
func (f *fake) post(t *testing.T, form url.Values) (int, string) {
	t.Helper()
	resp, err := http.PostForm(f.url, form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestDefaultRates: every class has a rate that can be kept, and the calls are in the classes that AWS puts them in.
func TestDefaultRates(t *testing.T) {
	rates := DefaultRates()
	for _, class := range Classes {
		if rates[class].PerSecond == 0 || rates[class].Check() != nil {
			t.Errorf("%s: got %+v", class, rates[class])
		}
	}
	for op, want := range map[string]string{
		"elasticloadbalancing:DescribeRules": ELBRead, "elasticloadbalancing:CreateRule": ELBWrite, "elasticloadbalancing:SetSubnets": ELBHeavy,
		"elasticloadbalancing:RegisterTargets": ELBRegister, "elasticloadbalancing:DeregisterTargets": ELBRegister,
		"ec2:DescribeSubnets": EC2Read, "ec2:CreateTags": EC2Write, "acm:GetCertificate": ACMRead, "acm:DeleteCertificate": ACMWrite,
		"acm:ImportCertificate": ACMImport, "sts:AssumeRole": "",
	} {
		iam, action, _ := strings.Cut(op, ":")
		m := &method{service: serviceOfScope(iam), action: action, mutating: isMutating(action)}
		if got := classOf(m); got != want {
			t.Errorf("%s: want class %q, got %q", op, want, got)
		}
	}
}

func TestThrottling(t *testing.T) {
	f := start(t, func(c *Config) {
		c.Rates = map[string]throttle.Rate{ELBRead: {PerSecond: 1, Burst: 2}, EC2Read: {PerSecond: 1, Burst: 1}, ELBHeavy: {PerSecond: 1, Burst: 1}}
	})
	read := func() string {
		_, err := f.elb().DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"a"}})
		return code(err)
	}
	for i, want := range []string{"", "", "Throttling"} {
		if got := read(); got != want {
			t.Errorf("call %d: want %q, got %q", i, want, got)
		}
	}
	f.clock.Advance(time.Second)
	if got := read(); got != "" {
		t.Errorf("a second later: got %q", got)
	}
	if _, err := f.elb().CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{Name: aws.String("a")}); err != nil {
		t.Errorf("another class: got %v", err)
	}
	cfg := f.config("AKID", "secret", "")
	cfg.Region = "us-west-2"
	if _, err := elbv2.NewFromConfig(cfg).DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"a"}}); err != nil {
		t.Errorf("another region: got %v", err)
	}
	for _, want := range []string{"", "RequestLimitExceeded"} {
		if _, err := f.ec2().DescribeTags(ctx, &ec2.DescribeTagsInput{}); code(err) != want {
			t.Errorf("ec2: want %q, got %v", want, err)
		}
	}
	// The SDK knows that it may try again.
	cfg = f.config("AKID", "secret", "")
	cfg.Retryer = nil
	tried := make(chan error, 1)
	go func() {
		_, err := elbv2.NewFromConfig(cfg).DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"a"}})
		tried <- err
	}()
	for {
		select {
		case err := <-tried:
			if err != nil {
				t.Errorf("got %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond):
			f.clock.Advance(time.Second)
		}
	}
}

func TestFaults(t *testing.T) {
	f := start(t, func(c *Config) { c.Chance = world.NewDice(1).Float })
	describe := func() error {
		_, err := f.elb().DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{"a"}})
		return err
	}
	for _, c := range []struct {
		rule      fault.Rule
		want      string
		performed bool
	}{
		{fault.Rule{Effect: fault.Error, Code: "AccessDenied"}, "AccessDenied", false},
		{fault.Rule{Effect: fault.Error}, "InternalFailure", false},
		{fault.Rule{Effect: fault.Unavailable}, "ServiceUnavailable", false},
		{fault.Rule{Effect: fault.Throttle}, "Throttling", false},
		{fault.Rule{Effect: fault.DropReply}, "", true},
	} {
		c.rule.Op, c.rule.Times = "elasticloadbalancing:DescribeTags", 1
		if _, err := f.api.faults.Add(c.rule); err != nil {
			t.Fatal(err)
		}
		before := f.region("eu-west-1").calls()
		err := describe()
		if err == nil || code(err) != c.want {
			t.Errorf("%s: want %q, got %v", c.rule.Effect, c.want, err)
		}
		if performed := f.region("eu-west-1").calls() > before; performed != c.performed {
			t.Errorf("%s: performed is %v", c.rule.Effect, performed)
		}
		if err := describe(); err != nil {
			t.Errorf("after %s: %v", c.rule.Effect, err)
		}
	}
	entries, _ := f.journal.Since(0)
	if got := entries[0]; got.Fault != "error" || got.Status != 403 {
		t.Errorf("got %+v", got)
	}
	if _, err := f.api.faults.Add(fault.Rule{Op: "DescribeTags", Effect: fault.Error}); err == nil {
		t.Error("a rule for an action of no service was taken")
	}
}

func TestHostileRequests(t *testing.T) {
	f := start(t, nil)
	deep := "Action=CreateLoadBalancer&Version=2015-12-01&" + strings.Repeat("a.", 1000) + "b=1"
	for name, c := range map[string]struct {
		method, target, body string
		want                 int
	}{
		"too large":       {"POST", "", strings.Repeat("a", maxBody+1), 413},
		"too deep":        {"POST", "", deep, 400},
		"too many":        {"POST", "", strings.Repeat("a&", 30000), 400},
		"syntax":          {"POST", "", "Action=%zz", 400},
		"nothing":         {"POST", "", "", 400},
		"method":          {"DELETE", "", "", 405},
		"number":          {"POST", "", "Action=RegisterTargets&Version=2015-12-01&Targets.member.1.Port=x", 400},
		"number in range": {"POST", "", "Action=RegisterTargets&Version=2015-12-01&Targets.member.1.Port=99999999999", 400},
		"no json":         {"POST", "CertificateManager.DescribeCertificate", "{", 400},
		"a list":          {"POST", "CertificateManager.DescribeCertificate", "[]", 400},
		"a number":        {"POST", "CertificateManager.DescribeCertificate", `{"CertificateArn":1}`, 400},
		"deep json":       {"POST", "CertificateManager.DescribeCertificate", strings.Repeat(`{"a":`, 100000), 400},
		"no such service": {"POST", "DynamoDB_20120810.ListTables", "{}", 400},
	} {
		r, err := http.NewRequest(c.method, f.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.target != "" {
			r.Header.Set("X-Amz-Target", c.target)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != c.want || len(body) > 1000 || resp.Header.Get("X-Amzn-RequestId") == "" {
			t.Errorf("%s: want %d, got %d %s, %v", name, c.want, resp.StatusCode, body, err)
		}
	}
}
