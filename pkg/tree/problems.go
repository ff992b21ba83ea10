package tree

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/status"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// Problem is something that a status says is wrong.
type Problem struct {
	Object string `json:"object"` // "HTTPRoute shop/web", "Gateway shop/web listener http"
	Text   string `json:"text"`   // "ResolvedRefs=False, BackendNotFound: …"
}

// Problems lists what statuses of the objects of s say is wrong before any cloud is asked: what Programmed says is left out. The order is
// Gateway, listeners, ListenerSets, routes as in the Report, policies.
func Problems(s *translate.Snapshot, report *translate.Report, statuses status.Result) []Problem {
	var out []Problem
	add := func(object string, conditions []metav1.Condition, generation int64) {
		before := slices.DeleteFunc(slices.Clone(conditions), func(c metav1.Condition) bool { return c.Type == "Programmed" })
		_, problems := read(before, generation)
		for _, p := range problems {
			if problem := (Problem{object, p}); !slices.Contains(out, problem) {
				out = append(out, problem)
			}
		}
	}
	gw := s.Gateway
	id := "Gateway " + gw.Namespace + "/" + gw.Name
	add(id, statuses.Gateway.Conditions, gw.Generation)
	for _, l := range statuses.Gateway.Listeners {
		add(id+" listener "+string(l.Name), l.Conditions, gw.Generation)
	}
	for _, set := range s.ListenerSets {
		id := "ListenerSet " + nameOf(set).String()
		add(id, statuses.ListenerSets[nameOf(set)].Conditions, set.Generation)
		for _, l := range statuses.ListenerSets[nameOf(set)].Listeners {
			add(id+" listener "+string(l.Name), l.Conditions, set.Generation)
		}
	}
	known := routes(s)
	for _, r := range report.Routes {
		id := r.Kind + " " + r.Name.String()
		for _, p := range parents(statuses, r.Kind, r.Name) {
			if p.ControllerName == s.ControllerName {
				add(id, p.Conditions, known[id].generation)
			}
		}
	}
	for _, policy := range s.Policies() {
		for _, a := range statuses.Policies[policy.Object].Ancestors {
			if a.ControllerName == s.ControllerName {
				add(policy.Object.String(), a.Conditions, policy.Meta.Generation)
			}
		}
	}
	return out
}
