package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// executor carries out plans against one cloud.
type executor struct {
	provider cloud.Provider
	reads    *limiter
	writes   *limiter
	atOnce   int           // steps of one plan under way at the same time
	timeout  time.Duration // of one call
	metrics  *metrics
	networks networks
	reach    reach
	adopting sync.Mutex // from the last look at what somebody else made until it bears the mark
}

// failure is a step that did not succeed.
type failure struct {
	step plan.Step
	err  *cloud.Error
}

// progress is what became of a plan.
type progress struct {
	got      graph.Graph // the cloud as far as it was learnt
	done     []plan.Step
	failed   []failure // in the order of the plan, those that were held included
	held     int       // failures of an earlier pass for which nothing was asked of the cloud again
	skipped  int       // steps that need one that failed or is not finished
	waiting  bool      // a step waits for the cloud to finish another
	doubtful bool      // a call may or may not have been performed: the cloud has to be observed before the next plan
}

// stepState is how far a step is.
type stepState uint8

const (
	stepWaiting stepState = iota
	stepRunning
	stepDone    // those After it may start
	stepBlocked // it failed, or is not finished, or needs one that is: those After it are not started
)

// job is a plan and what is known about how to carry it out.
type job struct {
	owner ir.Owner
	plan  plan.Plan
	got   graph.Graph
	// hold returns the error of a step that is known to fail and not to be asked again yet, and nil for every other.
	hold func(plan.Step) *cloud.Error
	// patient leaves the deletes that are marked Last to a later run where something may be about to take the place of what they delete: while it is not
	// ready, or has failed in a way that passes.
	patient bool
}

// run carries out a plan, starting from got. Steps run concurrently where After and Last allow; a step that fails stops only those
// that need it.
func (x *executor) run(ctx context.Context, j job) *progress {
	p := j.plan
	r := &run{x: x, job: j, states: make([]stepState, len(p.Steps)), progress: &progress{got: cloneGraph(j.got)}}
	r.finished = make(chan int, len(p.Steps))
	r.errs = make([]*cloud.Error, len(p.Steps))
	r.passing = make([]bool, len(p.Steps))
	r.peers = makersOf(p)
	for left := r.start(ctx); left > 0; left += r.start(ctx) {
		<-r.finished
		left--
	}
	for i, err := range r.errs {
		if err != nil {
			r.progress.failed = append(r.progress.failed, failure{p.Steps[i], err})
		}
	}
	return r.progress
}

// run is one plan under way. The fields below mu change while steps run.
type run struct {
	job
	x        *executor
	finished chan int
	next     int // no step before it waits

	mu       sync.Mutex
	states   []stepState
	passing  []bool // by step: it is blocked by something that passes
	peers    map[peerKey]*peers
	running  int
	errs     []*cloud.Error
	progress *progress
}

// start starts the steps that can be, as many as may run at once, and returns how many.
func (r *run) start(ctx context.Context) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	started := 0
	settledSoFar := true
	for i := r.next; i < len(r.states) && r.running < r.x.atOnce; i++ {
		if r.states[i] == stepWaiting {
			switch r.readyLocked(i) {
			case stepBlocked:
				r.endLocked(i, stepBlocked)
				r.progress.skipped++
			case stepRunning:
				if err := r.hold(r.plan.Steps[i]); err != nil {
					r.errs[i] = err
					r.passing[i] = !waits(err.Kind)
					r.endLocked(i, stepBlocked)
					r.progress.held++
					continue
				}
				r.states[i] = stepRunning
				r.running++
				started++
				step := r.plan.Steps[i]
				step.Refs = r.refsLocked(step)
				go r.perform(ctx, i, step)
			case stepWaiting, stepDone:
			}
		}
		if settledSoFar && r.states[i] != stepWaiting {
			r.next = i + 1
		} else {
			settledSoFar = false
		}
	}
	return started
}

// readyLocked tells whether step i can run, waits still, or never will in this run. Steps come after those they need, so one look back is enough.
func (r *run) readyLocked(i int) stepState {
	state := stepRunning
	for _, before := range r.plan.Steps[i].After {
		switch r.states[before] {
		case stepBlocked:
			r.passing[i] = r.passing[before]
			return stepBlocked
		case stepWaiting, stepRunning:
			state = stepWaiting
		case stepDone:
		}
	}
	if state == stepRunning {
		state = r.behindLocked(i)
	}
	if state == stepRunning && r.plan.Steps[i].Last {
		return r.lastLocked(i)
	}
	return state
}

// behindLocked tells whether what step i comes behind has ended. While one of them has failed in a way that passes, who is patient leaves the
// step to a later run.
func (r *run) behindLocked(i int) stepState {
	state := stepRunning
	for _, before := range r.plan.Steps[i].Behind {
		switch r.states[before] {
		case stepWaiting, stepRunning:
			state = stepWaiting
		case stepBlocked:
			if r.patient && r.passing[before] {
				r.passing[i] = true
				return stepBlocked
			}
		case stepDone:
		}
	}
	return state
}

// refsLocked returns the cloud's state of what the step's resource refers to and is within.
func (r *run) refsLocked(s plan.Step) graph.Graph {
	refs := make(graph.Graph)
	for _, n := range []graph.Node{s.Want, s.Got} {
		for _, id := range n.Edges() {
			if ref, ok := r.progress.got[id]; ok {
				refs[id] = ref
			}
		}
	}
	return refs
}

func (r *run) perform(ctx context.Context, i int, step plan.Step) {
	node, err := r.x.apply(ctx, r.owner, step)
	r.mu.Lock()
	r.running--
	r.endLocked(i, r.recordLocked(i, step, node, err))
	r.mu.Unlock()
	r.finished <- i
}

// recordLocked puts what became of a step into the progress.
func (r *run) recordLocked(i int, step plan.Step, node graph.Node, err *cloud.Error) stepState {
	p := r.progress
	id := step.ID()
	switch {
	case err != nil && step.Op == plan.Delete && err.Kind == cloud.NotFound:
		p.got.Drop(id)
	case err != nil:
		r.errs[i] = err
		r.passing[i] = !waits(err.Kind)
		if err.Kind == cloud.Unknown || err.Kind == cloud.Unavailable {
			p.doubtful = true
		}
		return stepBlocked
	case step.Op == plan.Delete && node.Pending == "" && !node.Deleting:
		p.got.Drop(id)
	case step.Op == plan.Delete:
		// It is going. What waits for its going waits for the next pass.
		gone := step.Got
		gone.Pending, gone.Deleting = node.Pending, true
		if gone.Pending == "" {
			gone.Pending = id.String() + " is being deleted"
		}
		p.got[id] = gone
		p.waiting = true
		r.passing[i] = true
		return stepBlocked
	default:
		node.ID = id
		p.got[id] = node
	}
	p.done = append(p.done, step)
	if step.Op != plan.Delete && node.Pending != "" && node.External == "" {
		// It has no name yet by which another could refer to it.
		p.waiting = true
		r.passing[i] = true
		return stepBlocked
	}
	return stepDone
}

// apply makes one metered call.
func (x *executor) apply(ctx context.Context, owner ir.Owner, step plan.Step) (graph.Node, *cloud.Error) {
	op := step.Op.String() + " " + string(step.ID().Kind)
	if err := x.writes.wait(ctx); err != nil {
		return graph.Node{}, notAsked(op, step.ID(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	node, err := x.provider.Apply(ctx, owner, step)
	failed := asCloudError(op, step.ID(), err)
	x.writes.learn(failed)
	x.metrics.call(x.provider.Name(), op, failed)
	x.metrics.step(x.provider.Name(), step.Op, failed)
	return node, failed
}

// observe makes one metered call. Its error is a *cloud.Error.
func (x *executor) observe(ctx context.Context, scope cloud.Scope) (map[ir.OwnerKey]graph.Graph, *cloud.Error) {
	const op = "observe"
	if err := x.reads.wait(ctx); err != nil {
		return nil, notAsked(op, graph.ID{}, err)
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout*4)
	defer cancel()
	got, err := x.provider.Observe(ctx, scope)
	failed := asCloudError(op, graph.ID{}, err)
	x.reads.learn(failed)
	x.metrics.call(x.provider.Name(), op, failed)
	return got, failed
}

// notAsked is the error of a call that was not made.
func notAsked(op string, id graph.ID, err error) *cloud.Error {
	var paused *pausedError
	if errors.As(err, &paused) {
		return &cloud.Error{Kind: cloud.Throttled, Op: op, Node: id, After: paused.after, Err: errors.New(paused.Error())}
	}
	// The process is ending: nothing was asked, so nothing is in doubt.
	return &cloud.Error{Kind: cloud.Throttled, Op: op, Node: id, Err: errors.New("the controller is stopping")}
}

// asCloudError makes sure that an error has a Kind. A provider that returns any other error has a fault: it is retried as Unknown.
func asCloudError(op string, id graph.ID, err error) *cloud.Error {
	if err == nil {
		return nil
	}
	var known *cloud.Error
	if errors.As(err, &known) {
		return known
	}
	return &cloud.Error{Kind: cloud.Unknown, Op: op, Node: id, Err: fmt.Errorf("%w", err)}
}

func cloneGraph(g graph.Graph) graph.Graph {
	c := make(graph.Graph, len(g))
	for id, n := range g {
		c[id] = n
	}
	return c
}

// pendings returns what the cloud is still doing, sorted, each sentence once.
func pendings(g graph.Graph) []string {
	var out []string
	for _, n := range g {
		if n.Pending != "" {
			out = append(out, n.Pending)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// addresses returns the addresses in a graph, sorted, each once.
func addresses(g graph.Graph) []string {
	var out []string
	for _, n := range g {
		if !n.Deleting {
			out = append(out, n.Addresses...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
