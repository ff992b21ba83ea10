package translate

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// admission is what a listener's allowedRoutes say.
type admission struct {
	namespace func(string) bool
	kinds     map[string]bool
}

func (a *admission) setKinds(kinds []gwv1.RouteGroupKind) {
	a.kinds = make(map[string]bool, len(kinds))
	for _, k := range kinds {
		a.kinds[string(k.Kind)] = true
	}
}

// newAdmission reads which namespaces a listener allows. The kinds are set when its protocol is known.
func (t *translation) newAdmission(l *listener) (admission, *Problem) {
	var from *gwv1.FromNamespaces
	var selector *metav1.LabelSelector
	if allowed := l.spec.AllowedRoutes; allowed != nil && allowed.Namespaces != nil {
		from, selector = allowed.Namespaces.From, allowed.Namespaces.Selector
	}
	test, fault := t.namespaceTest(l.owner.Namespace, value(from), gwv1.NamespacesFromSame, selector, l.where()+".allowedRoutes.namespaces")
	return admission{namespace: test}, fault
}

// namespaceTest returns a function that tells whether a namespace is allowed. own is the namespace of the object that allows, unset what
// an empty from means. Where there is a fault nothing is allowed.
func (t *translation) namespaceTest(own string, from, unset gwv1.FromNamespaces, selector *metav1.LabelSelector, where string) (func(string) bool, *Problem) {
	none := func(string) bool { return false }
	if from == "" {
		from = unset
	}
	switch from {
	case gwv1.NamespacesFromAll:
		return func(string) bool { return true }, nil
	case gwv1.NamespacesFromSame:
		return func(ns string) bool { return ns == own }, nil
	case gwv1.NamespacesFromNone:
		return none, nil
	case gwv1.NamespacesFromSelector:
		return t.selectorTest(selector, where)
	default:
		return none, &Problem{Code: CodeFromInvalid, Where: where + ".from", Value: string(from)}
	}
}

func (t *translation) selectorTest(selector *metav1.LabelSelector, where string) (func(string) bool, *Problem) {
	none := func(string) bool { return false }
	if selector == nil {
		return none, &Problem{Code: CodeSelectorInvalid, Where: where + ".selector", Detail: "it is not set"}
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return none, &Problem{Code: CodeSelectorInvalid, Where: where + ".selector", Detail: err.Error()}
	}
	memo := map[string]bool{}
	return func(ns string) bool {
		allowed, known := memo[ns]
		if !known {
			if object := t.s.Namespaces[ns]; object != nil {
				allowed = parsed.Matches(labels.Set(object.Labels))
			}
			memo[ns] = allowed
		}
		return allowed
	}, nil
}
