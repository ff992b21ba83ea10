package cluster

import (
	"os"
	"strings"
	"testing"

	"github.com/cloudgate-dev/cloudgate/test/e2e/cluster/permissions"
	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// exceptions are the permissions that no request shows, with what needs them all the same.
var exceptions = map[string]string{
	// A LoadBalancer is owned by its Gateway and holds up its deletion. Where the admission plugin OwnerReferencesPermissionEnforcement
	// is on, as in OpenShift, the API server asks itself whether the writer might set that, and that is no request.
	"update gateways/finalizers.gateway.networking.k8s.io": "blockOwnerDeletion",
}

// TestPermissions reads the audit log of all that ran before it: nothing was denied to the accounts of the charts, and nothing that
// the charts grant was not needed. It has to run last, after the stories and TestLifecycle, in a run of its own.
func TestPermissions(t *testing.T) {
	audit := os.Getenv("CLOUDGATE_E2E_AUDIT")
	if audit == "" {
		t.Skip("CLOUDGATE_E2E_AUDIT names no audit log: test/e2e/cluster/last.sh runs this after everything else")
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
	for action := range exceptions {
		if !excepted[action] {
			t.Errorf("an exception that is none: %s", action)
		}
	}
}
