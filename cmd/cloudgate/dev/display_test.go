package dev

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/tree"
)

func sample() State {
	s := State{
		Settled: true,
		Gateways: []Gateway{{
			Namespace: "default", Name: "web", Class: "fake", Programmed: true, Addresses: []string{"127.64.0.1"},
			Listeners: []Listener{
				{Name: "http", Port: 80, Protocol: "HTTP", Endpoint: "127.64.0.1:8080", AttachedRoutes: 1, Programmed: true},
				{Name: "https", Port: 443, Protocol: "HTTPS", Hostname: "*.example.com", Problems: []string{"ResolvedRefs=False, InvalidCertificateRef: no Secret"}},
			},
		}},
		Routes: []Route{
			{Kind: "HTTPRoute", Namespace: "default", Name: "lost", Parents: []Parent{{Kind: "Gateway", Namespace: "default", Name: "other", Lost: true, Problems: []string{"there is no such Gateway"}}}},
			{Kind: "HTTPRoute", Namespace: "default", Name: "app", Hostnames: []string{"app.example.com"},
				Parents: []Parent{{Kind: "Gateway", Namespace: "default", Name: "web", Section: "http", Accepted: true, Resolved: true}}},
		},
		Files: []string{"a.yaml:3: not a manifest \x1b[31m"},
	}
	s.finish()
	return s
}

func TestWhatNoTreeShows(t *testing.T) {
	want := []string{"a.yaml:3: not a manifest \x1b[31m", "HTTPRoute default/lost on Gateway default/other: there is no such Gateway"}
	if diff := cmp.Diff(want, sample().outside(map[string]bool{"default/web": true})); diff != "" {
		t.Error(diff)
	}
}

func TestListenersSayWhereTheyAnswer(t *testing.T) {
	item := tree.Item{Kind: "Gateway", Name: "default/web", Items: []tree.Item{
		{Kind: "listener", Name: "http", Summary: "HTTP on port 80"}, {Kind: "listener", Name: "https", Summary: "HTTPS on port 443"},
	}}
	sample().locate(&item)
	got := []string{item.Items[0].Summary, item.Items[1].Summary}
	want := []string{"HTTP on port 80  at 127.64.0.1:8080 (port 80 cannot be bound here)", "HTTPS on port 443"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConvergedMeansNothingIsWrong(t *testing.T) {
	s := sample()
	if s.Converged || len(s.Problems) != 3 {
		t.Errorf("converged = %v with problems %q", s.Converged, s.Problems)
	}
	s.Files, s.Gateways[0].Listeners[1].Problems, s.Routes = nil, nil, nil
	s.finish()
	if !s.Converged {
		t.Errorf("not converged: %q", s.Problems)
	}
	s.Settled = false
	s.finish()
	if s.Converged {
		t.Error("converged before it settled")
	}
}

func TestLinesShowWhatChanged(t *testing.T) {
	var out bytes.Buffer
	show := ShowChanges(&out)
	s := sample()
	if err := show(t.Context(), nil, s); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := show(t.Context(), nil, s); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 {
		t.Errorf("the same state again printed %q", out.String())
	}
	s = sample() // of its own, to be changed
	s.Gateways[0].Listeners = s.Gateways[0].Listeners[:1]
	s.Gateways[0].Addresses = []string{"127.64.0.2"}
	if err := show(t.Context(), nil, s); err != nil {
		t.Fatal(err)
	}
	const want = "Gateway default/web: programmed at 127.64.0.2\nGateway default/web listener https: gone\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestLinesForWhatPasses(t *testing.T) {
	var out bytes.Buffer
	show := ShowChanges(&out)
	waiting := State{Pending: []string{"Gateway default/a: busy", "Gateway default/b: busy"}, CloudProblem: "no space left"}
	for _, s := range []State{waiting, waiting, {}} {
		s.finish()
		if err := show(t.Context(), nil, s); err != nil {
			t.Fatal(err)
		}
	}
	// What was waited for is over without a word, and each is said once.
	const want = "fake cloud: no space left\nwaiting: Gateway default/a: busy\nwaiting: Gateway default/b: busy\nfake cloud: no space left: gone\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestLinesSayWhereTheCloudsAnswer(t *testing.T) {
	var out bytes.Buffer
	s := State{Cloud: "http://127.0.0.1:7070", AWS: "http://127.0.0.1:4566"}
	if err := ShowChanges(&out)(t.Context(), nil, s); err != nil {
		t.Fatal(err)
	}
	const want = "fake cloud: http://127.0.0.1:7070\nfake AWS: http://127.0.0.1:4566\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestACloudThatCannotKeepItsStateIsAProblem(t *testing.T) {
	s := State{Settled: true, CloudProblem: "no space left"}
	s.finish()
	want := []string{"fake cloud: no space left"}
	if s.Converged || !cmp.Equal(want, s.Problems) || !cmp.Equal(want, s.outside(nil)) {
		t.Errorf("converged = %v, problems %q, drawn %q; want %q", s.Converged, s.Problems, s.outside(nil), want)
	}
}

func TestJSONIsOneDocumentALine(t *testing.T) {
	var out bytes.Buffer
	if err := ShowJSON(&out)(t.Context(), nil, sample()); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1 {
		t.Errorf("%d lines, want 1", lines)
	}
	var got State
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Error(diff)
	}
}
