package translate

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// readTLSPolicy judges what a BackendTLSPolicy says about validation.
func (t *translation) readTLSPolicy(p *policy, spec *gwv1.BackendTLSPolicySpec) {
	p.report.Resolved = ok(gwv1.BackendTLSPolicyReasonResolvedRefs)
	validation := &spec.Validation
	tls := &ir.BackendTLS{ServerName: strings.ToLower(string(validation.Hostname))}
	f := &findings{t: t}

	f.use(ir.FeatureBackendTLS, "spec")
	if !validHostname(tls.ServerName) || isWildcard(tls.ServerName) {
		f.fault(Problem{Code: CodeHostnameInvalid, Where: "validation.hostname", Value: tls.ServerName})
	}
	for _, key := range sortedKeys(spec.Options) {
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
		t.readCAs(p, validation.CACertificateRefs, tls)
	}

	switch {
	case !p.judge(f):
	case !tls.System && len(tls.CAs) == 0:
		p.report.Accepted = bad(gwv1.BackendTLSPolicyReasonNoValidCACertificate, p.report.Resolved.Problems...)
	default:
		p.tls = tls
	}
}

// readCAs puts together the certificates of the valid caCertificateRefs.
func (t *translation) readCAs(p *policy, refs []gwv1.LocalObjectReference, tls *ir.BackendTLS) {
	var problems []Problem
	reason := gwv1.BackendTLSPolicyReasonInvalidKind
	for i, ref := range refs {
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
