package reconciler

import (
	"fmt"
	"slices"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/status"
)

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
