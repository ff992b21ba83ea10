package fake

import (
	"fmt"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph/explain"
)

// Describe implements graph.Describer.
func (w *LoadBalancer) Describe() string {
	if len(w.Addresses) > 0 {
		return w.Scheme + ", at " + strings.Join(addresses(w.Addresses), " and ")
	}
	return w.Scheme
}

// Describe implements graph.Describer.
func (w *Listener) Describe() string {
	var hosts []string
	for _, s := range w.Servers {
		if s.Hostname != "" {
			hosts = append(hosts, s.Hostname)
		}
	}
	text := fmt.Sprintf("%s on port %d", w.Protocol, w.Port)
	if len(hosts) > 0 {
		text += " for " + explain.Some(hosts)
	}
	return text
}

// Describe implements graph.Describer.
func (w *Rule) Describe() string {
	var matches []string
	for _, m := range w.Matches {
		matches = append(matches, m.describe())
	}
	return explain.Some(matches) + " → " + w.Action.describe()
}

func (m Match) describe() string {
	var parts []string
	if m.Method != "" {
		parts = append(parts, m.Method)
	}
	host := m.Hostname
	if host == "" {
		host = "*"
	}
	if m.Path != nil {
		host += m.Path.describe()
	}
	parts = append(parts, host)
	for _, f := range m.Headers {
		parts = append(parts, "["+f.describe()+"]")
	}
	for _, f := range m.Query {
		parts = append(parts, "?"+f.describe())
	}
	return strings.Join(parts, " ")
}

func (p *Path) describe() string {
	switch p.Type {
	case "Prefix":
		return strings.TrimSuffix(p.Value, "/") + "/…"
	case "Regex":
		return " ~" + p.Value
	default:
		return p.Value
	}
}

func (f Field) describe() string {
	if f.Type == "Regex" {
		return f.Name + "~" + f.Value
	}
	return f.Name + "=" + f.Value
}

func (a Action) describe() string {
	switch {
	case a.Forward != nil:
		var backends []string
		for _, b := range a.Forward.Backends {
			to := b.Pool
			if to == "" {
				to = fmt.Sprintf("status %d", b.Status)
			}
			if len(a.Forward.Backends) > 1 {
				to += fmt.Sprintf(" (%d)", b.Weight)
			}
			backends = append(backends, to)
		}
		return explain.Some(backends)
	case a.Redirect != nil:
		return fmt.Sprintf("redirect %d", a.Redirect.Status)
	case a.Respond != nil:
		return fmt.Sprintf("status %d", a.Respond.Status)
	default:
		return "nothing"
	}
}

// Describe implements graph.Describer.
func (w *Pool) Describe() string {
	members := "members"
	if len(w.Members) == 1 {
		members = "member"
	}
	return fmt.Sprintf("%s, %d %s", w.Protocol, len(w.Members), members)
}

// Describe implements graph.Describer.
func (w *Certificate) Describe() string {
	return fmt.Sprintf("from %s %s/%s", w.source.Kind, w.source.Namespace, w.source.Name)
}
