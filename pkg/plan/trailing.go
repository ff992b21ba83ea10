package plan

import "github.com/cloudgate-dev/cloudgate/pkg/graph"

// bindTrailing fills behind: an update that takes something away comes when what makes up for it has ended. What needs the update itself
// cannot come before it, and neither do others of its sort.
func (d *differ) bindTrailing() {
	d.behind = make([][]int, len(d.steps))
	trailing := make([]bool, len(d.steps))
	found := false
	for i, s := range d.steps {
		if t, ok := s.Want.Spec.(graph.Trailing); ok && s.Op == Update && s.Got.Spec != nil {
			trailing[i] = t.Trails(s.Got.Spec)
			found = found || trailing[i]
		}
	}
	if !found {
		return
	}
	next := make([][]int, len(d.steps))
	for i, before := range d.after {
		for _, j := range before {
			next[j] = append(next[j], i)
		}
	}
	// What needs one of them, needs another that comes with it in the end: they are taken together, or two could wait for each other.
	needs := make([]bool, len(d.steps))
	var queue []int
	for i := range d.steps {
		if trailing[i] {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, j := range next[i] {
			if !needs[j] {
				needs[j] = true
				queue = append(queue, j)
			}
		}
	}
	for i := range d.steps {
		if !trailing[i] {
			continue
		}
		for j, s := range d.steps {
			if s.Op != Delete && !trailing[j] && !needs[j] {
				d.behind[i] = append(d.behind[i], j)
			}
		}
	}
}
