package elb

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// TestTargetInRegistration: while a target is being registered it is not checked, and gets no requests.
func TestTargetInRegistration(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	group := s.group(nil, backend(t, "old", nil))
	s.listener(lb, 8080, forward(group), nil)
	at := s.at(lb, 8080)
	eventually(t, "served", func() bool { got, err := get(at, "/"); return err == nil && got.status == 200 })
	s.healthy(group)

	s.Cloud().SetLatency(world.Realistic)
	next := backend(t, "new", nil)
	s.register(group, next)
	if got := shares(t, at, "/", 500); got["old"] != 500 {
		t.Errorf("want all requests at the target that is registered, got %v", got)
	}
	row := targetOf(t, s, group, next)
	if row.State != types.TargetHealthStateEnumInitial || row.Reason != types.TargetHealthReasonEnumRegistrationInProgress {
		t.Errorf("want a target in registration, got %s %s", row.State, row.Reason)
	}

	s.Cloud().Clock().Advance(time.Minute)
	s.healthy(group)
	eventually(t, "the new target gets requests", func() bool { return shares(t, at, "/", 10)["new"] > 0 })
}

// targetOf returns what the account has of a target.
func targetOf(t *testing.T, s *stand, group, target string) *aws.Target {
	t.Helper()
	want := descriptions([]string{target})[0]
	for _, row := range s.View().TargetGroups[group].Targets {
		if row.ID == sdk.ToString(want.Id) && row.Port == sdk.ToInt32(want.Port) {
			return row
		}
	}
	t.Fatalf("%s is no target", target)
	return nil
}
