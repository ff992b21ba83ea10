package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
	"github.com/cloudgate-dev/cloudgate/providers/fake"
	"github.com/cloudgate-dev/cloudgate/reconciler"
	"github.com/cloudgate-dev/cloudgate/reconciler/files"
	"github.com/cloudgate-dev/cloudgate/reconciler/memory"
)

// patience bounds the wait for something that is to come.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// transition is one change of a user: manifests that are there, and what is done to them.
type transition struct {
	name   string
	before string // manifests that have converged when the change comes; empty for none
	change func(*testing.T, *memory.Store)
	gone   bool // the Gateway is gone in the end
}

func transitions() []transition {
	apply := func(name string) func(*testing.T, *memory.Store) {
		return func(t *testing.T, store *memory.Store) {
			t.Helper()
			if err := store.Apply(manifests(t, name)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []transition{
		{name: "a Gateway comes", change: apply("first.yaml")},
		{name: "much changes at once", before: "first.yaml", change: func(t *testing.T, store *memory.Store) {
			apply("second.yaml")(t, store)
			old := &gwv1.HTTPRoute{}
			old.Namespace, old.Name = "shop", "old"
			if err := store.Delete(old); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a Gateway goes", before: "first.yaml", gone: true, change: func(t *testing.T, store *memory.Store) {
			gw := &gwv1.Gateway{}
			gw.Namespace, gw.Name = "shop", "web"
			if err := store.Delete(gw); err != nil {
				t.Fatal(err)
			}
		}},
	}
}

// manifests are the objects of a file, with a certificate in the place of its Secrets.
func manifests(t *testing.T, name string) []client.Object {
	t.Helper()
	set := files.Load(files.Config{Paths: []string{"testdata/" + name}, Scheme: reconciler.Scheme()})
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	objects := secrets(t, strings.TrimSuffix(name, ".yaml"))
	for _, o := range set.Objects {
		objects = append(objects, o.Object)
	}
	return objects
}

// TestStoppedAtEveryStep ends the first controller at each step of each transition in turn. With one step at once every state between
// two steps is met; with several, states that no plan lists.
func TestStoppedAtEveryStep(t *testing.T) {
	ways := []struct {
		name   string
		after  bool
		atOnce int
	}{
		{"before each step", false, 1},
		{"after each step", true, 1},
		{"after each of several at once", true, 16},
	}
	for i, tr := range transitions() {
		for j, way := range ways {
			t.Run(tr.name+"/"+way.name, func(t *testing.T) {
				t.Parallel() // most of the time is spent in waiting
				provider, account := openCloud(t, byte(1+len(ways)*i+j))
				for step := 1; ; step++ {
					if !lives(t, tr, provider, account, death{step, way.after}, way.atOnce) {
						t.Logf("stopped at each of %d steps", step-1)
						if step == 1 {
							t.Error("there was no step to stop at")
						}
						return
					}
				}
			})
		}
	}
}

// lives goes through a transition with a controller that dies and one that goes on. It returns false if the first did not die,
// because there are fewer steps.
func lives(t *testing.T, tr transition, provider *fake.Provider, account *account, d death, atOnce int) bool {
	t.Helper()
	account.reset(t)
	store := memory.New(reconciler.Scheme())
	if tr.before != "" {
		if err := store.Apply(manifests(t, tr.before)...); err != nil {
			t.Fatal(err)
		}
		p := start(t, store, provider, death{}, atOnce)
		converged(t, store, provider, account, false)
		p.kill()
		p.wait(t)
	}

	// The first controller is there before the change or comes after it: both have to hold. Here it comes after, with an empty memory.
	tr.change(t, store)
	first := start(t, store, provider, d, atOnce)
	died := make(chan struct{})
	go func() {
		defer close(died)
		first.wait(t)
	}()
	if !diesBefore(t, first, died, func() bool { return settled(t, store, provider, account, tr.gone) == nil }) {
		first.kill()
		<-died
		return false
	}

	second := start(t, store, provider, death{}, atOnce)
	converged(t, store, provider, account, tr.gone)
	second.kill()
	second.wait(t)
	if err := settled(t, store, provider, account, tr.gone); err != nil {
		t.Errorf("after death at step %d (after=%v): %v", d.step, d.after, err)
	}
	return true
}

// diesBefore waits until the process has died, or until the world is as wanted without its death.
func diesBefore(t *testing.T, p *process, died <-chan struct{}, done func() bool) bool {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case <-died:
			return true
		case <-deadline:
			t.Fatal("the controller neither died nor came to an end")
		case <-time.After(3 * time.Millisecond):
			if done() && !p.provider.isDead() {
				return false
			}
		}
	}
}

// converged waits until the world is as wanted.
func converged(t *testing.T, store *memory.Store, provider *fake.Provider, account *account, gone bool) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(3 * time.Millisecond) {
		if err = settled(t, store, provider, account, gone); err == nil {
			return
		}
	}
	t.Fatalf("not converged: %v", err)
}

// settled tells what is not as wanted: in the cloud, of which everything is counted, or in the status of the Gateway.
func settled(t *testing.T, store *memory.Store, provider *fake.Provider, account *account, gone bool) error {
	t.Helper()
	ctx := context.Background()
	var gw gwv1.Gateway
	err := store.Client().Get(ctx, client.ObjectKey{Namespace: "shop", Name: "web"}, &gw)
	if gone {
		switch left := account.resources(t); {
		case err == nil:
			return errors.New("the Gateway is still there")
		case !apierrors.IsNotFound(err):
			return err
		case left != 0:
			return fmt.Errorf("%d resources are left in the cloud", left)
		}
		return nil
	}
	if err != nil {
		return err
	}
	want, err := wanted(ctx, store, provider)
	if err != nil {
		return err
	}
	got, err := provider.Observe(ctx, cloud.Scope{Cluster: clusterID})
	if err != nil {
		return err
	}
	p, err := cloud.Diff(provider, want, got[ir.OwnerKey{Cluster: clusterID, UID: string(gw.UID)}])
	switch {
	case err != nil:
		return err
	case !p.Empty():
		return fmt.Errorf("still to do: %s", p.Counts())
	case account.resources(t) != len(want):
		return fmt.Errorf("%d resources are wanted, %d are in the cloud", len(want), account.resources(t))
	}
	c := meta.FindStatusCondition(gw.Status.Conditions, string(gwv1.GatewayConditionProgrammed))
	if c == nil || c.Status != "True" || c.ObservedGeneration != gw.Generation {
		return fmt.Errorf("the Gateway is not programmed: %v", c)
	}
	return nil
}

// wanted is what the objects in the store ask for.
func wanted(ctx context.Context, store *memory.Store, provider cloud.Provider) (graph.Graph, error) {
	c := store.Client()
	objects, _, err := reconciler.Read(ctx, c, c.RESTMapper(), false)
	if err != nil {
		return nil, err
	}
	snapshots, err := reconciler.Snapshots(objects, reconciler.SnapshotConfig{
		Cluster: clusterID, Features: func(gwv1.GatewayController) (ir.Features, bool) { return provider.Features(), true },
	})
	if err != nil {
		return nil, err
	}
	if len(snapshots) != 1 {
		return nil, fmt.Errorf("%d Gateways", len(snapshots))
	}
	lb, _ := translate.Translate(snapshots[0])
	compiled, err := provider.Compile(lb)
	return compiled.Graph, err
}
