package aws

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// policy is an IAM policy as far as it is looked at.
type policy struct {
	Version   string
	Statement []struct {
		Sid       string
		Effect    string
		Action    []string
		Resource  any
		Condition map[string]map[string]any
	}
}

func readPolicy(t *testing.T) policy {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "charts", "cloudgate", "files", "iam-policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p policy
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPolicyIsWhatIsCalled holds the policy in the chart to the calls that the provider makes. No other leaves it: see
// TestCallOutsideTheListIsNotMade.
func TestPolicyIsWhatIsCalled(t *testing.T) {
	called := make(map[string]bool)
	for op := range operations {
		called[iamPrefix(op.service)+":"+op.name] = true
	}
	// AWS calls this one itself, for the caller, when the account gets its first load balancer.
	called["iam:CreateServiceLinkedRole"] = true
	allowed := make(map[string]bool)
	for _, s := range readPolicy(t).Statement {
		if s.Effect != "Allow" {
			t.Errorf("%s: effect %q", s.Sid, s.Effect)
		}
		for _, action := range s.Action {
			allowed[action] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(called)), slices.Sorted(maps.Keys(allowed))); diff != "" {
		t.Errorf("what is called (-) and what is allowed (+): %s", diff)
	}
}

// TestPolicyIsMinimal holds that what changes something is allowed only where the mark is, with two exceptions: the VPC that a security
// group is made in, and the groups of nodes, which bear the mark of nobody.
func TestPolicyIsMinimal(t *testing.T) {
	exceptions := []string{"Read", "CreateSecurityGroupsInTheVPC", "LetInAtSecurityGroupsOfNodesToo"}
	var without []string
	for _, s := range readPolicy(t).Statement {
		if len(s.Condition) == 0 {
			without = append(without, s.Sid)
		}
	}
	if diff := cmp.Diff(exceptions, without); diff != "" {
		t.Errorf("statements without a condition: %s", diff)
	}
	for _, action := range readPolicy(t).Statement[0].Action {
		found := false
		for op, kind := range operations {
			found = found || (iamPrefix(op.service)+":"+op.name == action && kind == describing)
		}
		if !found {
			t.Errorf("%s is allowed everywhere and is no read", action)
		}
	}
}
