package cluster

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

const (
	// patience bounds every wait. It is generous: a slow machine is no failure.
	patience = 2 * time.Minute
	// between is what lies between two looks at the API server.
	between = 20 * time.Millisecond
	// manager is the field manager of what tests apply.
	manager = "e2e"
)

// world is a namespace of the cluster that one test has to itself.
type world struct {
	*testing.T
	*environment
	ctx context.Context
	ns  string
}

// start makes the namespace. At the end of the test its Gateways are deleted, and with them what they have in the cloud.
func start(t *testing.T) *world {
	t.Helper()
	if env == nil {
		t.Skip("no cluster: run make e2e-cluster")
	}
	w := &world{T: t, environment: env, ctx: context.Background()}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Labels: map[string]string{"cloudgate-e2e": "true"}}}
	if err := w.client.Create(w.ctx, namespace); err != nil {
		t.Fatal(err)
	}
	w.ns = namespace.Name
	began := time.Now()
	t.Cleanup(func() {
		w.wantNoPanic(began)
		if t.Failed() {
			w.dump()
		}
		w.clear(w.ns)
	})
	return w
}

// wantNoPanic reads the controllers' logs: one that panics in a pass recovers and tries again, so that nothing else would show it.
func (w *world) wantNoPanic(since time.Time) {
	w.Helper()
	out, err := w.command("kubectl", "logs", "-n", system, "-l", "app.kubernetes.io/name=cloudgate", "--tail=-1", "--since-time="+since.UTC().Format(time.RFC3339))
	if err != nil {
		w.Log(err) // a container may just be starting
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "Observed a panic") {
			w.Errorf("a controller panicked: %s", line)
		}
	}
}

// clear deletes namespaces with all that is in them, waits for their Gateways to go, and wants the cloud to have nothing of them any more.
func (w *world) clear(namespaces ...string) {
	w.Helper()
	for _, ns := range namespaces {
		if err := w.client.DeleteAllOf(w.ctx, &gwv1.Gateway{}, client.InNamespace(ns)); err != nil {
			w.Error(err)
		}
	}
	w.eventually("the Gateways to be gone", func() error {
		for _, ns := range namespaces {
			var left gwv1.GatewayList
			if err := w.client.List(w.ctx, &left, client.InNamespace(ns)); err != nil {
				return err
			}
			for _, g := range left.Items {
				if g.Spec.GatewayClassName == "fake" {
					return fmt.Errorf("%s/%s is there with the finalizers %q", g.Namespace, g.Name, g.Finalizers)
				}
			}
		}
		return nil
	})
	for _, ns := range namespaces {
		err := w.client.Delete(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
		if client.IgnoreNotFound(err) != nil {
			w.Error(err)
		}
	}
	var all gwv1.GatewayList
	if err := w.client.List(w.ctx, &all); err != nil {
		w.Error(err)
	} else if len(all.Items) == 0 {
		w.cloud.WantEmpty(w)
	}
}

// eventually tries again until try succeeds.
func (w *world) eventually(what string, try func() error) {
	w.Helper()
	traffic.Within(w, patience, between, what, try)
}

// parse reads the objects of manifests. Those without a namespace get the test's, where their kind has one.
func (w *world) parse(manifests string) []*unstructured.Unstructured {
	w.Helper()
	var all []*unstructured.Unstructured
	for documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := documents.Decode(o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			w.Fatalf("%v in\n%s", err, manifests)
		}
		if len(o.Object) == 0 {
			continue
		}
		namespaced, err := w.client.IsObjectNamespaced(o)
		if err != nil {
			w.Fatal(err)
		}
		if namespaced && o.GetNamespace() == "" {
			o.SetNamespace(w.ns)
		}
		all = append(all, o)
	}
}

// tryApply applies manifests on the server, which may refuse them.
func (w *world) tryApply(manifests string) error {
	w.Helper()
	for _, o := range w.parse(manifests) {
		if err := w.client.Apply(w.ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(manager), client.ForceOwnership); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) apply(manifests ...string) {
	w.Helper()
	for _, m := range manifests {
		if err := w.tryApply(m); err != nil {
			w.Fatal(err)
		}
	}
}

// delete deletes the objects of manifests and does not wait for them to go.
func (w *world) delete(manifests string) {
	w.Helper()
	for _, o := range w.parse(manifests) {
		if err := w.client.Delete(w.ctx, o, client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(err) != nil {
			w.Fatal(err)
		}
	}
}

// gone waits until the objects of manifests are not there.
func (w *world) gone(manifests string) {
	w.Helper()
	for _, o := range w.parse(manifests) {
		w.eventually(o.GetKind()+" "+o.GetName()+" to be gone", func() error {
			err := w.client.Get(w.ctx, client.ObjectKeyFromObject(o), o)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(err, errors.New("it is there"))
		})
	}
}

// example applies an example as its README says, with kubectl, and waits for its pods.
func (w *world) example(name string, deployments ...string) {
	w.Helper()
	w.kubectl("apply", "--server-side", "--field-manager="+manager, "-n", w.ns, "-k", filepath.Join("..", "..", "..", "examples", name))
	w.ready(deployments...)
}

// gateway is where a programmed Gateway is reached.
type gateway struct {
	*gwv1.Gateway
	address string
}

func (g gateway) at(port int) string { return net.JoinHostPort(g.address, fmt.Sprint(port)) }

// programmed waits until all of a Gateway is programmed as it stands, with so many attached routes in all.
func (w *world) programmed(name string, routes int32) gateway {
	w.Helper()
	return w.programmedIn(w.ns, name, routes)
}

func (w *world) programmedIn(namespace, name string, routes int32) gateway {
	w.Helper()
	var g gwv1.Gateway
	w.eventually(fmt.Sprintf("Gateway %s to be programmed with %d routes", name, routes), func() error {
		if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: name}, &g); err != nil {
			return err
		}
		if err := isTrue(g.Status.Conditions, "Programmed", g.Generation); err != nil {
			return err
		}
		if len(g.Status.Listeners) != len(g.Spec.Listeners) || len(g.Status.Addresses) == 0 {
			return fmt.Errorf("%d of %d listeners, %d addresses", len(g.Status.Listeners), len(g.Spec.Listeners), len(g.Status.Addresses))
		}
		var attached int32
		for _, l := range g.Status.Listeners {
			if err := isTrue(l.Conditions, "Programmed", g.Generation); err != nil {
				return fmt.Errorf("listener %s: %w", l.Name, err)
			}
			attached += l.AttachedRoutes
		}
		if attached != routes {
			return fmt.Errorf("%d routes are attached", attached)
		}
		return nil
	})
	return gateway{Gateway: &g, address: g.Status.Addresses[0].Value}
}

// isTrue returns nil when a condition is True for a generation.
func isTrue(conditions []metav1.Condition, kind string, generation int64) error {
	c := meta.FindStatusCondition(conditions, kind)
	if c == nil {
		return fmt.Errorf("no condition %s", kind)
	}
	if c.Status != metav1.ConditionTrue || c.ObservedGeneration < generation {
		return fmt.Errorf("%s=%s, %s: %s (generation %d of %d)", kind, c.Status, c.Reason, c.Message, c.ObservedGeneration, generation)
	}
	return nil
}

// visit makes a visitor on the network outside of the cluster. roots may be nil where nothing is asked over TLS.
func (w *world) visit(g gateway, roots *x509.CertPool) *traffic.Visitor {
	return traffic.Visit(w, func(port string) (string, error) { return net.JoinHostPort(g.address, port), nil }, roots)
}

// serves waits until a URL answers as wanted: pods become targets a moment after they are ready.
func (w *world) serves(v *traffic.Visitor, url string, status int, backend string) {
	w.Helper()
	w.eventually(url+" to be served", func() error { return v.Answers(url, status, backend) })
}
