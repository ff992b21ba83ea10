package translate

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// policy is an object that says something about Services, and what it comes to. What it says is nil when it is not valid.
type policy struct {
	kind    string
	meta    *metav1.ObjectMeta
	name    types.NamespacedName
	read    func(*policy) // judges what it says
	targets []policyTarget
	report  PolicyReport
	lost    []Problem // targets that are not there, or at which an older policy comes first

	relevant bool // a route of this Gateway has a backend that it targets

	tls     *ir.BackendTLS // a backend that an invalid BackendTLSPolicy governs answers with an error, never in plain
	traffic *trafficPolicy
	backend *backendPolicy
}

// policyPlace is what a policy governs: a Service, or one port of it by name.
type policyPlace struct {
	kind    string // of the policy
	service types.NamespacedName
	section string
}

// policyTarget is one targetRef of a policy that names a Service.
type policyTarget struct {
	where string
	place policyPlace
}

// policies are those of a Snapshot and what they target.
type policies struct {
	all     []*policy // oldest first
	byPlace map[policyPlace][]*policy
	aimed   map[types.NamespacedName][]*policy // at a Service or a port of it, whether that is there or not
}

// collectPolicies reads the policies of all kinds and finds which governs what: at each place the oldest.
func (t *translation) collectPolicies() {
	t.policies = policies{byPlace: map[policyPlace][]*policy{}, aimed: map[types.NamespacedName][]*policy{}}
	for _, o := range t.s.BackendTLSPolicies {
		if o != nil {
			t.addPolicy(kindTLSPolicy, &o.ObjectMeta, func(p *policy) { t.readTLSPolicy(p, &o.Spec) }, o.Spec.TargetRefs)
		}
	}
	for _, o := range t.s.BackendTrafficPolicies {
		if o != nil {
			t.addPolicy(kindTrafficPolicy, &o.ObjectMeta, func(p *policy) { t.readTrafficPolicy(p, &o.Spec) }, wholeTargets(o.Spec.TargetRefs))
		}
	}
	for _, o := range t.s.BackendPolicies {
		if o != nil {
			t.addPolicy(kindBackendPolicy, &o.ObjectMeta, func(p *policy) { t.readBackendPolicy(p, &o.Spec) }, o.Spec.TargetRefs)
		}
	}
	slices.SortStableFunc(t.policies.all, func(a, b *policy) int { return compareAge(a.meta, b.meta) })
	for _, p := range t.policies.all {
		for _, target := range p.targets {
			t.aimPolicy(p, target)
		}
		p.read(p)
	}
}

// wholeTargets returns references that cannot name a port as those that can.
func wholeTargets(refs []gwv1.LocalPolicyTargetReference) []gwv1.LocalPolicyTargetReferenceWithSectionName {
	out := make([]gwv1.LocalPolicyTargetReferenceWithSectionName, len(refs))
	for i, ref := range refs {
		out[i].LocalPolicyTargetReference = ref
	}
	return out
}

func (t *translation) addPolicy(kind string, meta *metav1.ObjectMeta, read func(*policy), refs []gwv1.LocalPolicyTargetReferenceWithSectionName) {
	p := &policy{kind: kind, meta: meta, name: types.NamespacedName{Namespace: meta.Namespace, Name: meta.Name}, read: read}
	if slices.ContainsFunc(t.policies.all, func(o *policy) bool { return o.kind == kind && o.name == p.name }) {
		return
	}
	p.report = PolicyReport{Kind: kind, Name: p.name, Accepted: ok(gwv1.PolicyReasonAccepted)}
	for i, ref := range refs {
		if ref.Group != "" || ref.Kind != kindService {
			continue // of no concern to us; other implementations may know it
		}
		service := types.NamespacedName{Namespace: p.name.Namespace, Name: string(ref.Name)}
		p.targets = append(p.targets, policyTarget{
			where: fmt.Sprintf("targetRefs[%d]", i),
			place: policyPlace{kind: kind, service: service, section: string(value(ref.SectionName))},
		})
	}
	t.policies.all = append(t.policies.all, p)
}

// aimPolicy notes one target of a policy. The first that comes, which is the oldest, governs it.
func (t *translation) aimPolicy(p *policy, target policyTarget) {
	place := target.place
	if !slices.Contains(t.policies.aimed[place.service], p) {
		t.policies.aimed[place.service] = append(t.policies.aimed[place.service], p)
	}
	if service := t.s.Services[place.service]; service != nil && place.section != "" {
		if !hasPort(service, place.section) {
			p.lost = append(p.lost, Problem{Code: CodeTargetNotFound, Where: target.where, Value: place.section, Object: serviceObject(place.service)})
		}
	}
	others := t.policies.byPlace[place]
	if slices.Contains(others, p) {
		return
	}
	if len(others) > 0 {
		p.lost = append(p.lost, Problem{Code: CodeConflicted, Where: target.where, Object: others[0].object()})
	}
	t.policies.byPlace[place] = append(others, p)
}

// losePolicies notes that a Service which a route names, and policies target, is not there. One that no route of this Gateway names is
// not in the Snapshot whether it is there or not.
func (t *translation) losePolicies(service types.NamespacedName) {
	for _, p := range t.policies.aimed[service] {
		for _, target := range p.targets {
			if target.place.service == service {
				p.lost = append(p.lost, Problem{Code: CodeNotFound, Where: target.where, Object: serviceObject(service)})
			}
		}
	}
}

func (p *policy) object() Object {
	return Object{Kind: p.kind, Namespace: p.name.Namespace, Name: p.name.Name}
}

func hasPort(service *corev1.Service, name string) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == name })
}

func serviceObject(name types.NamespacedName) Object {
	return Object{Kind: kindService, Namespace: name.Namespace, Name: name.Name}
}

// concerns tells whether what a policy of a kind says is of any effect on a Service that is spoken to in a way.
func concerns(kind string, how speech) bool {
	switch kind {
	case kindTLSPolicy:
		return how == speakHTTP || how == speakGRPC || how == speakTLS
	case kindTrafficPolicy:
		return how == speakHTTP || how == speakGRPC
	default:
		return true
	}
}

// policiesFor returns the policies that have a say in a port of a Service, or try to: the Gateway is their ancestor.
func (t *translation) policiesFor(key poolKey, port string) []*policy {
	var out []*policy
	for _, p := range t.policies.aimed[key.service] {
		if concerns(p.kind, key.speech) && p.aimsAt(key.service, port, t.s.Services[key.service]) {
			out = append(out, p)
		}
	}
	return out
}

// aimsAt tells whether a policy targets a port of a Service, all of it, or something in it that is not there.
func (p *policy) aimsAt(name types.NamespacedName, port string, service *corev1.Service) bool {
	return slices.ContainsFunc(p.targets, func(target policyTarget) bool {
		section := target.place.section
		return target.place.service == name && (section == "" || section == port || service == nil || !hasPort(service, section))
	})
}

// governing returns the policy of a kind that governs a port of a Service, or nil: the oldest that names the port, else the oldest that
// names the Service.
func (t *translation) governing(kind string, key poolKey, port string) *policy {
	if !concerns(kind, key.speech) {
		return nil
	}
	place := policyPlace{kind: kind, service: key.service, section: port}
	if found := t.policies.byPlace[place]; len(found) > 0 {
		return found[0]
	}
	place.section = ""
	if found := t.policies.byPlace[place]; len(found) > 0 {
		return found[0]
	}
	return nil
}

// judge says what was found in a policy, and tells whether it is valid.
func (p *policy) judge(f *findings) bool {
	p.report.Accepted.Problems = sortedProblems(f.notes)
	if len(f.faults) > 0 {
		p.report.Accepted = bad(gwv1.PolicyReasonInvalid, f.faults...)
	}
	return len(f.faults) == 0
}

// judgeTargets refuses a policy that does not come first at a target, or whose target is not there.
func (p *policy) judgeTargets() {
	if len(p.lost) == 0 || !p.report.Accepted.OK {
		return
	}
	reason := gwv1.PolicyReasonTargetNotFound
	if slices.ContainsFunc(p.lost, func(problem Problem) bool { return problem.Code == CodeConflicted }) {
		reason = gwv1.PolicyReasonConflicted
	}
	p.report.Accepted = bad(reason, p.lost...)
}
