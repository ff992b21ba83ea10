package aws

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

func (a *applier) createRule(ctx context.Context, want graph.Node, spec *Rule) (graph.Node, error) {
	const op = "CreateRule"
	if spec.Priority == 0 {
		return graph.Node{}, invalid(op, "it was not placed among the other rules")
	}
	listener, err := a.external(op, want.Within)
	if err != nil {
		return graph.Node{}, err
	}
	actions, err := a.actions(op, spec.Action)
	if err != nil {
		return graph.Node{}, err
	}
	out, err := call(ctx, a.elb.CreateRule, &elb.CreateRuleInput{
		ListenerArn: aws.String(listener), Priority: aws.Int32(spec.Priority), Conditions: wireConditions(spec.Conditions), Actions: actions,
		Transforms: wireTransforms(spec), Tags: elbTags(spec.Tags),
	})
	if hasCode(err, codePriorityInUse) {
		return a.adoptRule(ctx, op, want, spec, listener)
	}
	if err != nil {
		return graph.Node{}, err
	}
	if len(out.Rules) != 1 || aws.ToString(out.Rules[0].RuleArn) == "" {
		return graph.Node{}, badAnswer(op)
	}
	return made(want, aws.ToString(out.Rules[0].RuleArn), spec.made()), nil
}

// made is the spec of a rule that was made so.
func (w *Rule) made() *Rule {
	c := *w
	c.Marked = observedMark(w.Tags)
	c.Rank = ""
	return &c
}

// adoptRule looks at the rule that has our priority.
func (a *applier) adoptRule(ctx context.Context, op string, want graph.Node, spec *Rule, listener string) (graph.Node, error) {
	rules, err := a.rules(ctx, listener)
	if err != nil {
		return graph.Node{}, err
	}
	priority := strconv.Itoa(int(spec.Priority))
	i := slices.IndexFunc(rules, func(r tagged[elbtypes.Rule]) bool { return aws.ToString(r.has.Priority) == priority })
	if i < 0 {
		return graph.Node{}, conflict(op, "priority %s is taken, and no rule has it", priority)
	}
	known := a.known()
	n := ruleNode(known, known.add(KindRule, rules[i].arn, "", rules[i].tags), rules[i])
	return a.adopt(op, fmt.Sprintf("priority %s", priority), want, n)
}

func (a *applier) updateRule(ctx context.Context, want graph.Node, spec *Rule, got graph.Node) (graph.Node, error) {
	const op = "ModifyRule"
	have, err := gotSpec[Rule](op, got)
	if err != nil {
		return graph.Node{}, err
	}
	w, h := spec.content(), have.content()
	in, changes := &elb.ModifyRuleInput{RuleArn: aws.String(got.External)}, false
	if !reflect.DeepEqual(w.Conditions, h.Conditions) {
		in.Conditions, changes = wireConditions(spec.Conditions), true
	}
	if !reflect.DeepEqual(w.Action, h.Action) {
		changes = true
		if in.Actions, err = a.actions(op, spec.Action); err != nil {
			return graph.Node{}, err
		}
	}
	if !reflect.DeepEqual(w.HostRewrite, h.HostRewrite) || !reflect.DeepEqual(w.URLRewrite, h.URLRewrite) {
		changes = true
		if in.Transforms = wireTransforms(spec); len(in.Transforms) == 0 {
			in.ResetTransforms = aws.Bool(true) // an empty list would leave them as they are
		}
	}
	if changes {
		if _, err := call(ctx, a.elb.ModifyRule, in); err != nil {
			return graph.Node{}, err
		}
	}
	if spec.Priority != 0 && spec.Priority != have.Priority {
		pair := elbtypes.RulePriorityPair{RuleArn: aws.String(got.External), Priority: aws.Int32(spec.Priority)}
		in := &elb.SetRulePrioritiesInput{RulePriorities: []elbtypes.RulePriorityPair{pair}}
		if _, err := call(ctx, a.elb.SetRulePriorities, in); err != nil {
			return graph.Node{}, err
		}
	}
	if err := a.retag(ctx, got.External, spec.Tags, have.Tags); err != nil {
		return graph.Node{}, err
	}
	return made(want, got.External, spec.made()), nil
}
