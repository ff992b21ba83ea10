package plan

import (
	"container/heap"
	"fmt"
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
)

// bind fills after: which step has to wait for which.
func (d *differ) bind() {
	d.after = make([][]int, len(d.steps))
	for i := range d.steps {
		if d.steps[i].Op != Delete {
			d.bindMake(i)
		}
	}
	for _, n := range d.gotNodes {
		if _, goes := d.doomed[n.ID]; goes {
			d.bindRemove(n.ID)
		}
	}
	d.bindClaims()
	d.findFirst()
}

// findFirst marks the deletes that have to come before a create or update.
func (d *differ) findFirst() {
	d.first = make([]bool, len(d.steps))
	var queue []int
	for i := range d.steps {
		if d.steps[i].Op != Delete {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, before := range d.after[i] {
			if d.steps[before].Op == Delete && !d.first[before] {
				d.first[before] = true
				queue = append(queue, before)
			}
		}
	}
}

// bindMake lets a create or update wait for what it needs, and a create for the end of its former self.
func (d *differ) bindMake(i int) {
	n := d.steps[i].Want
	for _, dep := range n.Edges() {
		j, ok := d.makes[dep]
		if ok && (d.steps[j].Op == Create || !fits(n, d.steps[j].Got)) {
			d.wait(i, j)
		}
	}
	if _, goes := d.doomed[n.ID]; goes {
		d.wait(i, d.remove[n.ID])
	}
}

func fits(n graph.Node, dep graph.Node) bool {
	s, ok := n.Spec.(graph.Dependent)
	return ok && s.Fits(dep.ID, dep.Spec)
}

// bindRemove lets the removal of id wait for everything that refers to it to change or go.
func (d *differ) bindRemove(id graph.ID) {
	removal := d.remove[id]
	for _, user := range d.users[id] {
		if j, goes := d.remove[user]; goes {
			if j != removal {
				d.wait(removal, j)
			}
		} else if j, changes := d.makes[user]; changes {
			d.wait(removal, j)
		}
	}
}

// bindClaims lets a resource that gains a claim wait for the one that has it.
func (d *differ) bindClaims() {
	holders := make(map[string]graph.Node)
	for _, n := range d.gotNodes {
		for _, claim := range n.Holds {
			holders[claim] = n
		}
	}
	for i := range d.steps {
		if d.steps[i].Op == Delete {
			continue
		}
		for _, claim := range d.steps[i].Want.Holds {
			if holder, held := holders[claim]; held {
				d.bindClaim(i, claim, holder)
			}
		}
	}
}

func (d *differ) bindClaim(i int, claim string, holder graph.Node) {
	taker := d.steps[i].ID()
	if j, goes := d.remove[holder.ID]; goes {
		d.wait(i, j)
		if holder.ID != taker {
			d.steps[i].Why += fmt.Sprintf("; takes %s over from %s, which goes first", claim, holder.ID)
			d.steps[j].Why += fmt.Sprintf("; goes first because %s needs %s", taker, claim)
		}
		return
	}
	if j, changes := d.makes[holder.ID]; changes && holder.ID != taker {
		d.wait(i, j)
		d.steps[i].Why += fmt.Sprintf("; takes %s over from %s", claim, holder.ID)
	}
}

func (d *differ) wait(step, other int) {
	d.after[step] = append(d.after[step], other)
}

// order returns the steps so that each comes after those that it waits for, or the steps of a circle.
func (d *differ) order() (Plan, []int) {
	next := make([][]int, len(d.steps))
	open := make([]int, len(d.steps))
	for i := range d.steps {
		slices.Sort(d.after[i])
		d.after[i] = slices.Compact(d.after[i])
		d.behind[i] = slices.DeleteFunc(d.behind[i], func(j int) bool { return slices.Contains(d.after[i], j) })
		open[i] = len(d.after[i]) + len(d.behind[i])
		for _, j := range slices.Concat(d.after[i], d.behind[i]) {
			next[j] = append(next[j], i)
		}
	}
	ready := &queue{less: d.less}
	for i := range d.steps {
		if open[i] == 0 {
			ready.items = append(ready.items, i)
		}
	}
	heap.Init(ready)
	sorted := make([]int, 0, len(d.steps))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		sorted = append(sorted, i)
		for _, j := range next[i] {
			if open[j]--; open[j] == 0 {
				heap.Push(ready, j)
			}
		}
	}
	if len(sorted) < len(d.steps) {
		return Plan{}, d.circle(open)
	}
	return d.number(sorted), nil
}

// number puts the steps into their final order and rewrites After in its terms.
func (d *differ) number(sorted []int) Plan {
	place := make([]int, len(sorted))
	for to, from := range sorted {
		place[from] = to
	}
	if len(sorted) == 0 {
		return Plan{}
	}
	steps := make([]Step, len(sorted))
	for to, from := range sorted {
		steps[to] = d.steps[from]
		steps[to].After, steps[to].Behind = placed(d.after[from], place), placed(d.behind[from], place)
		steps[to].Last = steps[to].Op == Delete && !d.first[from]
	}
	return Plan{Steps: steps}
}

// placed returns steps in terms of their places.
func placed(steps, place []int) []int {
	for i, j := range steps {
		steps[i] = place[j]
	}
	slices.Sort(steps)
	return steps
}

// circle follows the unfinished steps, of which each waits for another, until one comes again.
func (d *differ) circle(open []int) []int {
	at := slices.IndexFunc(open, func(n int) bool { return n > 0 })
	seen := make(map[int]int)
	var path []int
	for {
		if start, again := seen[at]; again {
			return path[start:]
		}
		seen[at] = len(path)
		path = append(path, at)
		before := slices.Concat(d.after[at], d.behind[at])
		at = before[slices.IndexFunc(before, func(j int) bool { return open[j] > 0 })]
	}
}

// queue is a heap of step indexes.
type queue struct {
	items []int
	less  func(a, b int) int
}

func (q *queue) Len() int           { return len(q.items) }
func (q *queue) Less(i, j int) bool { return q.less(q.items[i], q.items[j]) < 0 }
func (q *queue) Swap(i, j int)      { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue) Push(x any)         { q.items = append(q.items, x.(int)) }
func (q *queue) Pop() any {
	last := len(q.items) - 1
	x := q.items[last]
	q.items = q.items[:last]
	return x
}
