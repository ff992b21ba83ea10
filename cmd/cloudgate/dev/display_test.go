package dev

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
			{Kind: "HTTPRoute", Namespace: "default", Name: "lost", Parents: []Parent{{Kind: "Gateway", Namespace: "default", Name: "other", Problems: []string{"there is no such Gateway"}}}},
			{Kind: "HTTPRoute", Namespace: "default", Name: "app", Hostnames: []string{"app.example.com"},
				Parents: []Parent{{Kind: "Gateway", Namespace: "default", Name: "web", Section: "http", Accepted: true, Resolved: true}}},
		},
		Files: []string{"a.yaml:3: not a manifest \x1b[31m"},
	}
	s.finish()
	return s
}

func TestTree(t *testing.T) {
	const want = `Gateway default/web  (fake)  127.64.0.1
├─ listener http  HTTP 80 at 127.64.0.1:8080 (port 80 cannot be bound here) 1 route
├─ listener https  HTTPS 443 *.example.com 0 routes
│  └─ ✗ ResolvedRefs=False, InvalidCertificateRef: no Secret
└─ HTTPRoute default/app  app.example.com
HTTPRoute default/lost
└─ ✗ there is no such Gateway
✗ a.yaml:3: not a manifest ·[31m
`
	var got strings.Builder
	if err := sample().WriteTree(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
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
	d := NewDisplay(&out, FormatLines)
	s := sample()
	if err := d.Show(s); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := d.Show(s); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 {
		t.Errorf("the same state again printed %q", out.String())
	}
	s = sample() // of its own, to be changed
	s.Gateways[0].Listeners = s.Gateways[0].Listeners[:1]
	s.Gateways[0].Addresses = []string{"127.64.0.2"}
	if err := d.Show(s); err != nil {
		t.Fatal(err)
	}
	const want = "Gateway default/web: programmed at 127.64.0.2\nGateway default/web listener https: gone\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJSONIsOneDocumentALine(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJSON(&out, sample()); err != nil {
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
