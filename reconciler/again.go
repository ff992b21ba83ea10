package reconciler

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A pass that met a newer version of an object than the cache had is no failure: it is repeated as soon as the cache can have the
// newer one, and with growing waits where it happens again and again, because another writer is as busy as we are.

// errAgain asks for a pass to be repeated in that way.
var errAgain = errors.New("an object has a newer version than was read: to be repeated")

const (
	// soon is the first wait.
	soon = 5 * time.Millisecond
	// againMax is the longest.
	againMax = time.Second
)

// againDelay returns how long to wait after n passes in a row that have been repeated already.
func (c *Controller) againDelay(n int) time.Duration {
	d := againMax
	if n < 16 && soon<<n < d {
		d = soon << n
	}
	return time.Duration(float64(d) * (0.8 + 0.4*c.cfg.Dice()))
}

// repeatError asks for the pass to be repeated at a time of its own. It is no failure.
type repeatError struct{ after time.Duration }

func (repeatError) Error() string { return "to be repeated" }

// again returns errAgain, unless something failed.
func again(err error) error {
	if err != nil {
		return err
	}
	return errAgain
}

// unlessConflict makes a result of an error. What met a newer version of an object becomes errAgain; what is gone is no error.
func unlessConflict(err error) (reconcile.Result, error) {
	var later repeatError
	switch {
	case errors.As(err, &later):
		return reconcile.Result{RequeueAfter: later.after}, nil
	case errors.Is(err, errAgain), apierrors.IsConflict(err):
		return reconcile.Result{}, errAgain
	default:
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
}

// repeating makes a reconciler of passes that may end with errAgain.
func (c *Controller) repeating(pass func(context.Context, reconcile.Request) (reconcile.Result, error)) reconcile.Reconciler {
	var (
		mu    sync.Mutex
		inRow = make(map[reconcile.Request]int)
	)
	return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		end := c.writer.begin()
		result, err := pass(ctx, req)
		end()
		mu.Lock()
		defer mu.Unlock()
		if !errors.Is(err, errAgain) {
			delete(inRow, req)
			return result, err
		}
		n := inRow[req]
		inRow[req]++
		return reconcile.Result{RequeueAfter: c.againDelay(n)}, nil
	})
}
