package fake_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/providers/providertest"
)

func corpus(t *testing.T, name string) *ir.LoadBalancer {
	t.Helper()
	for _, c := range providertest.Corpus() {
		if c.Name == name {
			return c.Want
		}
	}
	t.Fatalf("the corpus has no %q", name)
	return nil
}

// TestSlowCloud goes through states that pass: what is pending is said, and waited for.
func TestSlowCloud(t *testing.T) {
	a := openAccount(t, world.Fast)
	want := corpus(t, "protocols")
	s := providertest.NewSession(a.provider, want.Owner)
	g, err := fake.Compile(want)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pass(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	pending := 0
	for _, n := range s.Got {
		if n.Pending != "" {
			pending++
		}
	}
	if pending == 0 {
		t.Error("a cloud that takes its time has nothing pending")
	}
	for _, station := range []*ir.LoadBalancer{want, nil} {
		if err := s.Converge(t.Context(), station); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.Resources(t); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

// TestForeignResourceIsNotTouched finds the name of a pool taken by somebody else.
func TestForeignResourceIsNotTouched(t *testing.T) {
	a := openAccount(t, world.Instant)
	want := corpus(t, "one route")
	s := providertest.NewSession(a.provider, want.Owner)
	if err := s.Converge(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	all, err := a.provider.Observe(t.Context(), cloud.Scope{Cluster: want.Owner.Cluster, UID: want.Owner.UID})
	if err != nil {
		t.Fatal(err)
	}
	var pool graph.Node
	for _, n := range all[want.Owner.Key()] {
		if n.ID.Kind == fake.KindPool {
			pool = n
		}
	}
	// Somebody takes our mark away: the pool is theirs now.
	a.call(t, http.MethodPatch, "/v1/pools/"+pool.External, map[string]any{"labels": map[string]any{"cloudgate.dev/owner": "somebody"}}, nil)
	s = providertest.NewSession(a.provider, want.Owner)
	err = s.Converge(t.Context(), want)
	if cloud.KindOf(err) != cloud.Invalid || !strings.Contains(err.Error(), "does not belong to this Gateway") {
		t.Errorf("got %v, %v", cloud.KindOf(err), err)
	}
	var now struct{ Labels map[string]string }
	a.call(t, http.MethodGet, "/v1/pools/"+pool.External, nil, &now)
	if now.Labels["cloudgate.dev/owner"] != "somebody" {
		t.Errorf("the foreign pool was changed: %v", now.Labels)
	}
}

// TestDriftIsFoundAndExplained changes things behind the provider's back.
func TestDriftIsFoundAndExplained(t *testing.T) {
	a := openAccount(t, world.Instant)
	want := corpus(t, "one route")
	s := providertest.NewSession(a.provider, want.Owner)
	if err := s.Converge(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	g, err := fake.Compile(want)
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range s.Got {
		switch id.Kind {
		case fake.KindLoadBalancer:
			a.call(t, http.MethodPatch, "/v1/loadbalancers/"+n.External, map[string]any{"labels": map[string]any{"mine": "1"}}, nil)
		case fake.KindRule:
			a.call(t, http.MethodPatch, "/v1/rules/"+n.External, map[string]any{"action": map[string]any{"forward": nil, "respond": map[string]any{"status": 200}}}, nil)
		case fake.KindPool:
			member := map[string]any{"address": "127.9.9.9", "port": 1}
			a.call(t, http.MethodPost, "/v1/pools/"+n.External+"/members", map[string]any{"add": []any{member}}, nil)
		}
	}
	if err := s.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Diff(g, s.Got)
	if err != nil {
		t.Fatal(err)
	}
	var why []string
	for _, step := range p.Steps {
		why = append(why, string(step.ID().Kind)+": "+step.Why)
	}
	want2 := []string{
		`loadbalancer: labels.mine "1" goes`,
		`pool: member 127.9.9.9:1 goes`,
		`pool: member 127.9.9.9:1 goes`,
		`rule: action.forward.backends[0].pool becomes "shop/api/80", action.forward.backends[0].weight becomes 1, ` +
			`action.forward.backends[1].pool becomes "shop/web/80", and 2 more changes; refers to pool/shop/api/80, pool/shop/web/80`,
	}
	if strings.Join(why, "\n") != strings.Join(want2, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(why, "\n"), strings.Join(want2, "\n"))
	}
	if err := s.Converge(t.Context(), want); err != nil {
		t.Fatal(err)
	}
}

// TestStaleUpdateIsAConflict updates what somebody else has changed meanwhile.
func TestStaleUpdateIsAConflict(t *testing.T) {
	a := openAccount(t, world.Instant)
	want := corpus(t, "one route")
	s := providertest.NewSession(a.provider, want.Owner)
	if err := s.Converge(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for id, n := range s.Got {
		if id.Kind != fake.KindLoadBalancer {
			continue
		}
		a.call(t, http.MethodPatch, "/v1/loadbalancers/"+n.External, map[string]any{"labels": map[string]any{"mine": "1"}}, nil)
		changed := *want
		changed.Labels = []ir.Label{{Key: "team", Value: "x"}}
		g, err := fake.Compile(&changed)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Perform(t.Context(), plan.Step{Op: plan.Update, Want: g[id], Got: n})
		if cloud.KindOf(err) != cloud.Conflict {
			t.Errorf("got %v, %v", cloud.KindOf(err), err)
		}
	}
}

func TestAddressesThatCannotBeHad(t *testing.T) {
	a := openAccount(t, world.Instant)
	taken := *corpus(t, "no listener")
	taken.Addresses = []ir.Address{{IP: netip.MustParseAddr("127.81.7.7")}}
	if err := providertest.NewSession(a.provider, taken.Owner).Converge(t.Context(), &taken); err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{"127.81.7.7", "192.0.2.1"} {
		want := *corpus(t, "one route")
		want.Addresses = []ir.Address{{IP: netip.MustParseAddr(ip)}}
		err := providertest.NewSession(a.provider, want.Owner).Converge(t.Context(), &want)
		var refused *cloud.AddressError
		if !errors.As(err, &refused) || refused.Address != ip || cloud.KindOf(err) != cloud.Invalid {
			t.Errorf("%s: got %v, %v", ip, cloud.KindOf(err), err)
		}
	}
}

func TestHealth(t *testing.T) {
	a := openAccount(t, world.Instant)
	want := corpus(t, "one route")
	s := providertest.NewSession(a.provider, want.Owner)
	if err := s.Converge(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	health, err := a.provider.Health(t.Context(), s.Got)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range health {
		got = append(got, h.Pool+" "+h.Address)
		if h.State == "" {
			t.Errorf("%s has no state", h.Address)
		}
	}
	want2 := "shop/api/80 127.96.0.1:8080, shop/api/80 127.96.0.2:8080, shop/web/80 127.96.0.1:8080, shop/web/80 127.96.0.2:8080, shop/web/80 127.96.0.3:8080"
	if strings.Join(got, ", ") != want2 {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}
