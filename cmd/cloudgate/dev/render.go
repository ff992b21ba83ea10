package dev

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// summary says in a few words what a listener is and where it answers.
func (l Listener) summary() string {
	words := []string{fmt.Sprintf("%s %d", l.Protocol, l.Port)}
	if l.Hostname != "" {
		words = append(words, l.Hostname)
	}
	if l.Endpoint != "" {
		words = append(words, "at "+l.Endpoint)
		if at, err := netip.ParseAddrPort(l.Endpoint); err == nil && int32(at.Port()) != l.Port {
			words = append(words, fmt.Sprintf("(port %d cannot be bound here)", l.Port))
		}
	}
	routes := "routes"
	if l.AttachedRoutes == 1 {
		routes = "route"
	}
	return strings.Join(append(words, fmt.Sprintf("%d %s", l.AttachedRoutes, routes)), " ")
}

// node is one line of a tree and what hangs on it.
type node struct {
	text     string
	children []node
}

func (n *node) add(children ...node) { n.children = append(n.children, children...) }

func wrong(problems []string) []node {
	nodes := make([]node, len(problems))
	for i, p := range problems {
		nodes[i] = node{text: "✗ " + p}
	}
	return nodes
}

// WriteTree draws s.
func (s State) WriteTree(w io.Writer) error {
	var roots []node
	for _, g := range s.Gateways {
		roots = append(roots, s.gatewayNode(g))
	}
	for _, r := range s.Routes {
		if !slices.ContainsFunc(s.Gateways, func(g Gateway) bool { return len(r.parentsOf(g)) > 0 }) {
			roots = append(roots, r.node(r.Parents))
		}
	}
	for _, p := range s.Files {
		roots = append(roots, node{text: "✗ " + p})
	}
	for _, w := range s.Warnings {
		roots = append(roots, node{text: w})
	}
	if len(roots) == 0 {
		roots = []node{{text: "No Gateway yet."}}
	}
	var b strings.Builder
	for _, root := range roots {
		fmt.Fprintln(&b, printable(root.text))
		draw(&b, root.children, "")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func draw(b *strings.Builder, nodes []node, indent string) {
	for i, n := range nodes {
		branch, next := "├─ ", "│  "
		if i == len(nodes)-1 {
			branch, next = "└─ ", "   "
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, branch, printable(n.text))
		draw(b, n.children, indent+next)
	}
}

// printable keeps what a file says from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

func (s State) gatewayNode(g Gateway) node {
	state := "not programmed"
	if g.Programmed {
		state = strings.Join(g.Addresses, ", ")
	}
	root := node{text: fmt.Sprintf("%s  (%s)  %s", g.id(), g.Class, state)}
	root.add(wrong(g.Problems)...)
	for _, l := range g.Listeners {
		name := "listener " + l.Name
		if l.Set != "" {
			name += " of ListenerSet " + l.Set
		}
		root.add(node{text: name + "  " + l.summary(), children: wrong(l.Problems)})
	}
	for _, r := range s.Routes {
		if parents := r.parentsOf(g); len(parents) > 0 {
			root.add(r.node(parents))
		}
	}
	return root
}

// parentsOf returns the parents of r that are g or a ListenerSet of g.
func (r Route) parentsOf(g Gateway) []Parent {
	var found []Parent
	for _, p := range r.Parents {
		direct := p.Kind == "Gateway" && p.Namespace == g.Namespace && p.Name == g.Name
		set := p.Kind == "ListenerSet" && slices.ContainsFunc(g.Listeners, func(l Listener) bool { return l.Set == p.Namespace+"/"+p.Name })
		if direct || set {
			found = append(found, p)
		}
	}
	return found
}

func (r Route) node(parents []Parent) node {
	n := node{text: strings.TrimSpace(r.id() + "  " + strings.Join(r.Hostnames, ", "))}
	for _, p := range parents {
		where := ""
		if p.Section != "" {
			where = "on " + p.Section + ": "
		}
		for _, problem := range p.Problems {
			n.add(node{text: "✗ " + where + problem})
		}
	}
	return n
}
