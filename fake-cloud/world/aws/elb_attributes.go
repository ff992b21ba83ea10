package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// attributeList returns attributes with their values, in the order of the list.
func attributeList[T any](attributes []attribute, values map[string]string, of func(key, value *string) T) []T {
	list := make([]T, 0, len(attributes))
	for _, a := range attributes {
		list = append(list, of(aws.String(a.key), aws.String(values[a.key])))
	}
	return list
}

func loadBalancerAttribute(key, value *string) types.LoadBalancerAttribute {
	return types.LoadBalancerAttribute{Key: key, Value: value}
}

func targetGroupAttribute(key, value *string) types.TargetGroupAttribute {
	return types.TargetGroupAttribute{Key: key, Value: value}
}

func listenerAttribute(key, value *string) types.ListenerAttribute {
	return types.ListenerAttribute{Key: key, Value: value}
}

// DescribeLoadBalancerAttributes implements the action of that name.
func (r *Region) DescribeLoadBalancerAttributes(_ context.Context, in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	out := &elb.DescribeLoadBalancerAttributesOutput{}
	return out, r.read(func() error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		out.Attributes = attributeList(loadBalancerAttributes(lb.Type, lb.Scheme), lb.Attributes, loadBalancerAttribute)
		return nil
	})
}

// ModifyLoadBalancerAttributes implements the action of that name: all of them change, or none.
func (r *Region) ModifyLoadBalancerAttributes(_ context.Context, in *elb.ModifyLoadBalancerAttributesInput) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	out := &elb.ModifyLoadBalancerAttributesOutput{}
	return out, r.write(func(x *tx) error {
		lb, err := r.needLoadBalancer(in.LoadBalancerArn)
		if err != nil {
			return err
		}
		if len(in.Attributes) == 0 {
			return invalidf("Load balancer attributes must be specified")
		}
		var changes [][2]string
		for _, a := range in.Attributes {
			changes = append(changes, [2]string{aws.ToString(a.Key), aws.ToString(a.Value)})
		}
		all := loadBalancerAttributes(lb.Type, lb.Scheme)
		next, err := merged("Load balancer", all, lb.Attributes, changes)
		if err != nil {
			return err
		}
		for _, logs := range []string{"access_logs", "connection_logs", "health_check_logs"} {
			if next[logs+".s3.enabled"] == "true" && next[logs+".s3.bucket"] == "" {
				return faultf("InvalidConfigurationRequest", "The value of '%s.s3.bucket' cannot be empty when '%s.s3.enabled' is 'true'", logs, logs)
			}
		}
		r.loadBalancers.edit(x, lb.Key, func(lb *LoadBalancer) { lb.Attributes = next })
		out.Attributes = attributeList(all, next, loadBalancerAttribute)
		return nil
	})
}

// DescribeTargetGroupAttributes implements the action of that name.
func (r *Region) DescribeTargetGroupAttributes(_ context.Context, in *elb.DescribeTargetGroupAttributesInput) (*elb.DescribeTargetGroupAttributesOutput, error) {
	out := &elb.DescribeTargetGroupAttributesOutput{}
	return out, r.read(func() error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		out.Attributes = attributeList(targetGroupAttributes(&g.Spec), g.Attributes, targetGroupAttribute)
		return nil
	})
}

// ModifyTargetGroupAttributes implements the action of that name: all of them change, or none.
func (r *Region) ModifyTargetGroupAttributes(_ context.Context, in *elb.ModifyTargetGroupAttributesInput) (*elb.ModifyTargetGroupAttributesOutput, error) {
	out := &elb.ModifyTargetGroupAttributesOutput{}
	return out, r.write(func(x *tx) error {
		g, err := r.needTargetGroup(in.TargetGroupArn)
		if err != nil {
			return err
		}
		if len(in.Attributes) == 0 {
			return invalidf("Target group attributes must be specified")
		}
		var changes [][2]string
		for _, a := range in.Attributes {
			changes = append(changes, [2]string{aws.ToString(a.Key), aws.ToString(a.Value)})
		}
		all := targetGroupAttributes(&g.Spec)
		next, err := merged("Target group", all, g.Attributes, changes)
		if err != nil {
			return err
		}
		if err := together(next); err != nil {
			return err
		}
		r.targetGroups.edit(x, g.Key, func(g *TargetGroup) { g.Attributes = next })
		out.Attributes = attributeList(all, next, targetGroupAttribute)
		return nil
	})
}

// together refuses values of target group attributes that are valid alone and not with each other.
func together(a map[string]string) error {
	const algorithm = "load_balancing.algorithm.type"
	switch {
	case a["stickiness.enabled"] == "true" && a["stickiness.type"] == "app_cookie" && a["stickiness.app_cookie.cookie_name"] == "":
		return faultf("InvalidConfigurationRequest", "You must specify 'stickiness.app_cookie.cookie_name' for stickiness of type 'app_cookie'")
	case a[algorithm] != "" && a[algorithm] != "round_robin" && a["slow_start.duration_seconds"] != "0":
		return faultf("InvalidConfigurationRequest", "Slow start cannot be enabled with '%s' = '%s'", algorithm, a[algorithm])
	case a["load_balancing.algorithm.anomaly_mitigation"] == "on" && a[algorithm] != "weighted_random":
		return faultf("InvalidConfigurationRequest", "Anomaly mitigation needs '%s' = 'weighted_random'", algorithm)
	case a["target_health_state.unhealthy.connection_termination.enabled"] == "true" && a["target_health_state.unhealthy.draining_interval_seconds"] != "0":
		return faultf("InvalidConfigurationRequest",
			"'target_health_state.unhealthy.draining_interval_seconds' needs 'target_health_state.unhealthy.connection_termination.enabled' = 'false'")
	}
	return nil
}

// DescribeListenerAttributes implements the action of that name.
func (r *Region) DescribeListenerAttributes(_ context.Context, in *elb.DescribeListenerAttributesInput) (*elb.DescribeListenerAttributesOutput, error) {
	out := &elb.DescribeListenerAttributesOutput{}
	return out, r.read(func() error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		out.Attributes = attributeList(listenerAttributes(l.Protocol), l.Attributes, listenerAttribute)
		return nil
	})
}

// ModifyListenerAttributes implements the action of that name: all of them change, or none.
func (r *Region) ModifyListenerAttributes(_ context.Context, in *elb.ModifyListenerAttributesInput) (*elb.ModifyListenerAttributesOutput, error) {
	out := &elb.ModifyListenerAttributesOutput{}
	return out, r.write(func(x *tx) error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		if len(in.Attributes) == 0 {
			return invalidf("Listener attributes must be specified")
		}
		var changes [][2]string
		for _, a := range in.Attributes {
			changes = append(changes, [2]string{aws.ToString(a.Key), aws.ToString(a.Value)})
		}
		all := listenerAttributes(l.Protocol)
		next, err := merged("Listener", all, l.Attributes, changes)
		if err != nil {
			return err
		}
		r.elbListeners.edit(x, l.Key, func(l *Listener) { l.Attributes = next })
		out.Attributes = attributeList(all, next, listenerAttribute)
		return nil
	})
}
