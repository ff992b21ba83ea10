package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// keeper says what looks after a load balancer, by its tags; empty where nothing is known to. It names no cluster and no object of others: who
// asks may be a tenant whom those do not concern.
func keeper(tags map[string]string) string {
	if owner := ownerOf(tags); owner.Cluster != "" || owner.UID != "" {
		return "bears a mark of Cloudgate already (tag " + tagCluster + ")"
	}
	for _, key := range sortedKeys(tags) {
		switch {
		case key == "elbv2.k8s.aws/cluster":
			return "belongs to the AWS Load Balancer Controller (tag " + key + ")"
		case strings.HasPrefix(key, "ingress.k8s.aws/"), strings.HasPrefix(key, "service.k8s.aws/"), strings.HasPrefix(key, "gateway.k8s.aws"):
			group, _, _ := strings.Cut(key, "/")
			return "belongs to the AWS Load Balancer Controller (a tag of " + group + ")"
		case strings.HasPrefix(key, "kubernetes.io/cluster/"):
			return "belongs to a Kubernetes cluster (a tag of kubernetes.io/cluster)"
		case key == "eks:eks-cluster-name":
			return "belongs to an EKS cluster (tag " + key + ")"
		}
	}
	return ""
}

// notes are what the steps of an adoption do not tell: what stays, and what follows. nodes begin with the load balancer.
func (f *adoptee) notes(nodes []graph.Node) []string {
	name := f.name()
	out := []string{fmt.Sprintf("load balancer %s is deleted with the Gateway, as one that Cloudgate made", name)}
	spec, ok := nodes[0].Spec.(*LoadBalancer)
	if !ok {
		return out
	}
	if spec.Attributes["deletion_protection.enabled"] == "true" && f.half.want.Attributes["deletion_protection.enabled"] != "false" {
		out = append(out, fmt.Sprintf("deletion protection of load balancer %s stays on: while it is, the Gateway cannot be deleted", name))
	}
	if stack := f.tags["aws:cloudformation:stack-name"]; stack != "" {
		out = append(out, fmt.Sprintf("load balancer %s is in the CloudFormation stack %s, which would change it back at its next update", name, stack))
	}
	for _, id := range spec.SecurityGroups {
		if !slices.Contains(f.half.want.SecurityGroups, id) {
			out = append(out, fmt.Sprintf("security group %s stays, and load balancer %s leaves it: targets that let that group in do not let in the new one by it", id, name))
		}
	}
	if most := f.mostAtOnce(nodes); most > mostRules {
		out = append(out, fmt.Sprintf("with its old rules and its new ones load balancer %s would have %d, and AWS allows %d: some old ones go before new ones come, and requests of those are answered with 404 meanwhile",
			name, most, mostRules))
	}
	for _, n := range nodes {
		out = append(out, stays(n)...)
	}
	return out
}

// mostAtOnce counts the rules that there would be if all new ones came before the first old one goes.
func (f *adoptee) mostAtOnce(nodes []graph.Node) int {
	count := 0
	for _, n := range nodes {
		if n.ID.Kind == KindRule {
			count++
		}
	}
	there := graph.New(nodes...)
	for id, n := range f.want {
		_, old := there[id]
		if listener := f.want[n.Within]; id.Kind == KindRule && listener.Within == f.id && !old {
			count++
		}
	}
	return count
}

// stays lists what a foreign listener or rule refers to.
func stays(n graph.Node) []string {
	var out []string
	group := func(a Action) {
		if a.Forward == nil {
			return
		}
		for _, g := range a.Forward.TargetGroups {
			if isForeign(g.TargetGroup) {
				out = append(out, fmt.Sprintf("target group %s stays, with its targets", groupName(g.TargetGroup)))
			}
		}
	}
	switch spec := n.Spec.(type) {
	case *Rule:
		group(spec.Action)
	case *Listener:
		group(spec.Default)
		for _, c := range spec.Certificates {
			if c.ARN != "" {
				out = append(out, fmt.Sprintf("certificate %s stays", c.ARN))
			}
		}
	}
	return out
}

// groupName reads the name of a target group from its ARN: arn:...:targetgroup/NAME/ID.
func groupName(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 3 {
		return parts[1]
	}
	return arn
}

// Trails implements graph.Trailing: what a listener answers where no rule matches is changed when the rules are there that answer instead. It
// matters where the listener was somebody else's, and forwarded.
func (w *Listener) Trails(got graph.Spec) bool {
	g, ok := got.(*Listener)
	return ok && w.Protocol != protocolTLS && w.Default.Forward == nil && g.Default.Forward != nil
}

// Trails implements graph.Trailing: a load balancer leaves its security groups when what lets the new ones in at the targets is there.
func (w *LoadBalancer) Trails(got graph.Spec) bool {
	g, ok := got.(*LoadBalancer)
	return ok && !slices.Equal(w.content().SecurityGroups, g.content().SecurityGroups)
}
