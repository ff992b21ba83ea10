package aws

import (
	"maps"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// TestPolicyOfAdoption holds that the right to put the mark on somebody else's load balancers is one that a role may go without, and no more than
// that: it is in a policy of its own, for what has no mark yet, and for the tags of a mark alone.
func TestPolicyOfAdoption(t *testing.T) {
	p := readPolicyFile(t, "iam-policy-adoption.json")
	if len(p.Statement) != 1 {
		t.Fatalf("want one statement, got %d", len(p.Statement))
	}
	s := p.Statement[0]
	if diff := cmp.Diff([]string{"elasticloadbalancing:AddTags"}, s.Action); diff != "" || s.Effect != "Allow" {
		t.Errorf("want tags to be put and nothing else, got %s %v", s.Effect, s.Action)
	}
	want := map[string]any{"aws:RequestTag/" + tagCluster: "false", "aws:ResourceTag/" + tagCluster: "true"}
	if diff := cmp.Diff(want, s.Condition["Null"]); diff != "" {
		t.Errorf("the mark is put, and on what has none (-want +got): %s", diff)
	}
	pattern, ok := s.Condition["ForAllValues:StringLike"]["aws:TagKeys"].(string)
	if !ok {
		t.Fatal("the keys of the tags are not bounded")
	}
	for _, key := range slices.Sorted(maps.Keys(markOf(ir.Owner{Cluster: "c", UID: "u", Namespace: "n", Name: "g"}, "name"))) {
		if matches, err := path.Match(pattern, key); err != nil || !matches {
			t.Errorf("the tag %s is not allowed by %s: %v", key, pattern, err)
		}
	}
}
