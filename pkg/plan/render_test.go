package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/graph/graphtest"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

func examplePlan(t *testing.T) plan.Plan {
	t.Helper()
	p, err := plan.Diff(graphtest.Draw("lb < http=2 > new"), graphtest.Draw("lb < http=1 > old"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWriteText(t *testing.T) {
	var b strings.Builder
	if err := examplePlan(t).WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `+ node/new   it does not exist yet
~ node/http  1 becomes 2; refers to node/new; no longer refers to node/old
- node/old   it is no longer wanted
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := examplePlan(t).WriteText(&b, true); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\x1b[0m"); n != 3 {
		t.Errorf("%d coloured lines of 3", n)
	}
}

func TestWriteYAML(t *testing.T) {
	var b strings.Builder
	if err := examplePlan(t).WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	want := `counts:
  create: 1
  delete: 1
  update: 1
steps:
- id: node/new
  op: create
  want: ""
  why: it does not exist yet
- after:
  - 0
  got: "1"
  id: node/http
  op: update
  want: "2"
  why: 1 becomes 2; refers to node/new; no longer refers to node/old
- after:
  - 1
  got: ""
  id: node/old
  op: delete
  why: it is no longer wanted
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

type secretive struct {
	graphtest.Spec
	Key ir.SecretBytes
}

func TestRenderingTellsNoSecret(t *testing.T) {
	spec := secretive{Spec: "x", Key: ir.SecretBytes("hunter2")}
	p, err := plan.Diff(graph.New(graph.Node{ID: graphtest.ID("crt"), Spec: spec}), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := p.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(raw), b.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
			t.Errorf("the key is told: %s", text)
		}
	}
}

func TestCounts(t *testing.T) {
	if got := examplePlan(t).Counts().String(); got != "1 to create, 1 to update, 1 to delete" {
		t.Error(got)
	}
	if got := (plan.Plan{}).Counts().String(); got != "nothing to do" {
		t.Error(got)
	}
}
