package reconciler

import (
	"errors"
	"fmt"
	"slices"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

// refusals are the parts of a load balancer that a cloud cannot have, as failures that only an edit ends.
func refusals(wanted *ir.LoadBalancer, refused []cloud.Refusal) []status.Failure {
	out := make([]status.Failure, 0, len(refused))
	for _, r := range refused {
		for _, source := range concerned(wanted, r.Source) {
			out = append(out, status.Failure{Source: source, Refused: true, Err: &cloud.Error{Kind: r.Kind, Op: "compile", Err: errors.New(r.Text)}})
		}
	}
	return out
}

// differences are what a cloud does otherwise than it should, where it is asked for.
func differences(wanted *ir.LoadBalancer, all []cloud.Difference) []cloud.Difference {
	out := make([]cloud.Difference, 0, len(all))
	for _, d := range all {
		for _, source := range concerned(wanted, d.Source) {
			out = append(out, cloud.Difference{Source: source, Text: d.Text})
		}
	}
	return out
}

// concerned returns where something about source is said: what is about a Service, at the rules that send requests to it, whose statuses
// people look at.
func concerned(wanted *ir.LoadBalancer, source ir.Source) []ir.Source {
	if source.Kind != "Service" {
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

// refuses takes over what the cloud cannot have of what is wanted now, and returns what was not known of that yet.
func (e *entry) refuses(refused []status.Failure) (news []status.Failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range refused {
		if !slices.ContainsFunc(e.refused, func(known status.Failure) bool {
			return known.Source == f.Source && known.Err.Kind == f.Err.Kind && known.Err.Error() == f.Err.Error()
		}) {
			news = append(news, f)
		}
	}
	e.refused = refused
	return news
}

// tellRefused records as events what the cloud cannot have, and could have before or was not asked for.
func (c *Controller) tellRefused(gw *gwv1.Gateway, news []status.Failure) {
	var quota, other []string
	for _, f := range news {
		line := fmt.Sprintf("%s: %v", sourceText(f.Source), f.Err.Err)
		if f.Err.Kind == cloud.Quota {
			quota = append(quota, line)
		} else {
			other = append(other, line)
		}
	}
	if len(quota) > 0 {
		c.warn(gw, "QuotaExceeded", "Compile", joinSome(quota))
	}
	if len(other) > 0 {
		c.warn(gw, "ProviderRefused", "Compile", joinSome(other))
	}
}

// sourceText names what a part of a load balancer comes from.
func sourceText(s ir.Source) string {
	name := fmt.Sprintf("%s %s/%s", s.Kind, s.Namespace, s.Name)
	switch {
	case s.Kind == "Gateway" || s.Kind == "ListenerSet":
		if s.Section != "" {
			name += " listener " + s.Section
		}
		return name
	default:
		return fmt.Sprintf("%s rules[%d]", name, s.Rule)
	}
}
