package aws

import (
	"fmt"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph/explain"
)

// Describe implements graph.Describer.
func (w *SecurityGroup) Describe() string {
	var ports []string
	for _, i := range w.Ingress {
		text := fmt.Sprintf("%s %d from %s", i.Protocol, i.Port, i.CIDR)
		ports = append(ports, text)
	}
	if len(ports) == 0 {
		return "lets nobody in"
	}
	return "lets in " + explain.Some(ports)
}

// Describe implements graph.Describer.
func (w *NodeAccess) Describe() string {
	var ports []string
	for _, p := range w.Ports {
		if p.From == p.To {
			ports = append(ports, fmt.Sprintf("%s %d", p.Protocol, p.From))
		} else {
			ports = append(ports, fmt.Sprintf("%s %d-%d", p.Protocol, p.From, p.To))
		}
	}
	return "lets " + explain.Some(w.Sources) + " in at " + explain.Some(ports)
}

// Describe implements graph.Describer.
func (w *LoadBalancer) Describe() string {
	words := []string{w.Type, w.Scheme}
	if w.IPAddressType != "ipv4" {
		words = append(words, w.IPAddressType)
	}
	return strings.Join(words, ", ")
}

// Describe implements graph.Describer.
func (w *Listener) Describe() string {
	text := fmt.Sprintf("%s on port %d", w.Protocol, w.Port)
	if w.Default.Forward != nil {
		text += " → " + w.Default.describe()
	}
	return text
}

// Describe implements graph.Describer.
func (w *Rule) Describe() string {
	var parts []string
	for _, c := range w.Conditions {
		if w.Theirs && c.Field == FieldHeader {
			parts = append(parts, "["+c.Header+"]")
			continue
		}
		parts = append(parts, c.describe())
	}
	return strings.Join(parts, " ") + " → " + w.Action.describe()
}

func (c Condition) describe() string {
	values := append(append([]string{}, c.Values...), prefixed("~", c.Regex)...)
	for _, q := range c.Query {
		values = append(values, "?"+q.Key+"="+q.Value)
	}
	if c.Field == FieldHeader {
		return "[" + c.Header + "=" + explain.Some(values) + "]"
	}
	return explain.Some(values)
}

func prefixed(prefix string, list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, prefix+s)
	}
	return out
}

func (a Action) describe() string {
	switch {
	case a.Forward != nil:
		var groups []string
		for _, g := range a.Forward.TargetGroups {
			text := g.TargetGroup
			if len(a.Forward.TargetGroups) > 1 {
				text += fmt.Sprintf(" (%d)", g.Weight)
			}
			groups = append(groups, text)
		}
		return explain.Some(groups)
	case a.Redirect != nil:
		r := a.Redirect
		return fmt.Sprintf("redirect to %s://%s:%s%s", r.Protocol, r.Host, r.Port, r.Path)
	case a.Fixed != nil:
		return "answer " + a.Fixed.StatusCode
	}
	return "nothing"
}

// Describe implements graph.Describer.
func (w *TargetGroup) Describe() string {
	text := w.Protocol
	if w.ProtocolVersion != "" && w.ProtocolVersion != versionHTTP1 {
		text += " (" + w.ProtocolVersion + ")"
	}
	if len(w.Targets) == 1 {
		return text + ", 1 target"
	}
	return fmt.Sprintf("%s, %d targets", text, len(w.Targets))
}
