package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/dev"
)

// routeOf returns the only parent of a route.
func routeOf(s dev.State, namespace, name string) (dev.Parent, bool) {
	i := slices.IndexFunc(s.Routes, func(r dev.Route) bool { return r.Namespace == namespace && r.Name == name })
	if i < 0 || len(s.Routes[i].Parents) != 1 {
		return dev.Parent{}, false
	}
	return s.Routes[i].Parents[0], true
}

func says(problems []string, reason string) bool {
	return slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, reason) })
}

func TestOneGatewayForSeveralNamespaces(t *testing.T) { tellOneGatewayForSeveralNamespaces(t, onFake) }

func tellOneGatewayForSeveralNamespaces(t *testing.T, on class) {
	var grant string
	w := on.start(t, example("cross-namespace"), func(w *world) {
		for _, namespace := range []string{"store", "lab"} {
			b := w.backend(namespace + "-1")
			w.endpoints(namespace, namespace, "http", "TCP", b.Addr())
		}
		grant = w.read("grant.yaml")
	})
	g := w.programmed("shared", 3) // both on everybody, store on selected, none on platform
	for _, l := range g.Listeners {
		if want := map[string]int32{"everybody": 2, "selected": 1, "platform": 0}[l.Name]; l.AttachedRoutes != want {
			t.Errorf("listener %s has %d routes, want %d", l.Name, l.AttachedRoutes, want)
		}
	}
	v := visit(t, g, nil)
	v.Want("http://store.example.com/", 200, "store-1")
	v.Want("http://lab.example.com/", 200, "lab-1")
	v.Want("http://store.selected.test/", 200, "store-1")
	v.Want("http://lab.selected.test/", 404, "")   // not selected
	v.Want("http://store.platform.test/", 404, "") // not the Gateway's namespace

	// The backend of another namespace answers while its namespace grants it.
	v.Want("http://store.example.com/lab", 200, "lab-1")
	w.remove("grant.yaml")
	w.wait("the route to say RefNotPermitted", func(s dev.State) bool {
		p, ok := routeOf(s, "store", "store")
		return ok && p.Accepted && !p.Resolved && says(p.Problems, "RefNotPermitted")
	})
	w.eventually("the share without a grant to answer 500", func() error { return v.Answers("http://store.example.com/lab", 500, "") })
	v.Want("http://store.example.com/", 200, "store-1")
	w.write("grant.yaml", grant)
	w.eventually("the grant to count again", func() error { return v.Answers("http://store.example.com/lab", 200, "lab-1") })

	// A namespace that gets the label is selected.
	w.edit("gateway.yaml", "name: lab\n", "name: lab\n  labels:\n    shared-gateway: \"true\"\n")
	w.eventually("lab to be selected", func() error { return v.Answers("http://lab.selected.test/", 200, "lab-1") })
	// A listener for the Gateway's own namespace that opens for all lets the others in.
	w.edit("gateway.yaml", "from: Same", "from: All")
	w.eventually("store to be let in", func() error { return v.Answers("http://store.platform.test/", 200, "store-1") })
}
