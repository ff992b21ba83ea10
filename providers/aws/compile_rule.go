package aws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// candidate is a rule of a listener that there may be no room for.
type candidate struct {
	merged
	listener graph.ID
	server   string // as serverKey orders
	keeps    bool   // keeps servers apart: it has its room before all others
	unless   int    // 1 + the place of the candidate in place of which it stands in; 0 where it always is
	refused  string // why there is no room
	dropped  bool   // it is not needed
	groups   []groupShare
}

// turn is when a candidate gets its room: the lower the sooner.
func (r *candidate) turn() int {
	switch {
	case r.keeps && r.unless == 0:
		return 0
	case r.keeps:
		return 1
	default:
		return 2
	}
}

// catchesAll tells whether a rule leaves nothing over of the requests for a hostname.
func (r *candidate) catchesAll(hostname string) bool {
	return slices.Contains(r.hosts, hostname) && len(r.methods) == 0 && len(r.rest) == 0 &&
		slices.ContainsFunc(r.paths, func(p pathValues) bool { return len(p.values) == 0 })
}

// httpRules collects the rules of a listener: those of the most specific server first.
func (c *compiler) httpRules(listener graph.ID, secure bool, servers []ir.Server) {
	for i, s := range servers {
		key, first := serverKey(s.Hostname), len(c.candidates)
		lower := lowering{compiler: c, secure: secure, server: &servers[i]}
		for _, r := range merge(lower.atoms()) {
			c.candidates = append(c.candidates, candidate{merged: r, listener: listener, server: key})
		}
		if slices.ContainsFunc(servers[i+1:], func(o ir.Server) bool { return !hostsDisjoint(s.Hostname, o.Hostname) && len(o.Rules) > 0 }) {
			c.keepApart(first, candidate{
				merged:   merged{atom: atom{source: s.Source, rank: "~", action: notFound()}, hosts: []string{s.Hostname}},
				listener: listener, server: key, keeps: true,
			})
		}
	}
}

// keepApart adds a rule that answers what the rules of a server, those from first on, leave over: it must not fall to a less specific server
// that could have it (listener isolation). Where one of them leaves nothing over the rule stands in only if there is no room for that one.
func (c *compiler) keepApart(first int, rest candidate) {
	for i := first; i < len(c.candidates); i++ {
		if c.candidates[i].catchesAll(rest.hosts[0]) {
			c.candidates[i].keeps, rest.unless = true, i+1
			break
		}
	}
	c.candidates = append(c.candidates, rest)
}

// serverKey orders the rules of a listener by their server, the most specific hostname first, and depends on nothing but the hostname.
func serverKey(hostname string) string {
	switch {
	case hostname == "":
		return "2/"
	case strings.HasPrefix(hostname, "*."):
		return fmt.Sprintf("1%03d%s/", 999-len(hostname), hostname)
	default:
		return "0" + hostname + "/"
	}
}

// rules adds the rules of the Application Load Balancer that there is room for, and refuses the others. The older a route is, the sooner its
// rules have their room, so that a new route never takes that of another.
func (c *compiler) rules() {
	bySeniority := make([]*candidate, len(c.candidates))
	for i := range c.candidates {
		bySeniority[i] = &c.candidates[i]
	}
	slices.SortStableFunc(bySeniority, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.turn(), b.turn()), cmp.Compare(a.since, b.since), cmp.Compare(a.source.Namespace, b.source.Namespace), cmp.Compare(a.source.Name, b.source.Name))
	})
	have, all := 0, len(c.candidates)
	for _, r := range bySeniority {
		if r.unless > 0 && c.candidates[r.unless-1].refused == "" {
			r.dropped = true
			all--
			continue
		}
		if have == mostRules {
			r.refused = fmt.Sprintf("an Application Load Balancer has at most %d rules, and those of the Gateway are %d: the rules of older routes have them; remove some, or use another Gateway",
				mostRules, all)
			continue
		}
		if r.groups, r.refused = c.reserve(&c.application, r.pools); r.refused == "" {
			have++
		}
	}
	for i := range c.candidates {
		switch r := &c.candidates[i]; {
		case r.dropped:
		case r.refused != "":
			c.refuse(r.source, cloud.Quota, r.refused)
		default:
			c.rule(r)
		}
	}
}

// rule adds one rule. It is named by its route and by what it matches. Its action and priority change in place; what it matches never does: a
// change of that makes another rule, and the old one goes after it has come.
func (c *compiler) rule(r *candidate) {
	var refs []graph.ID
	if r.action.Forward != nil {
		refs = c.forwardTo(r.action.Forward, r.groups)
	}
	conditions := r.conditions()
	name := func(end string) graph.ID {
		return graph.ID{Kind: KindRule, Name: nodeName(r.listener.Name, r.source.Kind, r.source.Namespace, r.source.Name, conditionsDigest(conditions)+end)}
	}
	// Rules of a route that match the same are counted in their order. Only the first of them ever decides.
	id := name("")
	for n := 1; ; n++ {
		if _, taken := c.out.Graph[id]; !taken {
			break
		}
		id = name(fmt.Sprintf("+%d", n))
	}
	c.add(graph.Node{ID: id, Within: r.listener, Refs: refs, Spec: &Rule{
		Marked:      c.marks.mark(id.Name, r.source),
		Rank:        r.server + r.rank,
		Conditions:  conditions,
		Action:      r.action,
		HostRewrite: r.hostRewrite,
		URLRewrite:  r.urlRewrite,
	}})
}
