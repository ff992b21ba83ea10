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

// Once runs until everything has settled, shows the last State by config.Show where that is set, and returns it. The error is ErrNotSettled when that
// did not come within timeout; the last State is shown then too.
func Once(ctx context.Context, config Config, timeout time.Duration) (State, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	states := make(chan State)
	show := config.Show
	config.Show = func(_ context.Context, _ *Dev, s State) error {
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

	last, err := settled(states, done, timeout)
	if err == nil || errors.Is(err, ErrNotSettled) {
		// While the cloud is still there: it knows how the targets are.
		if show != nil {
			err = errors.Join(err, show(ctx, d, last))
		}
		stop()
		return last, errors.Join(err, <-done)
	}
	return last, err
}

// settled waits for a State that lasts, and for no longer than timeout.
func settled(states <-chan State, done <-chan error, timeout time.Duration) (State, error) {
	var last State
	over := time.NewTimer(timeout)
	defer over.Stop()
	var lasted <-chan time.Time
	for {
		select {
		case last = <-states:
			lasted = nil
			if last.Settled {
				lasted = time.After(quiet)
			}
		case <-lasted:
			return last, nil
		case <-over.C:
			return last, ErrNotSettled
		case err := <-done:
			if err == nil {
				err = context.Canceled
			}
			return last, err
		}
	}
}
