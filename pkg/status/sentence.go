package status

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

const (
	maxSentences = 6    // of one message; the rest is counted
	maxMessage   = 4000 // characters; the API takes 32768, a reader fewer
	maxDetail    = 300  // of what somebody else wrote
)

// What is learnt after translate. Where is the rule, where it is one of a route.
const (
	codeRejected  translate.Code = 255 - iota // the cloud rejects it, Detail is what the cloud said
	codeRefused                               // it is left out, because the cloud cannot have it; Detail says why
	codeDifferent                             // the cloud has it, and does it otherwise than it should; Detail says how
)

// verdictMessage returns the problems of a verdict as sentences, after fine where the verdict is good.
func verdictMessage(v translate.Verdict, fine string) string {
	switch {
	case len(v.Problems) == 0:
		return fine
	case v.OK:
		return fine + " " + sentences(v.Problems)
	default:
		return sentences(v.Problems)
	}
}

// sentences returns what is wrong, one sentence or two for each problem, in the order they come.
func sentences(problems []translate.Problem) string {
	var out []string
	for _, p := range problems {
		if s := sentence(p); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if more := len(out) - maxSentences; more > 0 {
		out = append(out[:maxSentences], fmt.Sprintf("And %d more.", more))
	}
	return strings.Join(out, " ")
}

// list returns items sorted, without those that occur twice, as one clause.
func list(items []string) string {
	sorted := slices.Clone(items)
	for i := range sorted {
		sorted[i] = shorten(strings.TrimRight(strings.TrimSpace(sorted[i]), "."), maxDetail)
	}
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	if more := len(sorted) - maxSentences; more > 0 {
		sorted = append(sorted[:maxSentences:maxSentences], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(sorted, "; ")
}

// shorten cuts s to at most limit bytes, at the end of a character.
func shorten(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// sentence says what is wrong and what to do about it.
func sentence(p translate.Problem) string {
	p.Value, p.Detail = shorten(p.Value, maxDetail), shorten(p.Detail, maxDetail)
	for _, part := range []func(translate.Problem) (string, bool){referenceSentence, backendSentence, listenerSentence, gatewaySentence, routeSentence, ruleSentence, policySentence} {
		if s, found := part(p); found {
			return s
		}
	}
	return at(p) + "it is not valid."
}

// at returns "field: ", or nothing where the problem is the whole object's.
func at(p translate.Problem) string {
	if p.Where == "" {
		return ""
	}
	return p.Where + ": "
}

func quoted(s string) string {
	if s == "" {
		return "an empty value"
	}
	return `"` + s + `"`
}

func referenceSentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodeNotPermitted:
		return fmt.Sprintf("%s%s is in another namespace, and no ReferenceGrant there allows the reference. Create one in namespace %s.", at(p), p.Object, p.Object.Namespace), true
	case translate.CodeInvalidKind:
		return fmt.Sprintf("%sreferences to %s are not supported. Refer to a %s.", at(p), p.Value, p.Detail), true
	case translate.CodeNotFound:
		return fmt.Sprintf("%s%s does not exist. Create it or correct the name.", at(p), p.Object), true
	case translate.CodeCertificateMissing:
		return fmt.Sprintf("%sTLS ends at this listener, but no certificate is named. Name a Secret of type kubernetes.io/tls.", at(p)), true
	case translate.CodeCertificateMalformed:
		return fmt.Sprintf("%s%s cannot be used: %s.", at(p), p.Object, p.Detail), true
	default:
		return "", false
	}
}

func backendSentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodePortMissing:
		return fmt.Sprintf("%sthe reference to %s has no port. Name one of its ports.", at(p), p.Object), true
	case translate.CodePortNotFound:
		there := "It has no ports"
		if p.Detail != "" {
			there = "It has " + p.Detail
		}
		return fmt.Sprintf("%s%s has no port %s. %s.", at(p), p.Object, p.Value, there), true
	case translate.CodePortProtocol:
		return fmt.Sprintf("%sthe port of %s is %s, but the route needs %s.", at(p), p.Object, orTCP(p.Value), p.Detail), true
	case translate.CodeExternalName:
		return fmt.Sprintf("%s%s is of type ExternalName, which is not supported. Refer to a Service with endpoints.", at(p), p.Object), true
	case translate.CodeAppProtocol:
		return fmt.Sprintf("%sthe appProtocol %s of %s is not supported for this route. Supported are %s.", at(p), quoted(p.Value), p.Object, p.Detail), true
	case translate.CodeBackendNeedsTLS:
		return fmt.Sprintf("%sthe appProtocol %s of %s asks for TLS. Create a BackendTLSPolicy that says how to verify it.", at(p), quoted(p.Value), p.Object), true
	case translate.CodeBackendTLSPolicy:
		return fmt.Sprintf("%s%s, which secures the backend, is not valid. See its status.", at(p), p.Object), true
	case translate.CodeNoNodePort:
		why := ""
		if p.Detail != "" {
			why = fmt.Sprintf(", because the cloud's load balancers do not reach %s", p.Detail)
		}
		return fmt.Sprintf("%sport %s of %s has no node port, and requests are sent to nodes%s. Give the Service the type NodePort.", at(p), p.Value, p.Object, why), true
	default:
		return "", false
	}
}

func orTCP(protocol string) string {
	if protocol == "" {
		return "TCP"
	}
	return protocol
}
