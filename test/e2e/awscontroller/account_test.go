package awscontroller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
	"github.com/cloudgate-dev/cloudgate/test/echo"
)

// account is the account in AWS, as its owner sees it, and the admin API of the fake.
type account struct {
	elb    *elbv2.Client
	ec2    *ec2.Client
	acm    *acm.Client
	wafv2  *wafv2.Client
	shield *shield.Client
	admin  traffic.Cloud

	endpoint string        // where pods reach AWS
	dns      *net.Resolver // of the load balancers' names
	vpc      string
	nodes    string // the security group of the nodes

	certificate echo.Certificate // for names below example.com
	arn         string           // of it, in ACM
	acl         *waftypes.WebACLSummary
}

// readSecret returns the fields of a Secret.
func readSecret(name string) (map[string][]byte, error) {
	out, err := command("", "kubectl", "get", "secret", name, "-n", system, "-o", "json")
	if err != nil {
		return nil, err
	}
	var secret corev1.Secret
	err = json.Unmarshal([]byte(out), &secret)
	return secret.Data, err
}

// openAccount finds the fake cloud, and prepares the account as its owner would for a cluster.
func openAccount(ctx context.Context) (*account, error) {
	keys, err := readSecret("fake-cloud-aws")
	if err != nil {
		return nil, err
	}
	token, err := readSecret("fake-cloud-token")
	if err != nil {
		return nil, err
	}
	api, err := command("", "kubectl", "get", "service", "fake-cloud", "-n", system, "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		return nil, err
	}
	dns, err := command("", "kubectl", "get", "service", "fake-cloud-dns", "-n", system, "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		return nil, err
	}
	endpoint := "http://" + net.JoinHostPort(api, "4566")
	// The account has the rates of a real one, and the controller has its share of them: who only looks waits its turn.
	patient := func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 10) }
	config := aws.Config{Region: region, BaseEndpoint: &endpoint, HTTPClient: &http.Client{Timeout: 30 * time.Second}, Retryer: patient,
		Credentials: credentials.NewStaticCredentialsProvider(string(keys["AWS_ACCESS_KEY_ID"]), string(keys["AWS_SECRET_ACCESS_KEY"]), "")}
	a := &account{
		elb: elbv2.NewFromConfig(config), ec2: ec2.NewFromConfig(config), acm: acm.NewFromConfig(config), wafv2: wafv2.NewFromConfig(config),
		shield:   shield.NewFromConfig(config),
		admin:    traffic.Cloud{URL: "http://" + net.JoinHostPort(api, "7070"), Token: string(token["token"])},
		endpoint: endpoint,
		dns: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(dns, "53"))
		}},
	}
	return a, a.prepare(ctx)
}

// prepare tags the network as the controller's manual asks for, and makes instances of the cluster's nodes.
func (a *account) prepare(ctx context.Context) error {
	vpcs, err := a.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	if err != nil {
		return err
	}
	a.vpc = *vpcs.Vpcs[0].VpcId
	subnets, err := a.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		return err
	}
	var ids []string
	for _, s := range subnets.Subnets {
		ids = append(ids, *s.SubnetId)
	}
	err = errors.Join(
		a.tag(ctx, []string{a.vpc}, "Name", cluster),
		a.tag(ctx, ids, "kubernetes.io/role/elb", "1"),
		a.tag(ctx, ids, "kubernetes.io/role/internal-elb", "1"),
	)
	if err != nil {
		return err
	}
	if a.nodes, err = a.nodeGroup(ctx); err != nil {
		return err
	}
	return a.enlist(ctx)
}

func (a *account) tag(ctx context.Context, ids []string, key, value string) error {
	_, err := a.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids, Tags: []ec2types.Tag{{Key: &key, Value: &value}}})
	return err
}

// nodeGroup returns the security group of the nodes, by the tag that the controller finds it by.
func (a *account) nodeGroup(ctx context.Context) (string, error) {
	owned := ec2types.Tag{Key: aws.String("kubernetes.io/cluster/" + cluster), Value: aws.String("owned")}
	found, err := a.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: aws.String("tag:" + *owned.Key), Values: []string{*owned.Value}}},
	})
	if err != nil {
		return "", err
	}
	if len(found.SecurityGroups) > 0 {
		return *found.SecurityGroups[0].GroupId, nil
	}
	made, err := a.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("nodes"), Description: aws.String("nodes of the cluster"), VpcId: &a.vpc,
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: []ec2types.Tag{owned}}},
	})
	if err != nil {
		return "", err
	}
	return *made.GroupId, nil
}

// enlist makes an instance of each node, with a network interface that has the addresses of its pods, and tells the node so.
func (a *account) enlist(ctx context.Context) error {
	out, err := command("", "kubectl", "get", "nodes", "-o", "json")
	if err != nil {
		return err
	}
	var nodes corev1.NodeList
	if err := json.Unmarshal([]byte(out), &nodes); err != nil {
		return err
	}
	for i, n := range nodes.Items {
		hash := fnv.New64a()
		fmt.Fprint(hash, n.Name)
		id, zone := fmt.Sprintf("i-0%016x", hash.Sum64()), region+string("abc"[i%3])
		var address string
		for _, at := range n.Status.Addresses {
			if at.Type == corev1.NodeInternalIP {
				address = at.Address
			}
		}
		seed := map[string]any{
			"id": id, "privateIPs": []string{address}, "prefixes": []string{n.Spec.PodCIDR}, "zone": zone, "securityGroups": []string{a.nodes},
		}
		if err := a.admin.Call(http.MethodPost, "/admin/v1/aws/"+region+"/instances", seed, nil); err != nil {
			return err
		}
		if n.Spec.ProviderID != "" {
			continue // of an earlier run: it never changes
		}
		patch := fmt.Sprintf(`{"spec":{"providerID":"aws:///%s/%s"}}`, zone, id)
		if _, err := command("", "kubectl", "patch", "node", n.Name, "-p", patch); err != nil {
			return err
		}
	}
	return nil
}

// lookup returns an address of a load balancer's name.
func (a *account) lookup(host string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	found, err := a.dns.LookupHost(ctx, host)
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// certify imports a certificate for names below example.com, which goes with the test. It is the only one, for the controller to find.
func (a *account) certify(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	left, err := a.acm.ListCertificates(ctx, &acm.ListCertificatesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range left.CertificateSummaryList { // of a run that was cut short
		if _, err := a.acm.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: c.CertificateArn}); err != nil {
			t.Fatal(err)
		}
	}
	a.certificate = traffic.NewCertificate(t, "*.example.com", "example.com")
	out, err := a.acm.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: a.certificate.Chain, PrivateKey: a.certificate.Key})
	if err != nil {
		t.Fatal(err)
	}
	a.arn = *out.CertificateArn
	t.Cleanup(func() {
		if _, err := a.acm.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: &a.arn}); err != nil {
			t.Error(err)
		}
	})
}

// journal returns the calls since a number that the controller, or a test, made, and the number of the last.
func (a *account) journal(t *testing.T, since int) ([]traffic.JournalEntry, int) {
	t.Helper()
	var answer struct {
		Items []traffic.JournalEntry `json:"items"`
	}
	if err := a.admin.Call(http.MethodGet, fmt.Sprintf("/admin/v1/aws/journal?since=%d", since), nil, &answer); err != nil {
		t.Fatal(err)
	}
	last := since
	for _, e := range answer.Items {
		last = max(last, e.Seq)
	}
	return answer.Items, last
}

// security names the security groups that are not those of the beginning, and their rules that let somebody in.
func (a *account) security(t *testing.T) []string {
	t.Helper()
	found, err := a.ec2.DescribeSecurityGroups(context.Background(), &ec2.DescribeSecurityGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, g := range found.SecurityGroups {
		if *g.GroupName != "default" {
			all = append(all, fmt.Sprintf("security group %s with %d permissions", *g.GroupName, len(g.IpPermissions)))
		}
	}
	return all
}

// ranges returns whom the security groups of a load balancer let in, each range once.
func (w *world) ranges(host string) []string {
	w.Helper()
	found, err := w.ec2.DescribeSecurityGroups(context.Background(), &ec2.DescribeSecurityGroupsInput{GroupIds: w.balancer(host).SecurityGroups})
	if err != nil {
		w.Fatal(err)
	}
	var all []string
	for _, g := range found.SecurityGroups {
		for _, p := range g.IpPermissions {
			for _, r := range p.IpRanges {
				all = append(all, *r.CidrIp)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
