package tree_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/translate/translatetest"
	"github.com/cloudgate-dev/cloudgate/pkg/tree"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the difference before you commit it")

// input tells a story up to where a tree is drawn.
func input(t *testing.T, name string) tree.Input {
	t.Helper()
	story, err := translatetest.Load(filepath.Join("..", "translate", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	want, report := translate.Translate(story.Snapshot)
	now := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	o := status.Outcome{Applied: story.Outcome.Applied, Pending: story.Outcome.Pending, Addresses: story.Outcome.Addresses}
	return tree.Input{Snapshot: story.Snapshot, Want: want, Report: report, Statuses: status.Of(story.Snapshot, report, o, now)}
}

// TestTrees draws stories. The first target of each pool is healthy, the second is not, the third is new.
func TestTrees(t *testing.T) {
	for _, name := range []string{"canary", "backends-invalid", "conflicts", "listener-sets", "filters", "tcp", "protocols", "pending"} {
		t.Run(name, func(t *testing.T) {
			in := input(t, name)
			in.Health = []cloud.TargetHealth{}
			for _, p := range in.Want.Pools {
				for i, target := range p.Targets {
					h := cloud.TargetHealth{Pool: p.Name, Address: address(target), Healthy: i == 0, State: "healthy"}
					switch {
					case i == 1:
						h.State, h.Reason = "unhealthy", "connection refused"
					case i > 1:
						continue
					}
					in.Health = append(in.Health, h)
				}
			}
			var b strings.Builder
			if err := tree.Build(in).WriteText(&b, false); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".txt"), b.String())
		})
	}
}

func address(t ir.Target) string { return netip.AddrPortFrom(t.Address, t.Port).String() }

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what comes out (-want +got):\n%s", path, diff)
	}
}

func TestTreeWithoutHealthOrStatuses(t *testing.T) {
	in := input(t, "canary")
	in.Statuses = status.Result{}
	root := tree.Build(in)
	if root.State != tree.Unknown || root.Items[0].State != tree.Unknown {
		t.Errorf("what nobody said is %s, %s", root.State, root.Items[0].State)
	}
	pool := root.Items[0].Items[0].Items[0].Items[0]
	if pool.Kind != "pool" || pool.State != tree.Unknown || len(pool.Items) != 2 || pool.Items[0].State != tree.Unknown {
		t.Errorf("a pool whose health nobody knows: %+v", pool)
	}
}

// A Gateway of which one listener serves and others are refused works in part, but not where it is itself refused or has failed.
func TestGatewayThatServesInPart(t *testing.T) {
	for _, tc := range []struct {
		condition string // of the Gateway, that is false
		want      tree.State
	}{
		{"", tree.Degraded},
		{"ResolvedRefs", tree.Degraded},
		{"Accepted", tree.Wrong},
		{"Programmed", tree.Wrong},
	} {
		in := input(t, "protocols")
		conditions := in.Statuses.Gateway.Conditions
		for i := range conditions {
			conditions[i].Status, conditions[i].Reason, conditions[i].Message = metav1.ConditionTrue, "True", ""
			if conditions[i].Type == tc.condition {
				conditions[i].Status, conditions[i].Reason = metav1.ConditionFalse, "Invalid"
			}
		}
		root := tree.Build(in)
		if root.State != tc.want || !root.Wrong() {
			t.Errorf("with %q false the Gateway is %s, want %s", tc.condition, root.State, tc.want)
		}
	}
}

func TestProblems(t *testing.T) {
	in := input(t, "backends-invalid")
	var objects []string
	for _, p := range tree.Problems(in.Snapshot, in.Report, in.Statuses) {
		objects = append(objects, p.Object)
	}
	want := []string{
		"HTTPRoute shop/all-missing", "HTTPRoute shop/external", "HTTPRoute shop/kind", "HTTPRoute shop/missing", "HTTPRoute shop/port", "HTTPRoute shop/udp",
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Error(diff)
	}
	in = input(t, "pending")
	if problems := tree.Problems(in.Snapshot, in.Report, in.Statuses); len(problems) > 0 {
		t.Errorf("what the cloud has not done yet is no problem of the manifests: %v", problems)
	}
}

func TestTextCannotSteerTheTerminal(t *testing.T) {
	item := tree.Item{Kind: "Gateway", Name: "a\x1b[2Jb\r\n", Summary: "c\u202ed", State: tree.OK, Problems: []string{"e\x07"}}
	var b strings.Builder
	if err := item.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	if want := "✓ Gateway a·[2Jb··  c·d\n└─ ! e·\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
