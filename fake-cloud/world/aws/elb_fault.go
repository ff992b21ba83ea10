package aws

import "strings"

func loadBalancerNotFound(arn string) error {
	return faultf("LoadBalancerNotFound", "Load balancer '%s' not found", clip(arn))
}

func targetGroupNotFound(arn string) error {
	return faultf("TargetGroupNotFound", "Target group '%s' not found", clip(arn))
}

func listenerNotFound(arn string) error {
	return faultf("ListenerNotFound", "Listener '%s' not found", clip(arn))
}

func ruleNotFound(arn string) error {
	return faultf("RuleNotFound", "Rule '%s' not found", clip(arn))
}

func trustStoreNotFound(arn string) error {
	return faultf("TrustStoreNotFound", "Trust store '%s' not found", clip(arn))
}

// isARN reports whether arn is one of Elastic Load Balancing and of that kind: "loadbalancer", "listener".
func isARN(arn, kind string) bool {
	parts := strings.SplitN(arn, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "elasticloadbalancing" && strings.HasPrefix(parts[5], kind+"/")
}

// needLoadBalancer returns the load balancer with the ARN. The lock is held.
func (r *Region) needLoadBalancer(arn *string) (*LoadBalancer, error) {
	if arn == nil || *arn == "" {
		return nil, invalidf("A load balancer ARN must be specified")
	}
	if !isARN(*arn, "loadbalancer") {
		return nil, invalidf("'%s' is not a valid load balancer ARN", clip(*arn))
	}
	lb, ok := r.loadBalancers.get(*arn)
	if !ok {
		return nil, loadBalancerNotFound(*arn)
	}
	return lb, nil
}

// needTargetGroup returns the target group with the ARN. The lock is held.
func (r *Region) needTargetGroup(arn *string) (*TargetGroup, error) {
	if arn == nil || *arn == "" {
		return nil, invalidf("A target group ARN must be specified")
	}
	if !isARN(*arn, "targetgroup") {
		return nil, invalidf("'%s' is not a valid target group ARN", clip(*arn))
	}
	g, ok := r.targetGroups.get(*arn)
	if !ok {
		return nil, targetGroupNotFound(*arn)
	}
	return g, nil
}

// needListener returns the listener with the ARN. The lock is held.
func (r *Region) needListener(arn *string) (*Listener, error) {
	if arn == nil || *arn == "" {
		return nil, invalidf("A listener ARN must be specified")
	}
	if !isARN(*arn, "listener") {
		return nil, invalidf("'%s' is not a valid listener ARN", clip(*arn))
	}
	l, ok := r.elbListeners.get(*arn)
	if !ok {
		return nil, listenerNotFound(*arn)
	}
	return l, nil
}

// elbPage is page with the fault of Elastic Load Balancing.
func elbPage[T any](items []T, pos func(T) uint64, marker *string, size *int32, most int) ([]T, *string, error) {
	limit := most
	if size != nil {
		if *size < 1 || int(*size) > most {
			return nil, nil, invalidf("Page size '%d' is not valid: 1 to %d", *size, most)
		}
		limit = int(*size)
	}
	some, next, ok := page(items, pos, marker, limit)
	if !ok {
		return nil, nil, invalidf("'%s' is not a valid marker", clip(*marker))
	}
	return some, next, nil
}

// unseen reports whether a resource was made so lately that reads may not show it yet. The lock is held.
func (r *Region) unseen(m *Meta) bool {
	lag := r.cloud.lag
	return lag > 0 && r.cloud.cfg.Clock.Now().Before(m.Created.Add(lag))
}
