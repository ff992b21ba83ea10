package status

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

const kindService = "Service"

// Refusals are the parts of a load balancer that a cloud cannot have, as failures that only an edit ends.
func Refusals(wanted *ir.LoadBalancer, c cloud.Compiled) []Failure {
	out := make([]Failure, 0, len(c.Refused))
	for _, r := range c.Refused {
		if r.Source.Kind != kindService {
			out = append(out, Failure{Source: r.Source, Refused: true, Err: &cloud.Error{Kind: r.Kind, Op: "compile", Err: errors.New(r.Text)}})
		}
	}
	return out
}

// Differences are what a cloud does otherwise than it should. What is about a Service stands where requests are sent to it; what of one is
// refused is a difference there, as the rules are served.
func Differences(wanted *ir.LoadBalancer, c cloud.Compiled) []cloud.Difference {
	out := make([]cloud.Difference, 0, len(c.Differences))
	for _, d := range c.Differences {
		for _, source := range concerned(wanted, d.Source) {
			out = append(out, cloud.Difference{Source: source, Text: d.Text})
		}
	}
	for _, r := range c.Refused {
		if r.Source.Kind != kindService {
			continue
		}
		for _, source := range concerned(wanted, r.Source) {
			out = append(out, cloud.Difference{Source: source, Text: fmt.Sprintf("of Service %s/%s, %s", r.Source.Namespace, r.Source.Name, r.Text)})
		}
	}
	return out
}

// concerned returns where something about source is said: what is about a Service, at the rules that send requests to it, whose statuses
// people look at.
func concerned(wanted *ir.LoadBalancer, source ir.Source) []ir.Source {
	if source.Kind != kindService {
		return []ir.Source{source}
	}
	pools := make(map[string]bool)
	for _, p := range wanted.Pools {
		if p.Source.Namespace == source.Namespace && p.Source.Name == source.Name && (source.Section == "" || p.Source.Section == source.Section) {
			pools[p.Name] = true
		}
	}
	var out []ir.Source
	for _, l := range wanted.Listeners {
		for _, s := range l.Servers {
			for _, r := range s.Rules {
				if sendsTo(r.Action, pools) && !slices.Contains(out, r.Source) {
					out = append(out, r.Source)
				}
			}
		}
	}
	return out
}

func sendsTo(action ir.Action, pools map[string]bool) bool {
	forward, ok := action.(*ir.Forward)
	return ok && (slices.ContainsFunc(forward.Backends, func(b ir.Backend) bool { return pools[b.Pool] }) ||
		slices.ContainsFunc(forward.Mirrors, func(m ir.Mirror) bool { return pools[m.Pool] }))
}
