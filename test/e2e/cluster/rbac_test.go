package cluster

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/test/e2e/cluster/permissions"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// exceptions are the permissions that no request shows, with what needs them all the same.
var exceptions = map[string]string{
	// A LoadBalancer is owned by its Gateway and holds up its deletion. Where the admission plugin OwnerReferencesPermissionEnforcement
	// is on, the API server asks itself whether the writer might set that, and that is no request. TestOwnersNeedAPermission shows it.
	"update gateways/finalizers.gateway.networking.k8s.io": "blockOwnerDeletion",
	// These clusters have the standard channel, which does not have the kind.
	"list xbackendtrafficpolicies.gateway.networking.x-k8s.io":         "the experimental channel",
	"watch xbackendtrafficpolicies.gateway.networking.x-k8s.io":        "the experimental channel",
	"patch xbackendtrafficpolicies/status.gateway.networking.x-k8s.io": "the experimental channel",
}

// TestRarePaths walks where the other stories do not: a LoadBalancer in the way of a Gateway's own, and policies whose status is told.
func TestRarePaths(t *testing.T) {
	w := start(t)
	w.apply("apiVersion: cloudgate.dev/v1alpha1\nkind: LoadBalancer\nmetadata: {name: web}\nspec: {cluster: none, gatewayUID: none, provider: fake}\n",
		traffic.Gateway80("web"), traffic.HTTPRoute("app", "{name: web}", "app.example.com", toApp), `apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation: {hostname: app.example.com, wellKnownCACertificates: System}
---
apiVersion: cloudgate.dev/v1alpha1
kind: BackendPolicy
metadata: {name: app}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  algorithm: LeastRequest
`)
	w.serve("app")
	w.programmed("web", 1)
	for _, kind := range []string{"backendtlspolicy", "backendpolicy"} {
		w.eventually("the policy's status to be told", func() error {
			if said := w.kubectl("get", "-n", w.ns, kind, "app", "-o", "jsonpath={.status.ancestors[*].controllerName}"); said != "cloudgate.dev/fake" {
				return fmt.Errorf("%s says %q", kind, said)
			}
			return nil
		})
	}
}

// TestOwnersNeedAPermission: what the chart's account may do to a LoadBalancer that holds up the deletion of its Gateway, another account
// with all of that role but gateways/finalizers may not.
func TestOwnersNeedAPermission(t *testing.T) {
	const withoutIt = "without-finalizers"
	w := start(t)
	w.apply(strings.Replace(traffic.Gateway80("owner"), "gatewayClassName: fake", "gatewayClassName: nobodys", 1))
	var role rbacv1.ClusterRole
	if err := w.client.Get(w.ctx, client.ObjectKey{Name: "cloudgate-controller"}, &role); err != nil {
		t.Fatal(err)
	}
	less := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}
	for _, rule := range role.Rules {
		if !slices.Contains(rule.Resources, "gateways/finalizers") {
			less.Rules = append(less.Rules, rule)
		}
	}
	if len(less.Rules) == len(role.Rules) {
		t.Fatal("the chart grants nothing on gateways/finalizers")
	}
	t.Cleanup(func() { w.kubectl("delete", "clusterrole,clusterrolebinding", w.ns) })
	for _, o := range []client.Object{less, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.ns},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.ns, Name: withoutIt}},
	}} {
		if err := w.client.Create(w.ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	var owner gwv1.Gateway
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.ns, Name: "owner"}, &owner); err != nil {
		t.Fatal(err)
	}
	create := func(namespace, account string, block bool) error {
		lb := w.parse("apiVersion: cloudgate.dev/v1alpha1\nkind: LoadBalancer\nmetadata: {name: owner}\nspec: {cluster: none, gatewayUID: none, provider: fake}\n")[0]
		lb.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: gwv1.GroupVersion.String(), Kind: "Gateway", Name: "owner", UID: owner.UID, BlockOwnerDeletion: &block}})
		return w.as(namespace, account).Create(w.ctx, lb, client.DryRunAll)
	}
	w.eventually("the new role to count", func() error { return create(w.ns, withoutIt, false) })
	if err := create(w.ns, withoutIt, true); !apierrors.IsForbidden(err) {
		t.Errorf("without the permission: got %v, want that it is forbidden", err)
	}
	if err := create(system, "cloudgate", true); err != nil {
		t.Errorf("the chart's account: %v", err)
	}
}

// as returns a client that asks as a service account.
func (w *world) as(namespace, account string) client.Client {
	w.Helper()
	config := rest.CopyConfig(w.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + account,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}}
	c, err := client.New(config, client.Options{Scheme: w.client.Scheme(), Mapper: w.client.RESTMapper()})
	if err != nil {
		w.Fatal(err)
	}
	return c
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
	// The release for AWS is gone. It has the permissions of the other, under names of its own, and comes by fewer places: what it does not need tells nothing.
	ofAWS := w.compare(w.helm(append([]string{"template", awsRelease, chart("cloudgate")}, awsValues...)...))
	comparison := w.compare(manifests.String())
	log, err := os.Open(audit)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	account := "system:serviceaccount:" + system + ":"
	if err := permissions.Used(log, system, func(r permissions.Request) {
		if name := strings.TrimPrefix(r.Account, account); name == awsRelease || name == awsRelease+"-withdraw" {
			ofAWS.Add(r)
			return
		}
		comparison.Add(r)
	}); err != nil {
		t.Fatal(err)
	}
	v, aws := comparison.Verdict(), ofAWS.Verdict()
	traffic.Measured(t, "%d requests of the charts' accounts, %d denied; %d of %d permissions needed; %d more of the release for AWS, %d denied",
		v.Requests, len(v.Denied), v.Exercised, v.Exercised+len(v.Unused), aws.Requests, len(aws.Denied))
	if aws.Requests == 0 {
		t.Error("the release for AWS asked for nothing")
	}
	v.Denied, v.Refused, v.Unknown = append(v.Denied, aws.Denied...), append(v.Refused, aws.Refused...), append(v.Unknown, aws.Unknown...)
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

// compare begins a comparison with what manifests grant.
func (w *world) compare(manifests string) *permissions.Comparison {
	w.Helper()
	grants, err := permissions.Granted(strings.NewReader(manifests), system)
	if err != nil {
		w.Fatal(err)
	}
	if len(grants) == 0 {
		w.Fatal("the charts grant nothing")
	}
	return permissions.Compare(grants, system)
}
