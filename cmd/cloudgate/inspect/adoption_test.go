package inspect_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/server"
	"github.com/cloudgate-dev/cloudgate/pkg/api/v1alpha1"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// openAWS is a cluster in memory with a Gateway that is to adopt a load balancer that somebody made by hand, whose ARN it returns.
func openAWS(t *testing.T) (l *live, arn string) {
	t.Helper()
	ctx := t.Context()
	s := serve(t, server.Config{
		DNSListen: server.Off, AddressPool: netip.MustParsePrefix("127.83.0.0/16"), AWS: server.AWS{Listen: "127.0.0.1:0"},
	})
	region := s.AWS().Region("eu-west-1")
	subnets, err := region.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	in := &elb.CreateLoadBalancerInput{Name: sdk.String("legacy")}
	for _, subnet := range subnets.Subnets {
		in.Subnets = append(in.Subnets, sdk.ToString(subnet.SubnetId))
	}
	lb, err := region.CreateLoadBalancer(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	arn = sdk.ToString(lb.LoadBalancers[0].LoadBalancerArn)
	if _, err := region.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &arn, Port: sdk.Int32(8080), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{
			Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: sdk.String("200")},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	p, err := aws.New(ctx, aws.Config{
		Region: "eu-west-1", Endpoint: s.AWSURL(), Unmetered: true, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	l = &live{store: memory.New(reconciler.Scheme()), providers: inspect.Providers{p.Name(): p}}
	if err := l.store.Apply(adoptingClass("allow"), adoptingGateway(arn, "")); err != nil {
		t.Fatal(err)
	}
	return l, arn
}

func adoptingClass(adopt string) *gwv1.GatewayClass {
	return &gwv1.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: "aws", Annotations: map[string]string{"cloudgate.dev/adopt-load-balancers": adopt}},
		Spec:       gwv1.GatewayClassSpec{ControllerName: "cloudgate.dev/aws"},
	}
}

func adoptingGateway(arn, agreed string) *gwv1.Gateway {
	return &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
			"cloudgate.dev/adopt-load-balancer": arn, "cloudgate.dev/adopt-plan": agreed,
		}},
		Spec: gwv1.GatewaySpec{GatewayClassName: "aws", Listeners: []gwv1.Listener{{Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType}}},
	}
}

var ids = regexp.MustCompile(`arn:[^ ,]*[0-9a-f]|sg-[0-9a-f]+|[0-9a-f]{32}`)

func TestAdoptionPlan(t *testing.T) {
	l, arn := openAWS(t)
	got := l.plan(t)
	want := `Gateway shop/web on aws: nothing is changed before somebody agrees to the adoption of ID: 2 marks, 2 to create, 1 to update, 1 to delete
  = listener/adopted-http-8080-a-03d763e8 is ID
  = loadbalancer/application-03d763e8 is ID
  + listener/http-80-a-03d763e8            HTTP on port 80
  + securitygroup/frontend                 lets in tcp 80 from 0.0.0.0/0
  ~ loadbalancer/application-03d763e8      securityGroups[0] "ID" becomes "frontend"; refers to securitygroup/frontend
  - listener/adopted-http-8080-a-03d763e8  it is no longer wanted
  * load balancer legacy is deleted with the Gateway, as one that Cloudgate made
  * security group ID stays, and load balancer legacy leaves it: targets that let that group in do not let in the new one by it
To agree: kubectl annotate --overwrite gateway -n shop web cloudgate.dev/adopt-plan=ID
`
	if diff := cmp.Diff(want, ids.ReplaceAllString(got, "ID")); diff != "" {
		t.Errorf("the plan (-want +got):\n%s\n%s", diff, got)
	}
	found := regexp.MustCompile(`adopt-plan=([0-9a-f]{32})`).FindStringSubmatch(got)
	if found == nil {
		t.Fatal("no digest")
	}
	if err := l.store.Apply(adoptingGateway(arn, found[1])); err != nil {
		t.Fatal(err)
	}
	if got := l.plan(t); !strings.Contains(got, "was agreed to: 2 marks") || strings.Contains(got, "To agree") {
		t.Errorf("a plan that was agreed to: %s", got)
	}
	if err := l.store.Apply(adoptingGateway(strings.Replace(arn, "eu-west-1", "eu-north-1", 1), "")); err != nil {
		t.Fatal(err)
	}
	if got := l.plan(t); !strings.Contains(got, "nothing is changed, because arn:") || !strings.Contains(got, "cannot be adopted") || strings.Contains(got, "+") {
		t.Errorf("what cannot be adopted: %s", got)
	}
	if err := l.store.Apply(adoptingClass("deny"), adoptingGateway(arn, found[1])); err != nil {
		t.Fatal(err)
	}
	if got := l.plan(t); !strings.Contains(got, "it lacks the annotation cloudgate.dev/adopt-load-balancers: allow") || strings.Contains(got, "legacy is") || strings.Contains(got, "=") {
		t.Errorf("a class that does not allow it: %s", got)
	}
}

// TestAdoptionByOneThatServes: what it asks for else is planned as ever.
func TestAdoptionByOneThatServes(t *testing.T) {
	l, arn := openAWS(t)
	own := adoptingGateway(arn, "")
	own.Annotations = nil
	if err := l.store.Apply(own); err != nil {
		t.Fatal(err)
	}
	for _, p := range l.providers {
		l.serve(t, p)
	}
	more := adoptingGateway(arn, "")
	more.Spec.Listeners = append(more.Spec.Listeners, gwv1.Listener{Name: "alt", Port: 8081, Protocol: gwv1.HTTPProtocolType})
	if err := l.store.Apply(more); err != nil {
		t.Fatal(err)
	}
	got := l.plan(t)
	for _, word := range []string{"cannot be adopted: the Gateway has loadbalancer/", "; it serves without: 1 to create", "+ listener/http-8081"} {
		if !strings.Contains(got, word) {
			t.Errorf("want %q in %s", word, got)
		}
	}
	if strings.Contains(got, "nothing is changed") {
		t.Errorf("want it said that it goes on, got %s", got)
	}
}

// TestAdoptionThatIsDone: what was adopted is the Gateway's, whatever the annotation says.
func TestAdoptionThatIsDone(t *testing.T) {
	l, arn := openAWS(t)
	scene := l.scene(t)
	if len(scene.Snapshots) != 1 {
		t.Fatalf("want one Gateway, got %d", len(scene.Snapshots))
	}
	lb := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Status: v1alpha1.LoadBalancerStatus{Adopted: []string{arn}}}
	if err := l.store.Apply(lb); err != nil {
		t.Fatal(err)
	}
	if err := l.store.Client().Status().Update(t.Context(), lb); err != nil {
		t.Fatal(err)
	}
	if got := l.plan(t); !strings.Contains(got, "Gateway shop/web on aws: 3 to create") {
		t.Errorf("want it planned as any other, got %s", got)
	}
}

// TestAdoptionInFiles: whoever plans files has no cloud to look at, whatever the provider can.
func TestAdoptionInFiles(t *testing.T) {
	manifest := `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "web",
"annotations": {"cloudgate.dev/adopt-load-balancer": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/legacy/50dc6c495c0c9188"}},
"spec": {"gatewayClassName": "fake", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}`
	file := filepath.Join(t.TempDir(), "web.json")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := planFiles(t, "text", file); !strings.Contains(got, "cannot be adopted: what is there is not known without a cluster and its cloud: plan without -f") {
		t.Errorf("want it told that a plan of files knows no cloud, got %s", got)
	}
}
