package aws_test

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/providers/aws"
)

// TestEqual compares what is wanted with what is observed: only in what is wanted, and always in that.
func TestEqual(t *testing.T) {
	tags := aws.Marked{Tags: map[string]string{"a": "b"}}
	rule := func(priority int32, weight int32, rank string) *aws.Rule {
		return &aws.Rule{Marked: tags, Rank: rank, Priority: priority, Conditions: []aws.Condition{{Field: aws.FieldPath, Values: []string{"/a"}}},
			Action: aws.Action{Forward: &aws.Forward{TargetGroups: []aws.WeightedTargetGroup{{TargetGroup: "g", Weight: weight}}}}}
	}
	two := func(weight int32) *aws.Rule {
		r := rule(1, 1, "")
		r.Action.Forward.TargetGroups = append(r.Action.Forward.TargetGroups, aws.WeightedTargetGroup{TargetGroup: "h", Weight: weight})
		return r
	}
	listener := func(choices ...aws.CertificateChoice) *aws.Listener {
		return &aws.Listener{Marked: tags, Protocol: "HTTPS", Certificates: choices}
	}
	for _, c := range []struct {
		reason    string
		want, got graph.Spec
		equal     bool
		explained string
	}{
		{"not placed: the number does not matter, nor does the rank", rule(0, 1, "x"), rule(7, 1, ""), true, ""},
		{"placed: it does", rule(8, 1, "x"), rule(7, 1, ""), false, "priority 7 becomes 8"},
		{"the weight of a single group", rule(7, 1, ""), rule(7, 0, ""), true, ""},
		{"the weight of one of two", two(1), two(3), false, "action.forward.targetGroups[1].weight 3 becomes 1"},
		{"attributes that nobody asked for", &aws.LoadBalancer{Marked: tags}, &aws.LoadBalancer{Marked: tags, Attributes: map[string]string{"x": "y"}}, true, ""},
		{"an attribute that is other", &aws.LoadBalancer{Marked: tags, Attributes: map[string]string{"x": "z"}},
			&aws.LoadBalancer{Marked: tags, Attributes: map[string]string{"x": "y"}}, false, `attributes.x "y" becomes "z"`},
		{"subnets that were discovered", &aws.LoadBalancer{Marked: tags, Subnets: aws.Subnets{Tags: map[string]string{"a": ""}}},
			&aws.LoadBalancer{Marked: tags, Subnets: aws.Subnets{IDs: []string{"s-1"}}}, true, ""},
		{"subnets that are named", &aws.LoadBalancer{Marked: tags, Subnets: aws.Subnets{IDs: []string{"s-2"}}},
			&aws.LoadBalancer{Marked: tags, Subnets: aws.Subnets{IDs: []string{"s-1"}}}, false, `subnets.ids[0] "s-1" becomes "s-2"`},
		{"groups that were found for a cluster", &aws.NodeAccess{Marked: tags, Cluster: "c"}, &aws.NodeAccess{Marked: tags, Groups: []string{"sg-1"}}, true, ""},
		{"and where there are none", &aws.NodeAccess{Marked: tags, Cluster: "c"}, &aws.NodeAccess{Marked: tags}, false, `cluster becomes "c"`},
		{"tags", &aws.Certificate{Marked: tags, Chain: "x"}, &aws.Certificate{Marked: aws.Marked{Tags: map[string]string{"c": "d"}}}, false, `tags.a becomes "b", tags.c "d" goes`},
		{"a certificate has its content in its name", &aws.Certificate{Marked: tags, Chain: "x"}, &aws.Certificate{Marked: tags}, true, ""},
		{"one certificate for two hostnames", listener(aws.CertificateChoice{Hostname: "a.example.com"}, aws.CertificateChoice{Hostname: "b.example.com"}),
			listener(aws.CertificateChoice{ARN: "arn", Covers: []string{"*.example.com"}}), true, ""},
		{"one that is for another", listener(aws.CertificateChoice{Hostname: "a.b.example.com"}),
			listener(aws.CertificateChoice{ARN: "arn", Covers: []string{"*.example.com"}}), false, ""},
		{"one too many", listener(aws.CertificateChoice{Node: "n"}), listener(aws.CertificateChoice{Node: "n"}, aws.CertificateChoice{ARN: "arn"}), false, ""},
		{"others in another order", listener(aws.CertificateChoice{Node: "n"}, aws.CertificateChoice{ARN: "x"}, aws.CertificateChoice{ARN: "y"}),
			listener(aws.CertificateChoice{Node: "n", ARN: "z"}, aws.CertificateChoice{ARN: "y"}, aws.CertificateChoice{ARN: "x"}), true, ""},
		{"another default", listener(aws.CertificateChoice{ARN: "x"}, aws.CertificateChoice{ARN: "y"}),
			listener(aws.CertificateChoice{ARN: "y"}, aws.CertificateChoice{ARN: "x"}), false, ""},
		{"targets in another order", &aws.TargetGroup{Targets: []aws.Target{{ID: "a", Port: 1}, {ID: "b", Port: 1}}},
			&aws.TargetGroup{Targets: []aws.Target{{ID: "b", Port: 1}, {ID: "a", Port: 1}}}, true, ""},
		{"a target more, one less", &aws.TargetGroup{Targets: []aws.Target{{ID: "a", Port: 1}}}, &aws.TargetGroup{Targets: []aws.Target{{ID: "b", Port: 1}}}, false,
			"target a:1 comes, target b:1 goes"},
		{"another kind", &aws.TargetGroup{}, &aws.Rule{}, false, ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			if got := c.want.Equal(c.got); got != c.equal {
				t.Errorf("want %v, got %v: %s", c.equal, got, c.want.Explain(c.got))
			}
			if c.explained != "" && c.want.Explain(c.got) != c.explained {
				t.Errorf("want %q, got %q", c.explained, c.want.Explain(c.got))
			}
		})
	}
}
