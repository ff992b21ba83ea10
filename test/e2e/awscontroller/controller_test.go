package awscontroller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

// services are the names by which the controller's flag knows what it asks of AWS.
var services = []string{
	"EC2", "Elastic Load Balancing v2", "ACM", "STS", "Shield", "WAFV2", "WAF Regional", "Resource Groups Tagging API",
}

// install installs the controller with its own chart, or upgrades it. addons are those for Shield and web ACLs, which users turn off where
// the controller's role has no right to ask.
func (a *account) install(addons bool) error {
	endpoints := make([]string, len(services))
	for i, s := range services {
		endpoints[i] = s + "=" + a.endpoint
	}
	values, err := json.Marshal(map[string]any{
		"image":           map[string]any{"repository": "cloudgate-dev/aws-load-balancer-controller", "tag": "dev"},
		"replicaCount":    1,
		"clusterName":     cluster,
		"region":          region,
		"vpcTags":         map[string]string{"Name": cluster},
		"awsApiEndpoints": strings.Join(endpoints, ","),
		"envFrom":         []any{map[string]any{"secretRef": map[string]string{"name": "fake-cloud-aws"}}},
		"syncPeriod":      resync.String(),
		"enableShield":    addons, "enableWaf": addons, "enableWafv2": addons,
		"keepTLSSecret": true,
		// The controller answers them as soon as it runs.
		"readinessProbe": map[string]any{"httpGet": map[string]any{"path": "/readyz", "port": 61779}, "periodSeconds": 1},
	})
	if err != nil {
		return err
	}
	_, err = command(string(values), os.Getenv("HELM"), "upgrade", "--install", "aws-load-balancer-controller", os.Getenv("AWSCONTROLLER_CHART"),
		"--namespace", system, "--values", "-", "--wait", "--timeout", "3m")
	return err
}

// protect restarts the controller with its add-ons, and asks for both: a web ACL and Shield.
func (w *world) protect() {
	w.Helper()
	if err := w.install(true); err != nil {
		w.Fatal(err)
	}
	w.eventually("the webhook of the new pod", func() error {
		_, err := command("", "kubectl", "annotate", "--overwrite", "-n", w.ns, "ingress/shop", "alb.ingress.kubernetes.io/wafv2-acl-arn="+*w.acl.ARN,
			"alb.ingress.kubernetes.io/shield-advanced-protection=true")
		return err
	})
	ctx, arn := context.Background(), w.balancer(w.hostname("ingress", "shop", ingressHost)).LoadBalancerArn
	w.eventually("the load balancer to be protected", func() error {
		found, err := w.wafv2.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: arn})
		if err != nil {
			return err
		}
		if found.WebACL == nil || *found.WebACL.ARN != *w.acl.ARN {
			return errors.New("it has no web ACL")
		}
		_, err = w.shield.DescribeProtection(ctx, &shield.DescribeProtectionInput{ResourceArn: arn})
		return err
	})
}

// guard makes a web ACL, which goes with the test, and subscribes the account to Shield, which is for good.
func (a *account) guard(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	name := fmt.Sprintf("shop-%d", os.Getpid()) // an earlier run that was cut short may have left one
	out, err := a.wafv2.CreateWebACL(ctx, &wafv2.CreateWebACLInput{
		Name: &name, Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: &name},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.acl = out.Summary
	t.Cleanup(func() {
		_, err := a.wafv2.DeleteWebACL(ctx, &wafv2.DeleteWebACLInput{Name: a.acl.Name, Id: a.acl.Id, Scope: waftypes.ScopeRegional, LockToken: a.acl.LockToken})
		if err != nil {
			t.Error(err)
		}
	})
	var already *shieldtypes.ResourceAlreadyExistsException
	if _, err := a.shield.CreateSubscription(ctx, &shield.CreateSubscriptionInput{}); err != nil && !errors.As(err, &already) {
		t.Fatal(err)
	}
}
