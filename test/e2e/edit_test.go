package e2e

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// turns is how often a route is changed to and fro.
const turns = 12

func TestEditsOfARouteUnderLoad(t *testing.T) { tellEditsOfARouteUnderLoad(t, onFake) }

func tellEditsOfARouteUnderLoad(t *testing.T, on class) {
	for _, edit := range traffic.Edits() {
		t.Run(edit.Name, func(t *testing.T) {
			on.together(t)
			w := on.start(t, func(w *world) {
				w.write("gateway.yaml", traffic.Gateway80("web"))
				w.write("route.yaml", edit.Before)
				for _, name := range []string{"one", "two"} {
					w.write(name+".yaml", service(name))
					w.serve(name, name+"-1")
				}
			})
			edit.UnderLoad(t, visit(t, w.programmed("web", 1), nil), turns, func(manifest string) { w.write("route.yaml", manifest) })
		})
	}
}
