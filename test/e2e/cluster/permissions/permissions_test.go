package permissions

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const manifests = `# Source: a comment alone
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: controller, namespace: system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: controller}
rules:
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  resourceNames: [one, two]
  verbs: [get]
- nonResourceURLs: [/metrics]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: controller}
subjects: [{kind: ServiceAccount, name: controller, namespace: system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: lease}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: lease}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: lease}
subjects: [{kind: ServiceAccount, name: controller, namespace: system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: another}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: not-here}
subjects: [{kind: ServiceAccount, name: controller, namespace: elsewhere}]
`

// The two forms of the API server's words, as it wrote them.
const (
	byCluster = `RBAC: allowed by ClusterRoleBinding \"controller\" of ClusterRole \"controller\" to ServiceAccount \"controller/system\"`
	byLease   = `RBAC: allowed by RoleBinding \"lease/system\" of Role \"lease\" to ServiceAccount \"controller/system\"`
	byAnyone  = `RBAC: allowed by ClusterRoleBinding \"system:discovery\" of ClusterRole \"system:discovery\" to Group \"system:authenticated\"`
)

// line is a line of an audit log. object is the inside of an objectRef.
func line(user, verb, object string, code int, reason string) string {
	decision := "allow"
	if reason == "" {
		decision = "forbid"
	}
	return fmt.Sprintf(`{"kind":"Event","stage":"ResponseComplete","requestURI":"/x?y=z","verb":%q,"user":{"username":%q},`+
		`"objectRef":{%s},"responseStatus":{"code":%d},"annotations":{"authorization.k8s.io/decision":%q,"authorization.k8s.io/reason":"%s"}}`+"\n", verb, user, object, code, decision, reason)
}

const account = "system:serviceaccount:system:controller"

const (
	event1  = `"resource":"events","namespace":"demo","name":"e"`
	event2  = `"resource":"events","namespace":"demo","name":"e","apiGroup":"events.k8s.io"`
	status  = `"resource":"gateways","namespace":"demo","name":"g","apiGroup":"gateway.networking.k8s.io","subresource":"status"`
	lease   = `"resource":"leases","namespace":"system","name":"l","apiGroup":"coordination.k8s.io"`
	one     = `"resource":"deployments","namespace":"demo","name":"one","apiGroup":"apps"`
	two     = `"resource":"deployments","namespace":"demo","name":"two","apiGroup":"apps"`
	metrics = `{"stage":"ResponseComplete","requestURI":"/metrics?a","verb":"get","user":{"username":"` + account + `"},"responseStatus":{"code":200},` +
		`"annotations":{"authorization.k8s.io/reason":"` + byCluster + `"}}` + "\n"
)

func all() []string {
	return []string{
		line(account, "create", event1, 201, byCluster), line(account, "create", event2, 201, byCluster), line(account, "patch", status, 200, byCluster),
		line(account, "update", lease, 200, byLease), line(account, "get", one, 404, byCluster), line(account, "get", two, 200, byCluster), metrics,
		line(account, "get", `"resource":""`, 200, byAnyone),
		line("system:serviceaccount:elsewhere:controller", "get", one, 403, ""), // another's trouble
		line("admin", "delete", one, 403, ""),
	}
}

func TestVerdict(t *testing.T) {
	without := func(drop string) []string {
		var kept []string
		for _, l := range all() {
			if !strings.Contains(l, drop) {
				kept = append(kept, l)
			}
		}
		if len(kept) == len(all()) {
			t.Fatalf("nothing to drop: %s", drop)
		}
		return kept
	}
	cases := map[string]struct {
		log    []string
		want   Verdict
		reason string
	}{
		"clean": {log: all(), reason: "each grant was needed, nothing was refused"},
		"unused": {log: without(event2), reason: "the same resource of another group is another grant",
			want: Verdict{Unused: []string{"create events.events.k8s.io (ClusterRole controller)"}}},
		"unused by name": {log: without(`"two"`), reason: "a grant for one object is not needed by a request for another",
			want: Verdict{Unused: []string{"get deployments.apps two (ClusterRole controller)"}}},
		"unused in a namespace": {log: append(without(byLease), line(account, "update", lease, 200, byCluster)),
			reason: "what one binding allowed does not make another's grant needed, and no role of the chart gives it",
			want: Verdict{Unused: []string{"update leases.coordination.k8s.io (Role system/lease)"},
				Unknown: []string{account + " update leases.coordination.k8s.io system/l: 200 (ClusterRole controller)"}}},
		"unused path": {log: without("/metrics"), reason: "a path that is no resource is a grant too",
			want: Verdict{Unused: []string{"get /metrics (ClusterRole controller)"}}},
		"denied": {log: append(all(), line(account, "list", `"resource":"nodes"`, 403, "")), reason: "a refused request is named",
			want: Verdict{Denied: []string{account + " list nodes : 403"}}},
		"refused": {log: append(all(), line(account, "create", event1, 403, byCluster)), reason: "admission can refuse what RBAC allows",
			want: Verdict{Refused: []Request{{Action: Action{"", "events", "create"}, Account: account, Namespace: "demo", Name: "e", Code: 403,
				Reason: strings.ReplaceAll(byCluster, `\"`, `"`), Role: Role{Kind: "ClusterRole", Name: "controller"}}}}},
		"too wide": {log: append(without(event1+"}"), line(account, "create", strings.ReplaceAll(event1, "demo", "system"), 201, byCluster)),
			reason: "what was done in the own namespace alone needs no ClusterRole",
			want:   Verdict{TooWide: []string{"create events (ClusterRole controller)"}}},
		"cut short": {log: append(all(), `{"stage":"Respo`), reason: "the API server is still writing the last line"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			grants, err := Granted(strings.NewReader(manifests), "system")
			if err != nil {
				t.Fatal(err)
			}
			comparison := Compare(grants, "system")
			if err := Used(strings.NewReader(strings.Join(c.log, "")), "system", comparison.Add); err != nil {
				t.Fatal(err)
			}
			got := comparison.Verdict()
			got.Requests, got.Exercised = 0, 0
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
			if got.Clean() != (name == "clean" || name == "cut short") {
				t.Errorf("Clean is %t", got.Clean())
			}
		})
	}
}

func TestGrantedRefuses(t *testing.T) {
	if _, err := Granted(strings.NewReader(strings.Replace(manifests, "verbs: [patch]", `verbs: ["*"]`, 1)), "system"); !errors.Is(err, ErrWildcard) {
		t.Errorf("a wildcard: got %v, want %v", err, ErrWildcard)
	}
	if _, err := Granted(strings.NewReader(manifests), "elsewhere"); err == nil {
		t.Error("a binding without its role: got no error")
	}
}

func TestUsedRefusesBrokenLog(t *testing.T) {
	err := Used(strings.NewReader(`{"user":{"username":"`+account+`"},`+"\n"), "system", func(Request) {})
	if err == nil {
		t.Error("a broken line: got no error")
	}
}
