package permissions

import (
	"slices"
	"strings"
)

// Verdict is what a comparison found. Each line is a sentence part for a reader; empty is as it should be.
type Verdict struct {
	Denied    []string  // requests that RBAC did not allow
	Refused   []Request // requests that something else refused
	Unused    []string  // grants that no request needed
	TooWide   []string  // grants in the whole cluster that were needed in the account's own namespace alone
	Unknown   []string  // requests that a role allowed which is not among the grants
	Requests  int
	Exercised int // grants that were needed
}

// Clean tells whether nothing is wrong.
func (v Verdict) Clean() bool {
	return len(v.Denied)+len(v.Refused)+len(v.Unused)+len(v.TooWide)+len(v.Unknown) == 0
}

// Comparison goes through requests and remembers what they needed.
type Comparison struct {
	namespace string
	grants    []Grant
	byKey     map[key][]int
	needed    []bool
	outside   []bool // needed for another namespace, or for the whole cluster
	denied    map[string]bool
	refused   []Request
	unknown   map[string]bool
	requests  int
}

type key struct {
	Action
	Role Role
}

// Compare begins a comparison with what is granted to accounts of a namespace.
func Compare(grants []Grant, namespace string) *Comparison {
	c := &Comparison{
		namespace: namespace, grants: grants, byKey: map[key][]int{}, needed: make([]bool, len(grants)), outside: make([]bool, len(grants)),
		denied: map[string]bool{}, unknown: map[string]bool{},
	}
	for i, g := range grants {
		k := key{g.Action, g.Role}
		c.byKey[k] = append(c.byKey[k], i)
	}
	return c
}

// Add takes a request into account.
func (c *Comparison) Add(r Request) {
	c.requests++
	if r.Forbidden {
		c.denied[r.String()] = true
		return
	}
	if r.Refused() {
		c.refused = append(c.refused, r)
	}
	if r.Role == (Role{}) {
		return // what every account may do: ask what there is
	}
	found := false
	for _, i := range c.byKey[key{r.Action, r.Role}] {
		if g := c.grants[i]; g.Name != "" && g.Name != r.Name {
			continue
		}
		found = true
		c.needed[i] = true
		c.outside[i] = c.outside[i] || r.Namespace != c.namespace
	}
	if !found {
		c.unknown[r.String()+" ("+r.Role.String()+")"] = true
	}
}

// Verdict says what was found so far.
func (c *Comparison) Verdict() Verdict {
	v := Verdict{Denied: sorted(c.denied), Refused: c.refused, Unknown: sorted(c.unknown), Requests: c.requests}
	for i, g := range c.grants {
		switch {
		case !c.needed[i]:
			v.Unused = append(v.Unused, g.String())
			continue
		case g.Cluster && !c.outside[i] && !strings.HasPrefix(g.Resource, "/"):
			v.TooWide = append(v.TooWide, g.String())
		}
		v.Exercised++
	}
	return v
}

func sorted(set map[string]bool) []string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}
