package status

import (
	"fmt"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// parameterAdvice says what can stand in a field of a GatewayConfig.
var parameterAdvice = map[string]string{
	"targetType":                    "Use Pod or NodePort.",
	"reach":                         "Use Internet or Private.",
	"aws.ipAddressType":             "Use IPv4 or DualStack.",
	"aws.subnets":                   "Set exactly one of ids and tags.",
	"aws.subnets.ids":               "Use ids of subnets, as subnet-0123456789abcdef0.",
	"aws.securityGroups":            "Use ids of security groups, as sg-0123456789abcdef0.",
	"aws.sourceRanges":              "Use CIDRs, as 10.0.0.0/8.",
	"aws.backendSecurityGroups":     "Set exactly one of ids and clusterName.",
	"aws.backendSecurityGroups.ids": "Use ids of security groups, as sg-0123456789abcdef0.",
	"aws.tags":                      "Use another key: AWS keeps aws: for itself, and Cloudgate cloudgate.dev/.",
	"aws.idleTimeout":               "Use 1s to 4000s.",
	"aws.accessLogs.bucket":         "Name a bucket.",
}

// parameterSentence says what is wrong with a field of a GatewayConfig.
func parameterSentence(p translate.Problem) string {
	advice := parameterAdvice[p.Detail]
	if advice == "" {
		advice = "Correct it."
	}
	return fmt.Sprintf("%s%s: %s cannot be %s. %s", at(p), p.Object, p.Detail, quoted(p.Value), advice)
}
