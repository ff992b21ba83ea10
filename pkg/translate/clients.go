package translate

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Certificates that prove who speaks: those of clients, which listeners ask for (GEP-91), and that of the Gateway, which it shows to
// backends (GEP-3155).

// frontendValidation returns what the Gateway asks of the clients of a listener, and where that stands. A port without a say of its own
// has the default.
func (t *translation) frontendValidation(l *listener) (*gwv1.FrontendTLSValidation, string) {
	config := t.s.Gateway.Spec.TLS
	if l.protocol != ir.ProtocolHTTPS || config == nil || config.Frontend == nil {
		return nil, ""
	}
	for i, perPort := range config.Frontend.PerPort {
		if perPort.Port == l.spec.Port {
			return perPort.TLS.Validation, fmt.Sprintf("tls.frontend.perPort[%d].tls.validation", i)
		}
	}
	return config.Frontend.Default.Validation, "tls.frontend.default.validation"
}

// mayValidate tells whether the cloud can ask clients for what is wanted. A listener that could not would let everybody in.
func (t *translation) mayValidate(v *gwv1.FrontendTLSValidation, where string, f *findings) bool {
	before := len(f.faults)
	f.use(ir.FeatureClientValidation, where)
	switch cmp.Or(v.Mode, gwv1.AllowValidOnly) {
	case gwv1.AllowValidOnly:
	case gwv1.AllowInsecureFallback:
		f.use(ir.FeatureClientInsecureFallback, where+".mode")
	default:
		f.fault(Problem{Code: CodeClientMode, Where: where + ".mode", Value: string(v.Mode)})
	}
	return len(f.faults) == before
}

// resolveClients finds the authorities that may sign the certificates of a listener's clients. A reference that is invalid costs itself;
// a listener without any that is valid is refused.
func (t *translation) resolveClients(l *listener) {
	v, where := t.frontendValidation(l)
	if v == nil {
		return
	}
	gw := Object{Kind: kindGateway, Namespace: t.s.Gateway.Namespace, Name: t.s.Gateway.Name}
	insecure := v.Mode == gwv1.AllowInsecureFallback
	clients := &ir.ClientValidation{InsecureFallback: insecure}
	var problems []Problem
	var reason gwv1.ListenerConditionReason
	for i, ref := range v.CACertificateRefs {
		pem, why, problem := t.authority(gw, ref)
		if problem != nil {
			problem.Where = fmt.Sprintf("%s.caCertificateRefs[%d]", where, i)
			problems = append(problems, *problem)
			reason = cmp.Or(reason, why)
			continue
		}
		clients.CAs = append(clients.CAs, pem...)
	}
	if len(problems) > 0 {
		verdict := &l.report.Resolved
		*verdict = bad(reason, append(slices.Clone(verdict.Problems), problems...)...)
	}
	if len(clients.CAs) == 0 {
		l.refuse(gwv1.ListenerReasonNoValidCACertificate, Problem{Code: CodeNoAuthority, Where: where})
		return
	}
	l.clients = clients
	t.report.Gateway.InsecureClients = t.report.Gateway.InsecureClients || insecure
}

// authority reads a reference to certificates of authorities.
func (t *translation) authority(from Object, ref gwv1.ObjectReference) ([]byte, gwv1.ListenerConditionReason, *Problem) {
	object := Object{Kind: string(ref.Kind), Namespace: string(valueOr(ref.Namespace, gwv1.Namespace(from.Namespace))), Name: string(ref.Name)}
	if ref.Group != "" || ref.Kind != kindConfigMap {
		return nil, gwv1.ListenerReasonInvalidCACertificateKind, &Problem{Code: CodeInvalidKind, Object: object,
			Value: groupKind(string(ref.Group), string(ref.Kind)), Detail: kindConfigMap}
	}
	if !t.grants.allow(from, object) {
		return nil, gwv1.ListenerReasonRefNotPermitted, &Problem{Code: CodeNotPermitted, Object: object}
	}
	pem, problem := t.caBundle(object)
	return pem, gwv1.ListenerReasonInvalidCACertificateRef, problem
}

// caBundle returns the certificates in the key ca.crt of a ConfigMap.
func (t *translation) caBundle(object Object) ([]byte, *Problem) {
	configMap := t.s.ConfigMaps[types.NamespacedName{Namespace: object.Namespace, Name: object.Name}]
	if configMap == nil {
		return nil, &Problem{Code: CodeNotFound, Object: object}
	}
	pem, err := pemCertificates([]byte(cmp.Or(configMap.Data["ca.crt"], string(configMap.BinaryData["ca.crt"]))))
	if err != nil {
		return nil, &Problem{Code: CodeCertificateMalformed, Object: object, Detail: "ca.crt " + err.Error()}
	}
	return pem, nil
}

// readClientCertificate finds the certificate that the Gateway shows to backends.
func (t *translation) readClientCertificate() {
	config := t.s.Gateway.Spec.TLS
	if config == nil || config.Backend == nil || config.Backend.ClientCertificateRef == nil {
		return
	}
	const where = "tls.backend.clientCertificateRef"
	if fault, _ := t.use(ir.FeatureBackendClientCert, where); fault != nil {
		t.rejectGateway(gwv1.GatewayReasonInvalid, *fault)
		return
	}
	gw := Object{Kind: kindGateway, Namespace: t.s.Gateway.Namespace, Name: t.s.Gateway.Name}
	certificate, problem := t.certificate(gw, *config.Backend.ClientCertificateRef)
	if problem != nil {
		problem.Where = where
		reason := gwv1.GatewayReasonInvalidClientCertificateRef
		if problem.Code == CodeNotPermitted {
			reason = gwv1.GatewayReasonRefNotPermitted
		}
		verdict := bad(reason, *problem)
		t.clientFault = &verdict
		return
	}
	t.offerCertificate(certificate)
	t.clientCertificate = certificate.Name
}
