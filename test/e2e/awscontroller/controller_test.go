package awscontroller

import (
	"encoding/json"
	"os"
	"strings"
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
