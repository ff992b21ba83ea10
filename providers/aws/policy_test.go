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
	return readPolicyFile(t, "iam-policy.json")
}

func readPolicyFile(t *testing.T, name string) policy {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "charts", "cloudgate", "files", name))
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
	// To put a file with tags takes both rights, and AWS reads the file of a trust store for who makes it.
	called["s3:PutObjectTagging"], called["s3:GetObject"], called["s3:GetObjectVersion"] = true, true, true
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

// TestPolicyMarksNothingOfOthers holds that nobody's load balancer can be given the mark, by which it could then be changed and deleted: tags
// are set while something is made, or on what has the mark. AWS has no such condition for certificates.
func TestPolicyMarksNothingOfOthers(t *testing.T) {
	conditions := map[string]string{"elasticloadbalancing:AddTags": "elasticloadbalancing:CreateAction", "ec2:CreateTags": "ec2:CreateAction"}
	found := make(map[string]int)
	for _, s := range readPolicy(t).Statement {
		for _, action := range s.Action {
			key, tags := conditions[action]
			if !tags {
				continue
			}
			found[action]++
			_, creating := s.Condition["StringEquals"][key]
			if marked := s.Condition["Null"]["aws:ResourceTag/"+tagCluster] == "false"; !creating && !marked {
				t.Errorf("%s allows %s on what is somebody else's", s.Sid, action)
			}
		}
	}
	for action := range conditions {
		if found[action] != 2 {
			t.Errorf("%s: want a statement for what is made and one for what is marked, got %d", action, found[action])
		}
	}
}
