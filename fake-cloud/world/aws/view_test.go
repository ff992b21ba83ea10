package aws

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestWatch(t *testing.T) {
	for name, path := range map[string]string{"in memory": "", "on disk": filepath.Join(t.TempDir(), "aws.db")} {
		t.Run(name, func(t *testing.T) {
			a := accountFor(t, func(c *Config) { c.Path, c.NoSync, c.Reported = path, true, true })
			lb, group := a.fill()
			calls, release := make(chan struct{}, 10), make(chan struct{})
			stop := a.cloud.Watch(func() { calls <- struct{}{}; <-release })
			<-calls // at first, without a change; it lasts, so that what comes meanwhile can be counted
			news := func() int { return len(a.cloud.watches[0].signal) }

			// Tags and what was reported say nothing to those who carry traffic.
			a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: Healthy})
			do(a, a.AddTags, &elb.AddTagsInput{ResourceArns: []string{lb}, Tags: manyTags(1)})
			refused(a, "DuplicateLoadBalancerName", a.CreateLoadBalancer, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: a.subnetIDs()[:2]})
			if n := news(); n != 0 {
				t.Errorf("want no news of health, tags and what was refused, got %d", n)
			}
			a.group("one", types.ProtocolEnumHttp)
			a.group("two", types.ProtocolEnumHttp)
			if n := news(); n != 1 {
				t.Errorf("want the news of two changes in one, got %d", n)
			}
			close(release)
			<-calls
			stop()
			if n := len(a.cloud.watches); n != 0 {
				t.Errorf("want nobody following any more, got %d", n)
			}
		})
	}
}

func TestReportListener(t *testing.T) {
	a := accountFor(t, nil)
	l := a.listener(a.alb("web"), 80, types.ProtocolEnumHttp, "")
	if _, ok := a.ListenerReport(l); ok {
		t.Error("want no report at first")
	}
	a.ReportListener(l, ListenerReport{Reason: "the port is taken"})
	if got, _ := a.ListenerReport(l); got.Bound || got.Reason != "the port is taken" {
		t.Errorf("got %+v", got)
	}
	do(a, a.DeleteListener, &elb.DeleteListenerInput{ListenerArn: &l})
	a.ReportListener(l, ListenerReport{Bound: true})
	if got, ok := a.ListenerReport(l); ok {
		t.Errorf("want none of a listener that is gone, got %+v", got)
	}
}

func TestReportsOfWhatIsNotThere(t *testing.T) {
	a := accountFor(t, nil)
	group := a.group("pods", types.ProtocolEnumHttp)
	before := a.View().Version
	for _, o := range []Outcome{0, Healthy, WrongCode, TimedOut, Failed, NotChecked} {
		a.ReportTarget(group, "172.31.5.5", 80, TargetReport{Outcome: o})
		a.ReportTarget("nonsense", "", -1, TargetReport{Outcome: o})
	}
	if a.View().Version != before {
		t.Error("a report of what is not there changed something")
	}
}
