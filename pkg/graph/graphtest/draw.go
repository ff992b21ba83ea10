// Package graphtest draws graphs in one line, for tests: "lb < http < /a > web" is a load balancer that contains a listener that
// contains a rule that refers to a pool. It knows nothing of any cloud.
package graphtest

import (
	"fmt"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// Spec is content that is a word.
type Spec string

// Equal implements graph.Spec.
func (s Spec) Equal(got graph.Spec) bool { return got == graph.Spec(s) }

// Explain implements graph.Spec.
func (s Spec) Explain(got graph.Spec) string { return fmt.Sprintf("%v becomes %v", got, s) }

// ID returns the identity that Draw gives to a name.
func ID(name string) graph.ID { return graph.ID{Kind: "node", Name: name} }

// Draw makes the graph of several chains. In a chain "a < b" puts b within a, and "a > b" lets a refer to b. A node is a name,
// then optionally "=word" for its content, "!claim" for each claim that it holds, and "?" when the cloud is deleting it. What is
// said of a node in several chains adds up. Draw panics on anything else, because only tests call it.
func Draw(chains ...string) graph.Graph {
	g := make(graph.Graph)
	for _, chain := range chains {
		words := strings.Fields(chain)
		if len(words)%2 == 0 {
			panic("graphtest: not a chain: " + chain)
		}
		last := node(g, words[0])
		for i := 1; i < len(words); i += 2 {
			id := node(g, words[i+1])
			switch words[i] {
			case "<":
				n := g[id]
				n.Within = last
				g[id] = n
			case ">":
				n := g[last]
				n.Refs = append(n.Refs, id)
				g[last] = n
			default:
				panic("graphtest: not < or >: " + words[i])
			}
			last = id
		}
	}
	return g
}

func node(g graph.Graph, word string) graph.ID {
	word, deleting := strings.CutSuffix(word, "?")
	word, holds, _ := strings.Cut(word, "!")
	name, content, _ := strings.Cut(word, "=")
	n, ok := g[ID(name)]
	if !ok {
		n = graph.Node{ID: ID(name), Spec: Spec("")}
	}
	if content != "" {
		n.Spec = Spec(content)
	}
	if holds != "" {
		n.Holds = append(n.Holds, strings.Split(holds, "!")...)
	}
	n.Deleting = n.Deleting || deleting
	g[n.ID] = n
	return n.ID
}
