package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// turns is how often a route is changed to and fro.
const turns = 12

const (
	oneAndTwo = `  - matches: [{path: {type: PathPrefix, value: /one}}]
    backendRefs: [{name: one, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /two}}]
    backendRefs: [{name: two, port: 80}]
`
	newInFront = `  - matches: [{path: {type: PathPrefix, value: /new}}]
    backendRefs: [{name: two, port: 80}]
` + oneAndTwo
)

// What a route says before and after an edit is answered while the edit is carried out: by what it said before, or by what it says after.
func TestEditsOfARouteUnderLoad(t *testing.T) {
	swapped := strings.NewReplacer("/one", "/two", "/two", "/one").Replace(oneAndTwo)
	tests := []struct {
		name          string
		before, after string
		asked         []string // URLs that both answer
		tell          string   // a URL that tells which of the two is in force
		told          string   // the backend that answers it after, empty for none before and any after
	}{
		{
			name:   "a rule comes in front and goes",
			before: httpRoute("app", "{name: web}", "a.example.com", oneAndTwo),
			after:  httpRoute("app", "{name: web}", "a.example.com", newInFront),
			asked:  []string{"http://a.example.com/one", "http://a.example.com/two"},
			tell:   "http://a.example.com/new",
		},
		{
			name:   "two rules swap what they match",
			before: httpRoute("app", "{name: web}", "a.example.com", oneAndTwo),
			after:  httpRoute("app", "{name: web}", "a.example.com", swapped),
			asked:  []string{"http://a.example.com/one", "http://a.example.com/two"},
			tell:   "http://a.example.com/one", told: "two-1",
		},
		{
			name:   "a hostname becomes a wildcard that covers it",
			before: httpRoute("app", "{name: web}", "a.example.com", oneAndTwo),
			after:  httpRoute("app", "{name: web}", `"*.example.com"`, oneAndTwo),
			asked:  []string{"http://a.example.com/one", "http://a.example.com/two"},
			tell:   "http://b.example.com/one",
		},
		{
			name:   "a route gets another name",
			before: httpRoute("app", "{name: web}", "a.example.com", oneAndTwo),
			after:  httpRoute("renamed", "{name: web}", "a.example.com", newInFront),
			asked:  []string{"http://a.example.com/one", "http://a.example.com/two"},
			tell:   "http://a.example.com/new",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, func(w *world) {
				w.write("gateway.yaml", gatewayOf80("web"))
				w.write("route.yaml", test.before)
				for _, name := range []string{"one", "two"} {
					w.write(name+".yaml", service(name))
					w.serve(name, name+"-1")
				}
			})
			v := visit(t, w.programmed("web", 1), nil)
			var loads []*load
			for _, url := range test.asked {
				loads = append(loads, v.ask(url, 2, 0))
			}
			for turn := range turns {
				after := turn%2 == 0
				if after {
					w.write("route.yaml", test.after)
				} else {
					w.write("route.yaml", test.before)
				}
				w.eventually("the edit to be in force", func() error {
					a, err := v.get(test.tell)
					if err != nil {
						return err
					}
					if now := a.status == 200 && (test.told == "" || a.echo.Backend == test.told); now != after {
						return fmt.Errorf("status %d from %q", a.status, a.echo.Backend)
					}
					return nil
				})
				for _, l := range loads {
					l.more(20)
				}
			}
			for _, l := range loads {
				l.end()
			}
		})
	}
}
