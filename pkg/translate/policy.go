package translate

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// policy is a BackendTLSPolicy and what it comes to.
type policy struct {
	object *gwv1.BackendTLSPolicy
	name   types.NamespacedName
	tls    *ir.BackendTLS // nil when it is invalid: a backend that it governs then answers with an error, never in plain
	report PolicyReport
	lost   []Problem // targets at which an older policy comes first

	relevant bool // a route of this Gateway has a backend that it targets
}

// policyTarget is what a policy governs: a Service, or one port of it by name.
type policyTarget struct {
	service types.NamespacedName
	section string
}

// collectPolicies reads the BackendTLSPolicies, oldest first, and finds which governs what.
func (t *translation) collectPolicies() {
	seen := map[types.NamespacedName]bool{}
	for _, object := range t.s.BackendTLSPolicies {
		if object == nil {
			continue
		}
		name := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
		if !seen[name] {
			seen[name] = true
			t.policies = append(t.policies, &policy{object: object, name: name})
		}
	}
	slices.SortFunc(t.policies, func(a, b *policy) int { return compareAge(&a.object.ObjectMeta, &b.object.ObjectMeta) })
	t.byTarget, t.strays = map[policyTarget][]*policy{}, map[types.NamespacedName][]*policy{}
	for _, p := range t.policies {
		for i, ref := range p.object.Spec.TargetRefs {
			t.aimPolicy(p, i, ref)
		}
		t.readPolicy(p)
	}
}

// aimPolicy notes one target of a policy. The first that comes, which is the oldest, governs it.
func (t *translation) aimPolicy(p *policy, i int, ref gwv1.LocalPolicyTargetReferenceWithSectionName) {
	if ref.Group != "" || ref.Kind != kindService {
		return // of no concern to us; other implementations may know it
	}
	where := fmt.Sprintf("targetRefs[%d]", i)
	target := policyTarget{
		service: types.NamespacedName{Namespace: p.name.Namespace, Name: string(ref.Name)},
		section: string(value(ref.SectionName)),
	}
	if service := t.s.Services[target.service]; service != nil && target.section != "" {
		found := false
		for _, port := range service.Spec.Ports {
			found = found || port.Name == target.section
		}
		if !found {
			t.strays[target.service] = append(t.strays[target.service], p)
			p.lost = append(p.lost, Problem{Code: CodeTargetNotFound, Where: where, Value: target.section,
				Object: Object{Kind: kindService, Namespace: target.service.Namespace, Name: target.service.Name}})
		}
	}
	others := t.byTarget[target]
	if slices.Contains(others, p) {
		return
	}
	if len(others) > 0 {
		p.lost = append(p.lost, Problem{Code: CodeConflicted, Where: where,
			Object: Object{Kind: kindPolicy, Namespace: others[0].name.Namespace, Name: others[0].name.Name}})
	}
	t.byTarget[target] = append(others, p)
}

// policiesFor returns the policies that have a say in a port of a Service, the one that governs it first: the oldest that names the port,
// else the oldest that names the Service.
func (t *translation) policiesFor(service types.NamespacedName, port string) []*policy {
	var all []*policy
	if port != "" {
		all = append(all, t.byTarget[policyTarget{service: service, section: port}]...)
	}
	return append(all, t.byTarget[policyTarget{service: service}]...)
}

// readPolicy judges what a policy says about validation.
func (t *translation) readPolicy(p *policy) {
	p.report = PolicyReport{Name: p.name, Accepted: ok(gwv1.PolicyReasonAccepted), Resolved: ok(gwv1.BackendTLSPolicyReasonResolvedRefs)}
	validation := &p.object.Spec.Validation
	tls := &ir.BackendTLS{ServerName: strings.ToLower(string(validation.Hostname))}
	f := &findings{t: t}

	f.use(ir.FeatureBackendTLS, "spec")
	if !validHostname(tls.ServerName) || isWildcard(tls.ServerName) {
		f.fault(Problem{Code: CodeHostnameInvalid, Where: "validation.hostname", Value: tls.ServerName})
	}
	for _, key := range sortedKeys(p.object.Spec.Options) {
		f.fault(Problem{Code: CodeTLSOption, Where: "options", Value: string(key)})
	}
	tls.SANs = readSANs(validation.SubjectAltNames, f)
	wellKnown := string(value(validation.WellKnownCACertificates))
	switch {
	case (wellKnown == "") == (len(validation.CACertificateRefs) == 0):
		f.fault(Problem{Code: CodeNoCA, Where: "validation"})
	case wellKnown == string(gwv1.WellKnownCACertificatesSystem):
		tls.System = true
	case wellKnown != "":
		f.fault(Problem{Code: CodeWellKnownCA, Where: "validation.wellKnownCACertificates", Value: wellKnown})
	default:
		t.readCAs(p, tls)
	}

	p.report.Accepted.Problems = sortedProblems(f.notes)
	switch {
	case len(f.faults) > 0:
		p.report.Accepted = bad(gwv1.PolicyReasonInvalid, f.faults...)
	case !tls.System && len(tls.CAs) == 0:
		p.report.Accepted = bad(gwv1.BackendTLSPolicyReasonNoValidCACertificate, p.report.Resolved.Problems...)
	default:
		p.tls = tls
	}
	t.judgeTargets(p)
}

// judgeTargets refuses a policy that does not come first at a target.
func (t *translation) judgeTargets(p *policy) {
	if len(p.lost) == 0 {
		return
	}
	reason := gwv1.PolicyReasonTargetNotFound
	for _, problem := range p.lost {
		if problem.Code == CodeConflicted {
			reason = gwv1.PolicyReasonConflicted
		}
	}
	if p.report.Accepted.OK {
		p.report.Accepted = bad(reason, p.lost...)
	}
}

// readCAs puts together the certificates of the valid caCertificateRefs.
func (t *translation) readCAs(p *policy, tls *ir.BackendTLS) {
	var problems []Problem
	reason := gwv1.BackendTLSPolicyReasonInvalidKind
	for i, ref := range p.object.Spec.Validation.CACertificateRefs {
		where := fmt.Sprintf("validation.caCertificateRefs[%d]", i)
		object := Object{Kind: string(ref.Kind), Namespace: p.name.Namespace, Name: string(ref.Name)}
		if ref.Group != "" || ref.Kind != kindConfigMap {
			problems = append(problems, Problem{Code: CodeInvalidKind, Where: where, Object: object,
				Value: groupKind(string(ref.Group), string(ref.Kind)), Detail: kindConfigMap})
			continue
		}
		pem, problem := t.caBundle(object)
		if problem != nil {
			problem.Where = where
			reason = gwv1.BackendTLSPolicyReasonInvalidCACertificateRef
			problems = append(problems, *problem)
			continue
		}
		tls.CAs = append(tls.CAs, pem...)
	}
	if len(problems) > 0 {
		p.report.Resolved = bad(reason, problems...)
	}
}

func readSANs(names []gwv1.SubjectAltName, f *findings) []ir.SAN {
	if len(names) == 0 {
		return nil
	}
	f.use(ir.FeatureBackendTLSSANs, "validation.subjectAltNames")
	var sans []ir.SAN
	for i, name := range names {
		where := fmt.Sprintf("validation.subjectAltNames[%d]", i)
		switch name.Type {
		case gwv1.HostnameSubjectAltNameType:
			host := strings.ToLower(string(name.Hostname))
			if !validHostname(host) {
				f.fault(Problem{Code: CodeHostnameInvalid, Where: where + ".hostname", Value: host})
				continue
			}
			sans = append(sans, ir.SAN{DNS: host})
		case gwv1.URISubjectAltNameType:
			if parsed, err := url.Parse(string(name.URI)); err != nil || !parsed.IsAbs() {
				f.fault(Problem{Code: CodeValueInvalid, Where: where + ".uri", Value: string(name.URI), Detail: "an absolute URI"})
				continue
			}
			sans = append(sans, ir.SAN{URI: string(name.URI)})
		default:
			f.fault(Problem{Code: CodeValueInvalid, Where: where + ".type", Value: string(name.Type), Detail: "Hostname or URI"})
		}
	}
	slices.SortFunc(sans, func(a, b ir.SAN) int { return cmp.Or(cmp.Compare(a.DNS, b.DNS), cmp.Compare(a.URI, b.URI)) })
	return slices.Compact(sans)
}
