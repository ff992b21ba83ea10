package elb

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// shares asks n times and counts the answers.
func shares(t *testing.T, at, target string, n int, fields ...string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for range n {
		got, err := get(at, target, fields...)
		if err != nil {
			t.Fatal(err)
		}
		count[got.body]++
	}
	return count
}

// healthy waits until all targets of the groups are.
func (s *stand) healthy(groups ...string) {
	s.t.Helper()
	for _, g := range groups {
		eventually(s.t, "healthy", func() bool {
			list := do(s, s.DescribeTargetHealth, &api.DescribeTargetHealthInput{TargetGroupArn: &g}).TargetHealthDescriptions
			for _, d := range list {
				if d.TargetHealth.State != types.TargetHealthStateEnumHealthy {
					return false
				}
			}
			return len(list) > 0
		}, func() string { return s.health(g) })
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	a, b, none := s.group(nil, backend(t, "a", nil)), s.group(nil, backend(t, "b", nil)), s.group(nil)
	action := forward(a, b, none)
	action.ForwardConfig.TargetGroups[0].Weight = sdk.Int32(3)
	action.ForwardConfig.TargetGroups[2].Weight = sdk.Int32(0)
	s.listener(lb, 8080, action, nil)
	at := s.at(lb, 8080)
	eventually(t, "served", func() bool { got, err := get(at, "/"); return err == nil && got.status == 200 })
	s.healthy(a, b)
	got := shares(t, at, "/", 80)
	if got["a"] < 55 || got["a"] > 65 || got["a"]+got["b"] != 80 {
		t.Errorf("want about 60 to 20, got %v", got)
	}
}

// cookies of an answer: "name=value".
func cookies(h http.Header) (pairs []string, names string) {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
		names += c.Name + " "
	}
	return pairs, strings.TrimSpace(names)
}

func TestStickiness(t *testing.T) {
	tests := []struct {
		reason, path, cookies string
	}{
		{"targets by the load balancer's cookie", "/lb", "AWSALB AWSALBCORS"},
		{"targets by the application's cookie", "/app", "mine AWSALBAPP-0"},
		{"target groups", "/groups", "AWSALBTG AWSALBTGCORS"},
	}
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, fixed("404", ""), nil)
	own := func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.UserAgent(), "ELB-HealthChecker/") {
			http.SetCookie(w, &http.Cookie{Name: "mine", Value: "1"})
		}
	}
	byLB := s.group(nil, backend(t, "a", nil), backend(t, "b", nil), backend(t, "c", nil))
	s.set(byLB, "stickiness.enabled=true", "stickiness.type=lb_cookie", "stickiness.lb_cookie.duration_seconds=60")
	byApp := s.group(nil, backend(t, "a", own), backend(t, "b", own), backend(t, "c", own))
	s.set(byApp, "stickiness.enabled=true", "stickiness.type=app_cookie", "stickiness.app_cookie.cookie_name=mine")
	s.rule(ls, 1, forward(byLB), path("/lb"))
	s.rule(ls, 2, forward(byApp), path("/app"))
	a, b := s.group(nil, backend(t, "a", nil)), s.group(nil, backend(t, "b", nil))
	groups := forward(a, b)
	groups.ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: sdk.Bool(true), DurationSeconds: sdk.Int32(60)}
	s.rule(ls, 3, groups, path("/groups"))
	at := s.at(lb, 8080)
	for _, tt := range tests {
		eventually(t, "served", func() bool { got, err := get(at, tt.path); return err == nil && got.status == 200 })
	}
	s.healthy(byLB, byApp, a, b)
	for _, tt := range tests {
		first, err := get(at, tt.path)
		if err != nil {
			t.Fatal(err)
		}
		pairs, names := cookies(first.header)
		if names != tt.cookies {
			t.Errorf("%s: want cookies %s, got %s", tt.reason, tt.cookies, names)
		}
		got := shares(t, at, tt.path, 12, "Cookie: "+strings.Join(pairs, "; "))
		if got[first.body] != 12 {
			t.Errorf("%s: began at %s, went on at %v", tt.reason, first.body, got)
		}
		if others := shares(t, at, tt.path, 12); len(others) < 2 {
			t.Errorf("%s: all clients get the same without a cookie: %v", tt.reason, others)
		}
	}
}

// TestStatesAndReasons has one target for each reason that a check can have.
func TestStatesAndReasons(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, fixed("404", ""), nil)
	var status atomic.Int32
	status.Store(500)
	code := s.group(nil, backend(t, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	slow := s.group(nil, backend(t, "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	refused := s.group(nil, closed(t))
	matched := s.group(func(in *api.CreateTargetGroupInput) {
		in.Matcher = &types.Matcher{HttpCode: sdk.String("200-299,418")}
		in.HealthCheckPath = sdk.String("/tea")
	}, backend(t, "", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tea" {
			w.WriteHeader(418)
		}
	}))
	for i, g := range []string{code, slow, refused, matched} {
		s.rule(ls, int32(i+1), forward(g), path(fmt.Sprint("/", i)))
	}
	want := map[string]string{
		code:    "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [500]",
		slow:    "unhealthy Target.Timeout Request timed out",
		refused: "unhealthy Target.FailedHealthChecks Health checks failed",
		matched: "healthy",
	}
	for g, health := range want {
		if got := s.health(g); !strings.HasPrefix(got, "initial Elb.") && got != health {
			t.Errorf("at first: %s", got)
		}
		eventually(t, health, func() bool { return s.health(g) == health }, func() string { return s.health(g) })
	}
	at := s.at(lb, 8080)
	answers(t, at, "/0", 500, "") // all targets have failed: each is tried
	status.Store(200)
	eventually(t, "well again", func() bool { return s.health(code) == "healthy" }, func() string { return s.health(code) })
}

// TestAFailedTargetGetsNothing also says that what is not checked yet gets nothing.
func TestAFailedTargetGetsNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	var sick atomic.Bool
	a := backend(t, "a", func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(503)
		}
	})
	web := s.group(nil, a, backend(t, "b", nil))
	s.listener(lb, 8080, forward(web), nil)
	at := s.at(lb, 8080)
	eventually(t, "served", func() bool { got, err := get(at, "/"); return err == nil && got.status == 200 })
	s.healthy(web)
	if got := shares(t, at, "/", 20); got["a"] != 10 || got["b"] != 10 {
		t.Errorf("want a half each, got %v", got)
	}
	sick.Store(true)
	eventually(t, "a is out", func() bool { return shares(t, at, "/", 6)["b"] == 6 })
}

// TestDraining deregisters a target under a request.
func TestDraining(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	slow := backend(t, "slow", func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			entered <- struct{}{}
			<-leave
		}
	})
	web := s.group(nil, slow)
	s.set(web, "deregistration_delay.timeout_seconds=60")
	s.listener(lb, 8080, forward(web), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "slow")
	ended := make(chan answer, 1)
	go func() {
		got, err := get(at, "/wait")
		if err != nil {
			got.body = err.Error()
		}
		ended <- got
	}()
	<-entered
	do(s, s.DeregisterTargets, &api.DeregisterTargetsInput{TargetGroupArn: &web, Targets: descriptions([]string{slow})})
	if got, want := s.health(web), "draining Target.DeregistrationInProgress Target deregistration is in progress"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	answers(t, at, "/", 503, page(503))
	s.register(web, backend(t, "next", nil))
	answers(t, at, "/", 200, "next")
	close(leave)
	if got := <-ended; got.status != 200 || got.body != "slow" {
		t.Errorf("the request under way got %+v", got)
	}
}

// TestInstances are targets by the address of an instance.
func TestInstances(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	id, err := s.SeedInstance(aws.InstanceSeed{PrivateIPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(func(in *api.CreateTargetGroupInput) { in.TargetType = types.TargetTypeEnumInstance })
	port := descriptions([]string{backend(t, "node", nil)})[0].Port
	do(s, s.RegisterTargets, &api.RegisterTargetsInput{TargetGroupArn: &web, Targets: []types.TargetDescription{{Id: &id, Port: port}}})
	s.listener(lb, 8080, forward(web), nil)
	answers(t, s.at(lb, 8080), "/", 200, "node")
}

// TestWhatIsNotChecked is a group that nobody uses, until somebody does, and again.
func TestWhatIsNotChecked(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	var checks atomic.Int32
	web := s.group(nil, backend(t, "web", func(http.ResponseWriter, *http.Request) { checks.Add(1) }))
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	ls := s.listener(lb, 8080, fixed("200", "fixed"), nil)
	answers(t, s.at(lb, 8080), "/", 200, "fixed") // the plane has seen it all
	if n := checks.Load(); n != 0 {
		t.Errorf("%d checks of a group that nobody uses", n)
	}
	rule := s.rule(ls, 1, forward(web), path("/web"))
	answers(t, s.at(lb, 8080), "/web", 200, "web")
	s.healthy(web)
	do(s, s.DeleteRule, &api.DeleteRuleInput{RuleArn: &rule})
	const unused = "unused Target.NotInUse Target group is not configured to receive traffic from the load balancer"
	eventually(t, unused, func() bool { return s.health(web) == unused }, func() string { return s.health(web) })
}

// TestARequestOutlivesItsTargetNoLongerThanTheDelay cuts it off.
func TestARequestOutlivesItsTargetNoLongerThanTheDelay(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	entered := make(chan struct{}, 1)
	slow := backend(t, "slow", func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			entered <- struct{}{}
			<-r.Context().Done()
		}
	})
	web := s.group(nil, slow)
	s.set(web, "deregistration_delay.timeout_seconds=1")
	s.listener(lb, 8080, forward(web), nil)
	at := s.at(lb, 8080)
	answers(t, at, "/", 200, "slow")
	ended := make(chan error, 1)
	go func() {
		got, err := get(at, "/wait")
		if err == nil && got.status < 500 {
			err = fmt.Errorf("got %+v", got)
		} else {
			err = nil
		}
		ended <- err
	}()
	<-entered
	do(s, s.DeregisterTargets, &api.DeregisterTargetsInput{TargetGroupArn: &web, Targets: descriptions([]string{slow})})
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
