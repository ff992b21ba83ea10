package tree

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// mostMatches is how many matches of a rule are listed; the others are counted.
const mostMatches = 4

// rules shows the rules of a route on a server: those of the IR that come from one rule of the route are one.
func (b *builder) rules(r translate.RouteReport, server *ir.Server) []Item {
	byIndex := make(map[int][]ir.Rule)
	var order []int
	for _, rule := range server.Rules {
		s := rule.Source
		if s.Kind != r.Kind || s.Namespace != r.Name.Namespace || s.Name != r.Name.Name {
			continue
		}
		if byIndex[s.Rule] == nil {
			order = append(order, s.Rule)
		}
		byIndex[s.Rule] = append(byIndex[s.Rule], rule)
	}
	slices.Sort(order)
	var items []Item
	for _, index := range order {
		items = append(items, b.rule(index, byIndex[index]))
	}
	return items
}

func (b *builder) rule(index int, rules []ir.Rule) Item {
	item := Item{Kind: "rule", Name: fmt.Sprint(index), State: OK}
	if name := rules[0].Source.Section; name != "" {
		item.Name += " (" + name + ")"
	}
	var matches []string
	for _, r := range rules {
		if m := describeMatch(r.Match); m != "" && !slices.Contains(matches, m) {
			matches = append(matches, m)
		}
	}
	if len(matches) > mostMatches {
		matches = append(matches[:mostMatches-1:mostMatches-1], fmt.Sprintf("and %d more", len(matches)-mostMatches+1))
	}
	item.Summary = strings.Join(matches, ", ")
	switch a := rules[0].Action.(type) {
	case *ir.Forward:
		item.Items = b.backends(a, isHTTP(rules[0].Source.Kind))
	case *ir.Redirect:
		item.Summary += fmt.Sprintf(" → redirect %d", a.Status)
	case *ir.Respond:
		item.Summary += fmt.Sprintf(" → answers %d", a.Status)
		if a.Status >= 500 {
			item.State = Wrong
		}
	}
	item.Summary = strings.TrimSpace(item.Summary)
	item.State = together(item.State, item.Items)
	return item
}

// together is the state of what is served by all of items: what works in part is degraded.
func together(state State, items []Item) State {
	works := false
	for _, child := range items {
		state = worse(state, child.State)
		works = works || child.State == OK || child.State == Degraded
	}
	if state == Wrong && works {
		return Degraded
	}
	return state
}

// describeMatch says what a request has to be; empty for a connection or datagram, which has nothing to match.
func describeMatch(m ir.Match) string {
	host := m.Hostname
	var path string
	switch m.Path.Kind {
	case ir.PathExact:
		path = m.Path.Value
	case ir.PathPrefix:
		path = strings.TrimSuffix(m.Path.Value, "/") + "/…"
	case ir.PathRegex:
		path = " ~" + m.Path.Value
	case ir.PathAny:
	}
	if path != "" && host == "" {
		host = "*"
	}
	parts := []string{m.Method, host + path}
	for _, f := range m.Headers {
		parts = append(parts, "["+describeField(f)+"]")
	}
	for _, f := range m.Query {
		parts = append(parts, "?"+describeField(f))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func describeField(f ir.FieldMatch) string {
	if f.Kind == ir.FieldRegex {
		return f.Name + "~" + f.Value
	}
	return f.Name + "=" + f.Value
}

func isHTTP(kind string) bool { return kind == "HTTPRoute" || kind == "GRPCRoute" }

func (b *builder) backends(f *ir.Forward, http bool) []Item {
	var total uint64
	for _, backend := range f.Backends {
		total += uint64(backend.Weight)
	}
	var items []Item
	for _, backend := range f.Backends {
		share := ""
		if len(f.Backends) > 1 && total > 0 {
			share = fmt.Sprintf("weight %d (%.4g%%)", backend.Weight, 100*float64(backend.Weight)/float64(total))
		}
		if backend.Pool == "" {
			answer := "refuses connections"
			if http {
				answer = fmt.Sprintf("answers %d", backend.Status)
			}
			items = append(items, Item{
				Kind: "backend", Name: "that cannot be used", Summary: strings.TrimPrefix(share+", "+answer, ", "), State: Wrong,
			})
			continue
		}
		pool := b.pool(backend.Pool, share)
		if backend.Weight == 0 {
			pool.State = Unknown // whatever it is, nothing is sent there
		}
		items = append(items, pool)
	}
	return items
}

// pool shows a pool, with its targets where it is met first.
func (b *builder) pool(name, share string) Item {
	p := b.pools[name]
	item := Item{Kind: "pool", Name: name}
	targets, healthy, wrong := b.targets(p)
	words := []string{share}
	switch {
	case len(targets) == 0:
		item.State = Wrong
		words = append(words, "no endpoint")
	case b.in.Health == nil:
		item.State = Unknown
		words = append(words, fmt.Sprintf("targets: %d", len(targets)))
	default:
		words = append(words, fmt.Sprintf("healthy: %d of %d", healthy, len(targets)))
		switch {
		case wrong > 0 && healthy > 0:
			item.State = Degraded
		case wrong > 0:
			item.State = Wrong
		case healthy == 0:
			item.State = Pending
		default:
			item.State = OK
		}
	}
	if b.shown[name] && len(targets) > 0 {
		words = append(words, "see above")
	} else {
		item.Items = targets
	}
	b.shown[name] = true
	item.Summary = strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ", ")
	return item
}

func (b *builder) targets(p ir.Pool) (items []Item, healthy, wrong int) {
	for _, t := range p.Targets {
		address := netip.AddrPortFrom(t.Address, t.Port).String()
		item := Item{Kind: "target", Name: address, State: Unknown}
		h, known := b.health[p.Name][address]
		switch {
		case !known && b.in.Health != nil:
			item.State, item.Summary = Pending, "not in the cloud yet"
		case !known:
			if t.Draining {
				item.Summary = "draining"
			}
		case h.Healthy:
			item.State, item.Summary = OK, h.State
			healthy++
		case h.State == "unhealthy":
			item.State, item.Summary = Wrong, h.State
			wrong++
		default:
			item.State, item.Summary = Pending, h.State
		}
		if h.Reason != "" {
			item.Summary += ": " + h.Reason
		}
		items = append(items, item)
	}
	return items, healthy, wrong
}
