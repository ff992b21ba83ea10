package cluster

import (
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// turns is how often a route is changed to and fro.
const turns = 6

func TestEditsOfARouteUnderLoad(t *testing.T) {
	for _, edit := range traffic.Edits() {
		t.Run(edit.Name, func(t *testing.T) {
			w := start(t)
			w.apply(traffic.Gateway80("web"), edit.Before)
			w.serve("one", "two")
			v := w.visit(w.programmed("web", 1), nil)
			w.serves(v, edit.Asked[0], 200, "one")
			w.serves(v, edit.Asked[1], 200, "two")
			there := edit.Before
			edit.UnderLoad(t, v, turns, func(manifest string) {
				w.apply(manifest)
				for _, was := range w.parse(there) { // a manifest in the place of another: what it does not name goes
					if now := w.parse(manifest)[0]; now.GetName() != was.GetName() {
						w.delete(there)
					}
				}
				there = manifest
			})
		})
	}
}
