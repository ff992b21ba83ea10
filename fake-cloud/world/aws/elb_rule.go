package aws

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// maxPriority is the highest priority of a rule.
const maxPriority = 50000

// CreateRule implements the action of that name. It is not idempotent: the priority is in use then.
func (r *Region) CreateRule(_ context.Context, in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	out := &elb.CreateRuleOutput{}
	return out, r.write(func(x *tx) error {
		l, err := r.needListener(in.ListenerArn)
		if err != nil {
			return err
		}
		lb, err := r.needLoadBalancer(&l.LoadBalancer)
		if err != nil {
			return err
		}
		if err := checkPriority(in.Priority); err != nil {
			return err
		}
		if len(in.Actions) == 0 || len(in.Conditions) == 0 {
			return invalidf("Conditions and actions must be specified")
		}
		rule := &Rule{Listener: l.Key, Priority: *in.Priority}
		if err := r.setRule(lb, l, rule, in.Conditions, in.Actions, in.Transforms); err != nil {
			return err
		}
		for _, other := range r.rules.of(l.Key) {
			if other.Priority == rule.Priority {
				return priorityInUse(rule.Priority)
			}
		}
		if err := r.roomForRule(lb); err != nil {
			return err
		}
		rule.Meta = x.meta(arnWithin(l.Key, "listener", "listener-rule", x.hex()), tags, 0)
		r.awaken(x, rule.Actions)
		r.rules.put(x, rule)
		out.Rules = []types.Rule{rule.output()}
		return r.roomForActions(lb)
	})
}

func checkPriority(p *int32) error {
	switch {
	case p == nil:
		return invalidf("A priority must be specified")
	case *p < 1 || *p > maxPriority:
		return invalidf("Priority '%d' must be within 1 and %d inclusive", *p, maxPriority)
	}
	return nil
}

func priorityInUse(p int32) error {
	return faultf("PriorityInUse", "Priority '%d' is currently in use", p)
}

// roomForRule refuses one more rule than the quota. The lock is held.
func (r *Region) roomForRule(lb *LoadBalancer) error {
	have := 0
	for _, l := range r.elbListeners.of(lb.Key) {
		have += len(r.rules.of(l.Key))
	}
	if have >= r.quota("rules-per-application-load-balancer") {
		return faultf("TooManyRules", "The maximum number of rules on load balancer '%s' has been reached", lb.Key)
	}
	return nil
}

// setRule writes into rule, which nobody else has yet, what is given. Empty lists change nothing. The lock is held.
func (r *Region) setRule(lb *LoadBalancer, l *Listener, rule *Rule, conditions []types.RuleCondition, actions []types.Action,
	transforms []types.RuleTransform) error {
	if len(conditions) > 0 {
		read, err := r.readConditions(lb, conditions)
		if err != nil {
			return err
		}
		rule.Conditions = read
	}
	if len(actions) > 0 {
		read, err := r.readActions(lb, l, actions, rule.Actions)
		if err != nil {
			return err
		}
		rule.Actions = read
	}
	if len(transforms) > 0 {
		if err := checkTransforms(lb, transforms); err != nil {
			return err
		}
		rule.Transforms = transforms
	}
	return nil
}

// output returns the rule as the API shows it.
func (l *Rule) output() types.Rule {
	return types.Rule{
		RuleArn: aws.String(l.Key), Priority: aws.String(strconv.Itoa(int(l.Priority))), IsDefault: aws.Bool(false),
		Conditions: l.Conditions, Actions: shown(l.Actions), Transforms: nonNil(l.Transforms),
	}
}

// defaultOutput returns the default rule of the listener as the API shows it.
func (l *Listener) defaultOutput() types.Rule {
	return types.Rule{
		RuleArn: aws.String(l.DefaultRule), Priority: aws.String("default"), IsDefault: aws.Bool(true),
		Conditions: []types.RuleCondition{}, Actions: shown(l.Actions), Transforms: []types.RuleTransform{},
	}
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// defaultRule returns the listener whose default rule has the ARN. The lock is held.
func (r *Region) defaultRule(arn string) (*Listener, bool) {
	i := strings.LastIndexByte(arn, '/')
	if i < 0 || !strings.Contains(arn, ":listener-rule/") {
		return nil, false
	}
	l, ok := r.elbListeners.get(strings.Replace(arn[:i], ":listener-rule/", ":listener/", 1))
	if !ok || l.DefaultRule != arn {
		return nil, false
	}
	return l, true
}

// needRule returns the rule with the ARN. done says what cannot be done with a default rule: "modified". The lock is held.
func (r *Region) needRule(arn *string, done string) (*Rule, error) {
	a := aws.ToString(arn)
	switch {
	case a == "":
		return nil, invalidf("A rule ARN must be specified")
	case !isARN(a, "listener-rule"):
		return nil, invalidf("'%s' is not a valid rule ARN", clip(a))
	}
	rule, ok := r.rules.get(a)
	if !ok {
		if _, isDefault := r.defaultRule(a); isDefault {
			return nil, faultf("OperationNotPermitted", "Default rule '%s' cannot be %s", a, done)
		}
		return nil, ruleNotFound(a)
	}
	return rule, nil
}

// DescribeRules implements the action of that name: by priority, the default rule last.
func (r *Region) DescribeRules(_ context.Context, in *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
	switch {
	case in.ListenerArn == nil && len(in.RuleArns) == 0:
		return nil, invalidf("You must specify either listener ARN or rule ARNs")
	case in.ListenerArn != nil && len(in.RuleArns) > 0:
		return nil, invalidf("A listener ARN and rule ARNs cannot be specified at the same time")
	case len(in.RuleArns) > 20:
		return nil, invalidf("Cannot have more than 20 resources described")
	}
	out := &elb.DescribeRulesOutput{Rules: []types.Rule{}}
	return out, r.read(func() error {
		if in.ListenerArn == nil {
			return r.describeRules(in.RuleArns, out)
		}
		l, err := r.needListener(in.ListenerArn)
		if err == nil && r.unseen(&l.Meta) {
			err = listenerNotFound(l.Key)
		}
		if err != nil {
			return err
		}
		rules := slices.DeleteFunc(slices.Clone(r.rules.of(l.Key)), func(rule *Rule) bool { return r.unseen(&rule.Meta) })
		slices.SortFunc(rules, func(a, b *Rule) int { return cmp.Compare(a.Priority, b.Priority) })
		rules = append(rules, nil) // the default one
		position := func(rule *Rule) uint64 {
			if rule == nil {
				return maxPriority + 1
			}
			return uint64(rule.Priority)
		}
		rules, out.NextMarker, err = elbPage(rules, position, in.Marker, in.PageSize, 400)
		for _, rule := range rules {
			if rule == nil {
				out.Rules = append(out.Rules, l.defaultOutput())
			} else {
				out.Rules = append(out.Rules, rule.output())
			}
		}
		return err
	})
}

func (r *Region) describeRules(arns []string, out *elb.DescribeRulesOutput) error {
	for _, arn := range arns {
		if l, ok := r.defaultRule(arn); ok {
			out.Rules = append(out.Rules, l.defaultOutput())
			continue
		}
		rule, err := r.needRule(&arn, "described")
		if err == nil && r.unseen(&rule.Meta) {
			err = ruleNotFound(arn)
		}
		if err != nil {
			return err
		}
		out.Rules = append(out.Rules, rule.output())
	}
	return nil
}

// ModifyRule implements the action of that name. What is not given stays, an empty list too.
func (r *Region) ModifyRule(_ context.Context, in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	if aws.ToBool(in.ResetTransforms) && len(in.Transforms) > 0 {
		return nil, invalidf("Transforms and ResetTransforms cannot be specified at the same time")
	}
	if len(in.Conditions)+len(in.Actions)+len(in.Transforms) == 0 && in.ResetTransforms == nil {
		return nil, invalidf("Either conditions, actions or transforms must be specified")
	}
	out := &elb.ModifyRuleOutput{}
	return out, r.write(func(x *tx) error {
		was, err := r.needRule(in.RuleArn, "modified")
		if err != nil {
			return err
		}
		l, err := r.needListener(&was.Listener)
		if err != nil {
			return err
		}
		lb, err := r.needLoadBalancer(&l.LoadBalancer)
		if err != nil {
			return err
		}
		next := *was
		if err := r.setRule(lb, l, &next, in.Conditions, in.Actions, in.Transforms); err != nil {
			return err
		}
		if aws.ToBool(in.ResetTransforms) {
			next.Transforms = nil
		}
		r.awaken(x, next.Actions)
		r.rules.put(x, &next)
		out.Rules = []types.Rule{next.output()}
		return r.roomForActions(lb)
	})
}

// DeleteRule implements the action of that name.
func (r *Region) DeleteRule(_ context.Context, in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
	return &elb.DeleteRuleOutput{}, r.write(func(x *tx) error {
		rule, err := r.needRule(in.RuleArn, "deleted")
		if err != nil {
			return err
		}
		r.rules.drop(x, rule.Key)
		return nil
	})
}

// SetRulePriorities implements the action of that name: all of them change together, or none does.
func (r *Region) SetRulePriorities(_ context.Context, in *elb.SetRulePrioritiesInput) (*elb.SetRulePrioritiesOutput, error) {
	out := &elb.SetRulePrioritiesOutput{Rules: []types.Rule{}}
	return out, r.write(func(x *tx) error {
		if len(in.RulePriorities) == 0 {
			return invalidf("Rule priorities must be specified")
		}
		type spot struct {
			listener string
			priority int32
		}
		listeners, seen, given := map[string]bool{}, map[string]bool{}, map[spot]bool{}
		for _, p := range in.RulePriorities {
			rule, err := r.needRule(p.RuleArn, "given another priority")
			if err != nil {
				return err
			}
			if err := checkPriority(p.Priority); err != nil {
				return err
			}
			if seen[rule.Key] {
				return invalidf("Rule '%s' is specified more than once", rule.Key)
			}
			if given[spot{rule.Listener, *p.Priority}] {
				return invalidf("Priority '%d' was provided multiple times", *p.Priority)
			}
			seen[rule.Key], listeners[rule.Listener], given[spot{rule.Listener, *p.Priority}] = true, true, true
			next := r.rules.edit(x, rule.Key, func(rule *Rule) { rule.Priority = *p.Priority })
			out.Rules = append(out.Rules, next.output())
		}
		for l := range listeners {
			taken := map[int32]bool{} // also by rules that are not given
			for _, rule := range r.rules.of(l) {
				if taken[rule.Priority] {
					return priorityInUse(rule.Priority)
				}
				taken[rule.Priority] = true
			}
		}
		return nil
	})
}
