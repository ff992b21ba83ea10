package translate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// keyPair is what became of one Secret: a certificate, or why it is none.
type keyPair struct {
	certificate ir.Certificate
	fault       string
}

// CertificatesOption in tls.options of a listener, with the value CertificatesCloud, stands for certificateRefs where the cloud has the
// certificates already, and its section of a GatewayConfig says which. The Gateway API lets no listener end TLS without one or the other.
const (
	CertificatesOption gwv1.AnnotationKey   = "cloudgate.dev/certificates"
	CertificatesCloud  gwv1.AnnotationValue = "cloud"
)

// knowsOption tells whether a listener may have an option.
func (t *translation) knowsOption(l *listener, key gwv1.AnnotationKey, value gwv1.AnnotationValue) bool {
	return key == CertificatesOption && value == CertificatesCloud && l.mode == ir.TLSTerminate && t.params.cloudCertificates(t.s.ControllerName)
}

// certificates resolves the certificateRefs of a listener, and returns the names of those that can be served. One that cannot be
// served costs itself; where none is left the listener is not programmed. There may be no names where the cloud has certificates of its
// own for the listener.
func (t *translation) certificates(l *listener) ([]string, Verdict) {
	var refs []gwv1.SecretObjectReference
	if l.spec.TLS != nil {
		refs = l.spec.TLS.CertificateRefs
	}
	where := l.where() + ".tls.certificateRefs"
	if len(refs) == 0 && t.params.cloudCertificates(t.s.ControllerName) {
		return nil, ok(gwv1.ListenerReasonResolvedRefs)
	}
	if len(refs) == 0 {
		return nil, bad(gwv1.ListenerReasonInvalidCertificateRef, Problem{Code: CodeCertificateMissing, Where: where})
	}
	var names []string
	var problems []Problem
	reason := gwv1.ListenerReasonRefNotPermitted
	seen := map[string]bool{}
	for i, ref := range refs {
		cert, fault := t.certificate(l.owner, ref)
		if fault != nil {
			fault.Where = fmt.Sprintf("%s[%d]", where, i)
			problems = append(problems, *fault)
			if fault.Code != CodeNotPermitted {
				reason = gwv1.ListenerReasonInvalidCertificateRef
			}
			continue
		}
		if !seen[cert.Name] {
			seen[cert.Name] = true
			names = append(names, cert.Name)
		}
		t.offerCertificate(cert)
	}
	if len(problems) > 0 {
		return names, bad(reason, problems...)
	}
	return names, ok(gwv1.ListenerReasonResolvedRefs)
}

// certificate resolves a reference of a Gateway or ListenerSet to a Secret.
func (t *translation) certificate(from Object, ref gwv1.SecretObjectReference) (ir.Certificate, *Problem) {
	object := Object{
		Kind:      string(valueOr(ref.Kind, kindSecret)),
		Namespace: string(valueOr(ref.Namespace, gwv1.Namespace(from.Namespace))),
		Name:      string(ref.Name),
	}
	if group := value(ref.Group); group != "" || object.Kind != kindSecret {
		return ir.Certificate{}, &Problem{Code: CodeInvalidKind, Object: object, Value: groupKind(string(group), object.Kind), Detail: kindSecret}
	}
	if !t.grants.allow(from, object) {
		return ir.Certificate{}, &Problem{Code: CodeNotPermitted, Object: object}
	}
	name := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	secret := t.s.Secrets[name]
	if secret == nil {
		return ir.Certificate{}, &Problem{Code: CodeNotFound, Object: object}
	}
	pair, known := t.keyPairs[name]
	if !known {
		pair = readKeyPair(secret)
		t.keyPairs[name] = pair
	}
	if pair.fault != "" {
		return ir.Certificate{}, &Problem{Code: CodeCertificateMalformed, Object: object, Detail: pair.fault}
	}
	return pair.certificate, nil
}

// offerCertificate keeps a certificate for the load balancer. Two Secrets with one content are one certificate, whose source is the first
// by name.
func (t *translation) offerCertificate(c ir.Certificate) {
	known, found := t.certs[c.Name]
	if !found || sourceLess(c.Source, known.Source) {
		t.certs[c.Name] = c
	}
}

func sourceLess(a, b ir.Source) bool {
	return a.Namespace+"/"+a.Name < b.Namespace+"/"+b.Name
}

// readKeyPair reads a Secret as a certificate and its key. What it says of a fault never holds a part of the key. Whether the certificate
// has expired does not matter: that is for clients to judge, and a clock would make equal inputs give different answers.
func readKeyPair(secret *corev1.Secret) keyPair {
	chainPEM, keyPEM := secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	if len(chainPEM) == 0 {
		return keyPair{fault: "it has no " + corev1.TLSCertKey}
	}
	if len(keyPEM) == 0 {
		return keyPair{fault: "it has no " + corev1.TLSPrivateKeyKey}
	}
	chain, err := pemCertificates(chainPEM)
	if err != nil {
		return keyPair{fault: corev1.TLSCertKey + " " + err.Error()}
	}
	key := pemKey(keyPEM)
	if key == nil {
		return keyPair{fault: corev1.TLSPrivateKeyKey + " holds no private key in PEM"}
	}
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		// Errors of crypto/tls describe sorts of keys and name fields; none holds key material. Its prefix is of no use.
		return keyPair{fault: strings.TrimPrefix(err.Error(), "tls: ")}
	}
	return keyPair{certificate: ir.Certificate{
		Name:   certificateName(chain),
		Chain:  chain,
		Key:    key,
		Source: ir.Source{Kind: kindSecret, Namespace: secret.Namespace, Name: secret.Name},
	}}
}

// certificateName names a certificate by its chain: the same chain is the same certificate, however its key is written.
func certificateName(chain []byte) string {
	sum := sha256.Sum256(chain)
	return "cert-" + hex.EncodeToString(sum[:12])
}

var (
	errNoCertificate  = errors.New("holds no certificate in PEM")
	errBadCertificate = errors.New("holds a certificate that can not be read")
)

// pemCertificates returns the certificates of a PEM file and nothing else of it.
func pemCertificates(data []byte) ([]byte, error) {
	var out bytes.Buffer
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, errBadCertificate
		}
		if err := pem.Encode(&out, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
			return nil, errBadCertificate
		}
	}
	if out.Len() == 0 {
		return nil, errNoCertificate
	}
	return out.Bytes(), nil
}

// pemKey returns the first private key of a PEM file and nothing else of it.
func pemKey(data []byte) []byte {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil
		}
		data = rest
		if block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY") {
			return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
		}
	}
}
