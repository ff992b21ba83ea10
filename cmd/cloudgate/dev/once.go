package dev

import (
	"context"
	"errors"
	"time"
)

// ErrNotSettled tells that work was left when the time was over.
var ErrNotSettled = errors.New("the controller or the cloud was still at work when the time was over (see --timeout)")

// quiet is how long nothing has to change before everything counts as done: one status can lead to the next.
const quiet = 200 * time.Millisecond

// Once runs until everything has settled and returns the last State. The error is ErrNotSettled when that did not come within
// timeout; the State is the last one then too.
func Once(ctx context.Context, config Config, timeout time.Duration) (State, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	states := make(chan State)
	config.OnState = func(s State) error {
		select {
		case states <- s:
		case <-ctx.Done():
		}
		return nil
	}
	d, err := New(config)
	if err != nil {
		return State{}, err
	}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()

	var last State
	over := time.NewTimer(timeout)
	defer over.Stop()
	var settled <-chan time.Time
	for {
		select {
		case last = <-states:
			settled = nil
			if last.Settled {
				settled = time.After(quiet)
			}
			continue
		case <-settled:
			stop()
			return last, <-done
		case <-over.C:
			stop()
			return last, errors.Join(ErrNotSettled, <-done)
		case err := <-done:
			return last, errors.Join(err, context.Cause(ctx))
		}
	}
}
