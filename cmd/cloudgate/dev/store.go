package dev

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// stableUID gives an object the identity that it had in earlier runs, so that a Gateway finds the load balancer that a fake cloud with
// a state folder has kept for it.
func stableUID(o client.Object) types.UID {
	return types.UID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("cloudgate dev "+keyOf(o).String())).String())
}

// errGoing tells that an object cannot be applied yet because one of its name is being deleted.
var errGoing = errors.New("being deleted")

// storeTarget applies to a store, but never to an object that is being deleted: that would go all the same.
type storeTarget struct{ *memory.Store }

// Apply implements target.
func (t storeTarget) Apply(objects ...client.Object) error {
	for _, o := range objects {
		there, ok := o.DeepCopyObject().(client.Object)
		if !ok {
			return errors.New("not an object")
		}
		err := t.Client().Get(context.Background(), client.ObjectKeyFromObject(o), there)
		switch {
		case err == nil && there.GetDeletionTimestamp() != nil:
			return errGoing
		case client.IgnoreNotFound(err) != nil:
			return err
		}
		if err := t.Store.Apply(o); err != nil {
			return err
		}
	}
	return nil
}
