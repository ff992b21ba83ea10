package dev

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/pkg/tree"
)

// summary says in a few words what a listener is and where it answers.
func (l Listener) summary() string {
	words := []string{fmt.Sprintf("%s %d", l.Protocol, l.Port)}
	if l.Hostname != "" {
		words = append(words, l.Hostname)
	}
	if at := l.answers(); at != "" {
		words = append(words, at)
	}
	routes := "routes"
	if l.AttachedRoutes == 1 {
		routes = "route"
	}
	return strings.Join(append(words, fmt.Sprintf("%d %s", l.AttachedRoutes, routes)), " ")
}

// answers says where a listener answers, and why there.
func (l Listener) answers() string {
	if l.Endpoint == "" {
		return ""
	}
	if at, err := netip.ParseAddrPort(l.Endpoint); err == nil && int32(at.Port()) != l.Port {
		return fmt.Sprintf("at %s (port %d cannot be bound here)", l.Endpoint, l.Port)
	}
	return "at " + l.Endpoint
}

// WriteTree draws the Gateways as `cloudgate status` does, down to the health of each target, with where each listener answers, and
// what else is wrong in s.
func (d *Dev) WriteTree(ctx context.Context, w io.Writer, s State, colour bool) error {
	scene, err := inspect.FromCluster(ctx, d.store.Client(), cluster, d.providers)
	if err != nil {
		return err
	}
	trees, err := inspect.Trees(ctx, scene, func(ctx context.Context, snapshot *translate.Snapshot) ([]cloud.TargetHealth, error) {
		health, err := d.providers.Health(ctx, snapshot)
		if err != nil {
			return nil, nil //nolint:nilerr // the tree is worth having without, and a cloud that is down is said in the statuses
		}
		return health, nil
	})
	if err != nil {
		return err
	}
	drawn := map[string]bool{}
	for i := range trees {
		s.locate(&trees[i])
		drawn[trees[i].Name] = true
	}
	var b strings.Builder
	if len(trees) > 0 {
		if err := inspect.WriteTrees(&b, trees, "text", colour); err != nil {
			return err
		}
	}
	for _, problem := range s.outside(drawn) {
		fmt.Fprintf(&b, "✗ %s\n", printable(problem))
	}
	for _, pending := range s.Pending {
		fmt.Fprintf(&b, "… %s\n", printable(pending))
	}
	for _, warning := range s.Warnings {
		fmt.Fprintln(&b, printable(warning))
	}
	if b.Len() == 0 {
		b.WriteString("There is no Gateway yet.\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// locate writes into the tree of a Gateway where its listeners answer.
func (s State) locate(gateway *tree.Item) {
	i := slices.IndexFunc(s.Gateways, func(g Gateway) bool { return g.Namespace+"/"+g.Name == gateway.Name })
	if i < 0 {
		return
	}
	for _, l := range s.Gateways[i].Listeners {
		for n := range gateway.Items {
			item := &gateway.Items[n]
			switch {
			case item.Kind == "ListenerSet" && item.Name == l.Set:
				locateIn(item.Items, l)
			case l.Set == "":
				locateIn(gateway.Items[n:n+1], l)
			}
		}
	}
}

func locateIn(items []tree.Item, l Listener) {
	for i := range items {
		if items[i].Kind == "listener" && items[i].Name == l.Name {
			items[i].Summary = strings.TrimSpace(items[i].Summary + "  " + l.answers())
		}
	}
}

// outside returns the problems that no tree of a Gateway that is drawn can show.
func (s State) outside(drawn map[string]bool) []string {
	problems := s.general()
	for _, g := range s.Gateways {
		for _, p := range g.Problems {
			if !drawn[g.Namespace+"/"+g.Name] {
				problems = append(problems, g.id()+": "+p)
			}
		}
	}
	for _, r := range s.Routes {
		for _, parent := range r.Parents {
			if parent.Lost {
				problems = append(problems, r.id()+" on "+parent.id()+": "+strings.Join(parent.Problems, "; "))
			}
		}
	}
	return problems
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
