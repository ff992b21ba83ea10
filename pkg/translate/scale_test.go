package translate_test

import (
	"fmt"
	"testing"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
)

// many returns the story named simple with n routes in place of its one, each with a hostname, two rules and one of a hundred Services.
func many(tb testing.TB, n int) *translate.Snapshot {
	tb.Helper()
	story, err := translatetest.Load("testdata/simple")
	if err != nil {
		tb.Fatal(err)
	}
	s := story.Snapshot
	template, service := s.HTTPRoutes[0], s.Services[nameOf(s.HTTPRoutes[0])]
	slices := s.EndpointSlices[nameOf(service)]
	for i := range 100 {
		copied := service.DeepCopy()
		copied.Name = fmt.Sprintf("app-%d", i)
		s.Services[nameOf(copied)] = copied
		s.EndpointSlices[nameOf(copied)] = slices
	}
	s.HTTPRoutes = nil
	for i := range n {
		route := template.DeepCopy()
		route.Name = fmt.Sprintf("route-%d", i)
		route.Spec.Hostnames = []gwv1.Hostname{gwv1.Hostname(fmt.Sprintf("h%d.example.com", i))}
		exact, path := gwv1.PathMatchExact, "/exact"
		rule := *route.Spec.Rules[0].DeepCopy()
		rule.BackendRefs[0].Name = gwv1.ObjectName(fmt.Sprintf("app-%d", i%100))
		second := *rule.DeepCopy()
		second.Matches = []gwv1.HTTPRouteMatch{{Path: &gwv1.HTTPPathMatch{Type: &exact, Value: &path}}}
		route.Spec.Rules = []gwv1.HTTPRouteRule{rule, second}
		s.HTTPRoutes = append(s.HTTPRoutes, route)
	}
	return s
}

func TestManyRoutes(t *testing.T) {
	lb, report := translate.Translate(many(t, 1000))
	if got, want := len(lb.Listeners[0].Servers[0].Rules), 2000; got != want {
		t.Errorf("%d rules, want %d", got, want)
	}
	if got, want := len(lb.Pools), 100; got != want {
		t.Errorf("%d pools, want %d: routes that share a backend share a pool", got, want)
	}
	if got, want := report.Gateway.Listeners[0].AttachedRoutes, int32(1000); got != want {
		t.Errorf("%d attached routes, want %d", got, want)
	}
}

// TestAddingARouteMovesNoOther holds that the rank of a rule depends on nothing but the rule and its route.
func TestAddingARouteMovesNoOther(t *testing.T) {
	type place struct {
		server string
		source ir.Source
		match  string
	}
	ranks := func(s *translate.Snapshot) map[place]string {
		out := map[place]string{}
		lb, _ := translate.Translate(s)
		for _, l := range lb.Listeners {
			for _, server := range l.Servers {
				for i, r := range server.Rules {
					key := place{fmt.Sprint(l.Port, l.Protocol, server.Name), r.Source, fmt.Sprintf("%+v", r.Match)}
					if _, twice := out[key]; twice {
						key.match += fmt.Sprint(i) // a route may say a thing twice
						continue
					}
					out[key] = r.Rank
				}
			}
		}
		return out
	}
	for seed := range uint64(500) {
		s := translatetest.Generate(translatetest.SeededDice(seed))
		if len(s.HTTPRoutes) < 2 || hasTwins(s) {
			continue
		}
		all := ranks(s)
		for i := range s.HTTPRoutes {
			fewer := *s
			fewer.HTTPRoutes = append(append([]*gwv1.HTTPRoute{}, s.HTTPRoutes[:i]...), s.HTTPRoutes[i+1:]...)
			for key, rank := range ranks(&fewer) {
				if with, found := all[key]; found && with != rank {
					t.Fatalf("seed %d: the rank of %+v is %s, and %s beside another route", seed, key, rank, with)
				}
			}
		}
	}
}

func BenchmarkTranslate(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		s := many(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				translate.Translate(s)
			}
		})
	}
}

func BenchmarkStatus(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		s := many(b, n)
		_, r := translate.Translate(s)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				status.Of(s, r, status.Outcome{Applied: true, Addresses: []string{"203.0.113.10"}}, now)
			}
		})
	}
}
