package aws

import (
	"fmt"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// BenchmarkARuleAmong8000 measures one rule that is made and removed, with the view after each, in a region of 200 load balancers with 40 rules each.
func BenchmarkARuleAmong8000(b *testing.B) {
	c := cloudFor(b, func(c *Config) {
		c.Quotas = map[string]int{"application-load-balancers": 1000}
	})
	a := &account{c.Region("eu-west-1"), b}
	var listener, group string
	for i := range 200 {
		group = a.group(fmt.Sprint("g", i), types.ProtocolEnumHttp)
		listener = a.listener(a.alb(fmt.Sprint("lb", i)), 80, types.ProtocolEnumHttp, group)
		for j := range 40 {
			a.rule(listener, int32(j)*10+10, fmt.Sprint("/", j), group)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		rule := a.rule(listener, 5, "/new", group)
		a.View()
		do(a, a.DeleteRule, &elb.DeleteRuleInput{RuleArn: &rule})
		a.View()
	}
}
