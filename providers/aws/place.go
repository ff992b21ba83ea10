package aws

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// Priorities that AWS takes.
const (
	leastPriority = 1
	mostPriority  = 50000
)

// Place implements cloud.Placer: it gives each rule a priority. See Place.
func (p *Provider) Place(want, got graph.Graph) graph.Graph { return Place(want, got) }

// Place returns want with a priority for each rule, so that within a listener they are in the order of their ranks. As many rules of got as
// can keep their priority do; the others get numbers from the middle of the gaps, and none that a rule of got has now: whatever is changed
// first, no two rules ever want the same number. It is pure.
func Place(want, got graph.Graph) graph.Graph {
	listeners := make(map[graph.ID][]*placed)
	for id, n := range want {
		if spec, ok := n.Spec.(*Rule); ok {
			listeners[n.Within] = append(listeners[n.Within], &placed{id: id, rank: spec.Rank})
		}
	}
	taken := make(map[graph.ID][]int32)
	for _, n := range got {
		if spec, ok := n.Spec.(*Rule); ok && spec.Priority > 0 {
			taken[n.Within] = append(taken[n.Within], spec.Priority)
		}
	}
	out := maps.Clone(want)
	for listener, rules := range listeners {
		slices.SortFunc(rules, func(a, b *placed) int { return cmp.Or(cmp.Compare(a.rank, b.rank), a.id.Compare(b.id)) })
		for _, r := range rules {
			if g, has := got[r.id]; has && g.Within == listener && !g.Deleting {
				if spec, ok := g.Spec.(*Rule); ok {
					r.has = spec.Priority
				}
			}
		}
		number(rules, slices.Compact(slices.Sorted(slices.Values(taken[listener]))))
		for _, r := range rules {
			n := out[r.id]
			if spec, ok := n.Spec.(*Rule); ok {
				clone := *spec
				clone.Priority = r.gets
				n.Spec = &clone
				out[r.id] = n
			}
		}
	}
	return out
}

// placed is a rule that gets a number.
type placed struct {
	id   graph.ID
	rank string
	has  int32 // the number that it has now; 0 for none
	gets int32
}

// number gives rules, which are in their order, increasing numbers. taken are all that rules of the listener have now, sorted.
func number(rules []*placed, taken []int32) {
	keep := kept(rules, taken)
	if keep == nil { // the listener is so full that there is not a number left for each: begin again
		taken = nil
	}
	low, from := int32(leastPriority-1), 0
	for i := 0; i <= len(rules); i++ {
		high := int32(mostPriority + 1)
		if i < len(rules) {
			if !keep[i] {
				continue
			}
			rules[i].gets = rules[i].has
			high = rules[i].has
		}
		fill(rules[from:i], low, high, taken)
		low, from = high, i+1
	}
}

// fill spreads rules over the free numbers between low and high. taken are sorted.
func fill(rules []*placed, low, high int32, taken []int32) {
	within := taken[below(taken, low+1):below(taken, high)]
	free := int(high-low) - 1 - len(within)
	for i, r := range rules {
		n := low + 1 + int32(free*(i+1)/(len(rules)+1)) // that free number, if none were taken before it
		for _, t := range within {
			if t > n {
				break
			}
			n++
		}
		r.gets = n
	}
}

// below counts the numbers that are less than n.
func below(sorted []int32, n int32) int {
	i, _ := slices.BinarySearch(sorted, n)
	return i
}

// kept tells of each rule whether it keeps its number: as many as can be, so that those that remain between two that do have free numbers
// there. Nil where there are not enough numbers whatever is moved.
func kept(rules []*placed, taken []int32) map[int]bool {
	free := func(low, high int32) int { return int(high-low) - 1 - (below(taken, high) - below(taken, low+1)) }
	// Stops are the rules that have a number, between one before the first and one after the last.
	stops := []stop{{at: -1, number: leastPriority - 1}}
	for i, r := range rules {
		if r.has >= leastPriority && r.has <= mostPriority {
			stops = append(stops, stop{at: i, number: r.has})
		}
	}
	stops = append(stops, stop{at: len(rules), number: mostPriority + 1})
	best, from := make([]int, len(stops)), make([]int, len(stops))
	for j := 1; j < len(stops); j++ {
		best[j] = -1
		for i := range j {
			between := stops[j].at - stops[i].at - 1
			if best[i] >= 0 && stops[i].number < stops[j].number && free(stops[i].number, stops[j].number) >= between && best[i]+1 > best[j] {
				best[j], from[j] = best[i]+1, i
			}
		}
	}
	last := len(stops) - 1
	if best[last] < 0 {
		return nil
	}
	keep := make(map[int]bool)
	for j := from[last]; j > 0; j = from[j] {
		keep[stops[j].at] = true
	}
	return keep
}

// stop is a rule that may keep its number.
type stop struct {
	at     int // its place among the rules
	number int32
}
