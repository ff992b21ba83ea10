package cluster

import (
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudgate-dev/cloudgate/test/e2e/cluster/permissions"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// exceptions are the permissions that no request shows, with what needs them all the same.
var exceptions = map[string]string{
	// A LoadBalancer is owned by its Gateway and holds up its deletion. Where the admission plugin OwnerReferencesPermissionEnforcement
	// is on, as in OpenShift, the API server asks itself whether the writer might set that, and that is no request.
	"update gateways/finalizers.gateway.networking.k8s.io": "blockOwnerDeletion",
	// An event that recurs within minutes is counted in the one that is there. The stories have none that does.
	"patch events":               "recurring event of the leader election",
	"patch events.events.k8s.io": "recurring event of a Gateway",
}

// inOneNamespace are the permissions in all namespaces that the stories need in that of the charts alone.
var inOneNamespace = map[string]string{
	// Leader election tells of itself by events of the core group; the client library takes that group wherever it does not find the other.
	"create events": "API servers without events.k8s.io",
}

// TestRarePaths walks where the other stories do not: a LoadBalancer in the way of a Gateway's own, and a policy whose status is told.
func TestRarePaths(t *testing.T) {
	w := start(t)
	w.apply("apiVersion: cloudgate.dev/v1alpha1\nkind: LoadBalancer\nmetadata: {name: web}\nspec: {cluster: none, gatewayUID: none, provider: fake}\n",
		traffic.Gateway80("web"), traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp), `apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation: {hostname: app.example.com, wellKnownCACertificates: System}
`)
	w.serve("app")
	w.programmed("web", 1)
	w.eventually("the policy's status to be told", func() error {
		if said := w.kubectl("get", "-n", w.ns, "backendtlspolicy", "app", "-o", "jsonpath={.status.ancestors[*].controllerName}"); said != "cloudgate.dev/fake" {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
}

// TestPermissions reads the audit log of all that ran before it: nothing was denied to the accounts of the charts, and nothing that
// the charts grant was not needed. It has to run last, after the stories and TestLifecycle, in a run of its own.
func TestPermissions(t *testing.T) {
	audit := os.Getenv("CLOUDGATE_E2E_AUDIT")
	if audit == "" {
		t.Skip("CLOUDGATE_E2E_AUDIT names no audit log: this judges what ran before it, so it runs by itself after everything else")
	}
	w := start(t)
	var manifests strings.Builder
	for _, release := range []string{"fake-cloud", "cloudgate"} {
		for _, part := range []string{"manifest", "hooks"} {
			manifests.WriteString("---\n" + w.helm("get", part, release) + "\n")
		}
	}
	grants, err := permissions.Granted(strings.NewReader(manifests.String()), system)
	if err != nil {
		t.Fatal(err)
	}
	if len(grants) == 0 {
		t.Fatal("the charts grant nothing")
	}
	log, err := os.Open(audit)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	comparison := permissions.Compare(grants, system)
	if err := permissions.Used(log, system, comparison.Add); err != nil {
		t.Fatal(err)
	}
	v := comparison.Verdict()
	traffic.Measured(t, "%d requests of the charts' accounts, %d denied; %d of %d permissions needed", v.Requests, len(v.Denied), v.Exercised, len(grants))
	for _, d := range v.Denied {
		t.Errorf("denied: %s", d)
	}
	for _, r := range v.Refused {
		var ns corev1.Namespace
		err := w.client.Get(w.ctx, client.ObjectKey{Name: r.Namespace}, &ns)
		if apierrors.IsNotFound(err) || err == nil && ns.DeletionTimestamp != nil {
			continue // nothing can be created in a namespace that is going, and who watches it learns that later
		}
		t.Errorf("refused, though RBAC allowed it: %s", r)
	}
	for _, u := range v.Unknown {
		t.Errorf("allowed by what is in no chart: %s", u)
	}
	for _, wide := range v.TooWide {
		if action, _, _ := strings.Cut(wide, " ("); inOneNamespace[action] != "" {
			continue
		}
		t.Errorf("granted in all namespaces, needed in %s alone: %s", system, wide)
	}
	excepted := map[string]bool{}
	for _, u := range v.Unused {
		action, _, _ := strings.Cut(u, " (")
		if _, ok := exceptions[action]; ok {
			excepted[action] = true
			continue
		}
		t.Errorf("granted and never needed: %s", u)
	}
	for action, reason := range exceptions {
		if !excepted[action] {
			t.Logf("needed after all, for %s: %s", reason, action)
		}
	}
}
