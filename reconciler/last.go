package reconciler

import (
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// A Delete that is marked Last waits for its peers: the creates and updates of the same kind within the same container. One of them
// may be what answers its requests from now on.

// peerKey names those that wait for each other.
type peerKey struct {
	kind   graph.Kind
	within graph.ID
}

func peerKeyOf(n graph.Node) peerKey { return peerKey{n.ID.Kind, n.Within} }

// peers are the creates and updates of one kind within one container.
type peers struct {
	open    int  // have not ended
	passing bool // one was stopped by something that passes
	ready   bool // none in the cloud is pending; known once looked at
	looked  bool
}

// makersOf counts the creates and updates of a plan.
func makersOf(p plan.Plan) map[peerKey]*peers {
	all := make(map[peerKey]*peers)
	for _, s := range p.Steps {
		node := s.Want
		if s.Op == plan.Delete {
			node = s.Got
		}
		key := peerKeyOf(node)
		if all[key] == nil {
			all[key] = &peers{}
		}
		if s.Op != plan.Delete {
			all[key].open++
		}
	}
	return all
}

// endLocked notes how a step ended.
func (r *run) endLocked(i int, state stepState) {
	r.states[i] = state
	if s := r.plan.Steps[i]; s.Op != plan.Delete {
		p := r.peers[peerKeyOf(s.Want)]
		p.open--
		p.passing = p.passing || state == stepBlocked && r.passing[i]
	}
}

// lastLocked tells whether a Delete that is marked Last can run, waits still, or is left to a later run.
func (r *run) lastLocked(i int) stepState {
	key := peerKeyOf(r.plan.Steps[i].Got)
	p := r.peers[key]
	switch {
	case p.open > 0:
		return stepWaiting
	case !r.patient:
		return stepRunning
	case p.passing || !r.readyPeersLocked(key, p):
		r.passing[i] = true
		return stepBlocked
	default:
		return stepRunning
	}
}

// readyPeersLocked tells whether the cloud has finished everything that could be a peer, in this run or an earlier one.
func (r *run) readyPeersLocked(key peerKey, p *peers) bool {
	if p.looked {
		return p.ready
	}
	p.looked, p.ready = true, true
	for _, n := range r.progress.got {
		if n.Pending != "" && !n.Deleting && peerKeyOf(n) == key {
			p.ready = false
			break
		}
	}
	return p.ready
}
