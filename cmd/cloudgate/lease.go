package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// leaseFlags say by which lease it is decided who works.
type leaseFlags struct {
	namespace string
	name      string
	duration  time.Duration
}

func (f *leaseFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.namespace, "leader-election-namespace", "", "namespace of the lease (default: the namespace of the pod)")
	flags.StringVar(&f.name, "leader-election-name", "cloudgate-controller", "name of the lease")
	flags.DurationVar(&f.duration, "leader-election-lease-duration", 10*time.Second,
		"how long after a leader that died another takes over; one that is stopped hands over at once")
}

// shortestLease leaves time for a few renewals, each with a slow answer.
const shortestLease = 2 * time.Second

// set has a Manager take part in the election. A leader that could not renew its lease stops before it ends, and everybody asks often
// enough that a lease which was let go is taken at once.
func (f *leaseFlags) set(o *manager.Options) error {
	if f.duration < shortestLease {
		return fmt.Errorf("--leader-election-lease-duration is %s and has to be %s at least", f.duration, shortestLease)
	}
	renew, retry := f.duration*8/10, f.duration/10
	o.LeaderElection = true
	o.LeaderElectionNamespace, o.LeaderElectionID = f.namespace, f.name
	o.LeaseDuration, o.RenewDeadline, o.RetryPeriod = &f.duration, &renew, &retry
	o.LeaderElectionReleaseOnCancel = true // nothing works on after Start has returned
	return nil
}

// holder returns who holds the lease, "" for nobody.
func (f *leaseFlags) holder(ctx context.Context, config *rest.Config, namespace string) (string, error) {
	c, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return "", err
	}
	lease, err := c.Leases(namespace).Get(ctx, f.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", err
	case lease.Spec.HolderIdentity == nil:
		return "", nil
	}
	return *lease.Spec.HolderIdentity, nil
}

// remove deletes the lease, unless somebody has taken it.
func (f *leaseFlags) remove(ctx context.Context, config *rest.Config, namespace string) error {
	c, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return err
	}
	lease, err := c.Leases(namespace).Get(ctx, f.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "":
		return fmt.Errorf("%s took the lease %s/%s: a controller runs again", *lease.Spec.HolderIdentity, namespace, f.name)
	}
	err = c.Leases(namespace).Delete(ctx, f.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
