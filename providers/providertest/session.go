package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/plan"
)

// patience is how long a test waits for what should take milliseconds.
const patience = 2 * time.Minute

// mostPasses bounds the attempts to reach a state.
const mostPasses = 500

// Session converges the resources of one owner, one step at a time, and remembers what is there as the controller's ledger does:
// it reads the cloud at its beginning, after an error, and while something is pending.
type Session struct {
	Provider cloud.Provider
	Owner    ir.Owner
	Got      graph.Graph
	Known    bool // Got is what is there
	Errors   []error
}

// NewSession returns a Session that has yet to read the cloud.
func NewSession(p cloud.Provider, owner ir.Owner) *Session {
	return &Session{Provider: p, Owner: owner}
}

// Converge makes the cloud as want says; nil is nothing. Errors that pass are gathered; the error is what does not.
func (s *Session) Converge(ctx context.Context, want *ir.LoadBalancer) error {
	compiled, err := s.Provider.Compile(want)
	if err != nil {
		return err
	}
	wanted := compiled.Graph
	for range mostPasses {
		done, err := s.Pass(ctx, wanted)
		if done || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if err != nil {
			s.Errors = append(s.Errors, err)
			s.Known = false
			if err := wait(ctx, err); err != nil {
				return err
			}
		}
	}
	return errors.Join(append(s.Errors, fmt.Errorf("not converged after %d passes", mostPasses))...)
}

// Plain is Converge that does not wait for what the cloud is still doing, and for nothing that goes wrong.
func (s *Session) Plain(ctx context.Context, want *ir.LoadBalancer) error {
	compiled, err := s.Provider.Compile(want)
	if err != nil {
		return err
	}
	wanted := compiled.Graph
	for range mostPasses {
		p, err := cloud.Diff(s.Provider, wanted, s.Got)
		if err != nil || p.Empty() {
			return err
		}
		if _, err := s.perform(ctx, p); err != nil {
			return err
		}
	}
	return fmt.Errorf("not converged after %d passes", mostPasses)
}

// wait does as a throttling cloud says, and gives others a moment.
func wait(ctx context.Context, err error) error {
	pause := 2 * time.Millisecond
	var e *cloud.Error
	if errors.As(err, &e) {
		switch e.Kind {
		case cloud.Invalid, cloud.Unsupported, cloud.Denied, cloud.Quota:
			return err
		case cloud.Unknown, cloud.Throttled, cloud.Unavailable, cloud.Conflict, cloud.NotFound:
			pause = max(pause, e.After)
		}
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pass makes one plan and performs it as far as it goes. It tells whether there was nothing left to do.
func (s *Session) Pass(ctx context.Context, want graph.Graph) (done bool, err error) {
	if !s.Known {
		if err := s.Observe(ctx); err != nil {
			return false, err
		}
	}
	p, err := cloud.Diff(s.Provider, want, s.Got)
	if err != nil {
		return true, err
	}
	if p.Empty() {
		if !pending(s.Got) {
			return true, nil
		}
		s.Known = false
		return false, wait(ctx, nil)
	}
	unfinished, err := s.perform(ctx, p)
	if err == nil && unfinished {
		err = wait(ctx, nil)
	}
	return false, err
}

// Observe reads what is there.
func (s *Session) Observe(ctx context.Context) error {
	all, err := s.Provider.Observe(ctx, cloud.Scope{Cluster: s.Owner.Cluster, UID: s.Owner.UID})
	if err != nil {
		return err
	}
	for owner := range all {
		if owner != s.Owner.Key() {
			return fmt.Errorf("observed resources of %v in the scope of %v", owner, s.Owner.Key())
		}
	}
	s.Got, s.Known = all[s.Owner.Key()], true
	if s.Got == nil {
		s.Got = graph.Graph{}
	}
	return nil
}

func pending(g graph.Graph) bool {
	for _, n := range g {
		if n.Pending != "" {
			return true
		}
	}
	return false
}

// perform carries out steps in order, but for those that wait for one that did not succeed, and tells whether any is unfinished.
func (s *Session) perform(ctx context.Context, p plan.Plan) (unfinished bool, err error) {
	var errs []error
	failed := make([]bool, len(p.Steps))
	for i, step := range p.Steps {
		failed[i] = slices.ContainsFunc(step.After, func(j int) bool { return failed[j] })
		if failed[i] {
			continue
		}
		finished, err := s.Perform(ctx, step)
		if err != nil {
			errs = append(errs, err)
		}
		failed[i] = !finished
	}
	return slices.Contains(failed, true), errors.Join(errs...)
}

// Perform does one step and tells whether it is finished.
func (s *Session) Perform(ctx context.Context, step plan.Step) (bool, error) {
	step.Refs = make(graph.Graph)
	for _, n := range []graph.Node{step.Want, step.Got} {
		for _, id := range n.Edges() {
			if ref, ok := s.Got[id]; ok {
				step.Refs[id] = ref
			}
		}
	}
	n, err := s.Provider.Apply(ctx, s.Owner, step)
	if err != nil {
		var e *cloud.Error
		if !errors.As(err, &e) {
			return false, fmt.Errorf("apply %s %s: not a *cloud.Error: %w", step.Op, step.ID(), err)
		}
		return false, err
	}
	switch {
	case step.Op != plan.Delete:
		if n.ID != step.ID() {
			return false, fmt.Errorf("apply %s %s: returned %s", step.Op, step.ID(), n.ID)
		}
		s.Got[n.ID] = n
	case n.Pending == "":
		s.Got.Drop(step.Got.ID)
	default:
		n.Deleting = true
		s.Got[step.Got.ID] = n
		return false, nil
	}
	return true, nil
}
