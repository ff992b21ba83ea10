package elb

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	api "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/ports"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/dataplane/serve"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

// TestNothingIsLeftOver deletes all there is and looks for what the plane has kept.
func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	web := s.group(nil, backend(t, "web", nil))
	arn := s.imported(identify(t, nil, "web.test"))
	s.listener(lb, 8443, forward(web), secure(types.ProtocolEnumHttps, arn, nil))
	s.listener(lb, 8080, forward(web), nil)
	answers(t, s.at(lb, 8080), "/", 200, "web")
	eventually(t, "the request is counted", func() bool { return s.plane.Stats().Requests > 0 })
	do(s, s.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	eventually(t, "the target group is free", func() bool {
		_, err := s.DeleteTargetGroup(t.Context(), &api.DeleteTargetGroupInput{TargetGroupArn: &web})
		return err == nil
	})
	p := s.plane
	left := map[string]int{}
	eventually(t, "nothing is left", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		left = map[string]int{"balancers": len(p.balancers), "groups": len(p.groups), "claims": p.cfg.Ports.Claims()}
		for _, n := range left {
			if n != 0 {
				return false
			}
		}
		return true
	})
	p.mu.Lock()
	requests := p.gone.Requests
	p.mu.Unlock()
	if requests == 0 {
		t.Error("the traffic of what is gone is forgotten")
	}
}

// TestAChangeTouchesOnlyWhatChanged looks at what the engines are given before and after a change.
func TestAChangeTouchesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	lb := s.balancer(types.LoadBalancerTypeEnumApplication)
	a, b := s.group(nil, backend(t, "a", nil)), s.group(nil, backend(t, "b", nil))
	first, second := s.listener(lb, 8080, forward(a), nil), s.listener(lb, 8081, forward(b), nil)
	s.healthy(a, b)
	answers(t, s.at(lb, 8080), "/", 200, "a")
	p := s.plane
	parts := func() (map[string]*serve.Listener, map[string]any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		listeners, pools := map[string]*serve.Listener{}, map[string]any{}
		for key, c := range p.balancers[*lb.LoadBalancerArn].listeners {
			listeners[key] = c.serve[key]
		}
		for key, g := range p.groups {
			pools[key] = g.pools[key]
		}
		return listeners, pools
	}
	listeners, pools := parts()
	s.rule(first, 1, fixed("200", "new"), path("/new"))
	answers(t, s.at(lb, 8080), "/new", 200, "new")
	after, _ := parts()
	if after[first] == listeners[first] || after[second] != listeners[second] {
		t.Error("a rule touches its own listener alone")
	}
	s.register(b, backend(t, "b", nil))
	s.healthy(a, b)
	eventually(t, "another target", func() bool { _, now := parts(); return now[b] != pools[b] })
	last, now := parts()
	if now[a] != pools[a] || last[first] != after[first] {
		t.Error("a target touches more than its group")
	}
}

// TestAnAddressForAll has every load balancer of the machine share one: ports move aside.
func TestAnAddressForAll(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	one := netip.AddrFrom4([4]byte{127, byte(190 + os.Getpid()%40), byte(nets.Add(1)), 1})
	cloud, err := aws.New(aws.Config{
		Clock: world.RealClock(), Dice: world.NewDice(1), Log: log, Reported: true, Addresses: world.NewLender(world.AddressPool{First: one, Last: one, Shared: one}),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := New(Config{Cloud: cloud, Ports: ports.New(ports.Config{Shared: true, Offset: 8000, Log: log}), Grace: time.Second, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	s := standOn(t, cloud, p)
	seen := map[netip.AddrPort]bool{}
	for range 2 {
		lb := s.balancer(types.LoadBalancerTypeEnumApplication)
		s.listener(lb, 8080, fixed("200", "here"), nil)
		var at netip.AddrPort
		eventually(t, "bound", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			b := p.balancers[*lb.LoadBalancerArn]
			if b == nil {
				return false
			}
			for _, state := range b.states {
				if len(state.Bound) == 1 {
					at = state.Bound[0]
				}
			}
			return at.IsValid()
		})
		if at.Addr() != one || seen[at] {
			t.Errorf("bound at %s", at)
		}
		seen[at] = true
		answers(t, at.String(), "/", 200, "here")
	}
}
