package status

import (
	"fmt"

	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

func listenerSentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodeUnsupportedProtocol:
		return fmt.Sprintf("%sthe protocol %s is not supported. Use one of %s.", at(p), quoted(p.Value), p.Detail), true
	case translate.CodePortUnavailable:
		return fmt.Sprintf("%sport %s cannot be used. Ports are 1 to 65535.", at(p), p.Value), true
	case translate.CodeHostnameInvalid:
		return fmt.Sprintf("%s%s is not a host name that can be used here. Use a DNS name in lower case, not an IP address.", at(p), quoted(p.Value)), true
	case translate.CodeSelectorInvalid:
		return fmt.Sprintf("%sthe selector is not valid: %s.", at(p), p.Detail), true
	case translate.CodeFromInvalid:
		return fmt.Sprintf("%s%s is not known. Use All, Same, Selector or None.", at(p), quoted(p.Value)), true
	case translate.CodeRouteKind:
		return fmt.Sprintf("%s%s cannot attach to this listener. It takes %s.", at(p), p.Value, p.Detail), true
	case translate.CodeTLSMode:
		return fmt.Sprintf("%sthe mode %s is not possible with the protocol %s.", at(p), quoted(p.Value), p.Detail), true
	case translate.CodeTLSOption:
		return fmt.Sprintf("%sthe option %s is not known. Remove it.", at(p), quoted(p.Value)), true
	case translate.CodeTLSNotAllowed:
		return fmt.Sprintf("%sthe protocol %s has no TLS. Remove tls, or use HTTPS or TLS.", at(p), p.Value), true
	case translate.CodeClientMode:
		return fmt.Sprintf("%s%s is not known. Use AllowValidOnly or AllowInsecureFallback.", at(p), quoted(p.Value)), true
	case translate.CodeNoAuthority:
		return fmt.Sprintf("%sthere is no certificate of an authority to check clients with. The listener stays closed: it would let everybody in.", at(p)), true
	case translate.CodeProtocolConflict:
		return fmt.Sprintf("%sport %s is also asked for by %s, with which it cannot be shared. Use another port.", at(p), p.Value, p.Detail), true
	case translate.CodeHostnameConflict:
		return fmt.Sprintf("%sthe port and %s are also asked for by %s. Use another host name or port.", at(p), hostnames(p.Value), p.Detail), true
	case translate.CodeNameRepeated:
		return fmt.Sprintf("%sseveral listeners have the name %s. Give each its own.", at(p), quoted(p.Value)), true
	case translate.CodeOverlap:
		return fmt.Sprintf("%s%s overlaps with %s on the same port. A client that reuses a connection may reach the wrong one; use separate certificates or ports.", at(p), hostnames(p.Value), p.Detail), true
	default:
		return "", false
	}
}

func hostnames(h string) string {
	if h == "" {
		return "every host name"
	}
	return "host name " + h
}

func gatewaySentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodeListenersInvalid:
		if p.Value == "" {
			return "There is no listener that can be used.", true
		}
		return fmt.Sprintf("Listeners that are not valid: %s. See their conditions.", p.Value), true
	case translate.CodeListenersUnresolved:
		return fmt.Sprintf("Listeners with references that cannot be resolved: %s. See their conditions.", p.Value), true
	case translate.CodeParametersRef:
		return fmt.Sprintf("%sparameters of kind %s are not supported. Refer to a cloudgate.dev/GatewayConfig.", at(p), p.Value), true
	case translate.CodeParametersNamespace:
		return fmt.Sprintf("%sthe reference has no namespace. Name that of the GatewayConfig.", at(p)), true
	case translate.CodeParametersDenied:
		return fmt.Sprintf("%s%s lets its Gateways have no parameters of their own. Remove the reference, or ask for another class.", at(p), p.Object), true
	case translate.CodeParameterValue:
		return parameterSentence(p), true
	case translate.CodeClassParameters:
		return fmt.Sprintf("%s has parameters that cannot be used. See its status.", p.Object), true
	case translate.CodeAddressType:
		return fmt.Sprintf("%saddresses of type %s are not supported. Use IPAddress.", at(p), quoted(p.Value)), true
	case translate.CodeAddressInvalid:
		return fmt.Sprintf("%s%s is not an address of its type. Correct it, or remove it to let the cloud choose.", at(p), quoted(p.Value)), true
	case translate.CodeDefaultScope:
		return fmt.Sprintf("%sdefault Gateways are not supported. Remove defaultScope and name the Gateway in parentRefs.", at(p)), true
	case translate.CodeSetNotAllowed:
		return fmt.Sprintf("%s does not allow ListenerSets from this namespace. Its spec.allowedListeners would have to.", p.Object), true
	case translate.CodeParentNotAccepted:
		return fmt.Sprintf("%s is not accepted. See its status.", p.Object), true
	default:
		return "", false
	}
}

func routeSentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodeNoListener:
		if p.Value == "" {
			return fmt.Sprintf("%s has no listeners.", p.Object), true
		}
		return fmt.Sprintf("%s has no listener with %s. Correct sectionName or port.", p.Object, p.Value), true
	case translate.CodeSetNotAttached:
		return fmt.Sprintf("%s is not allowed by its Gateway. See its status.", p.Object), true
	case translate.CodeNamespaceNotAllowed:
		return fmt.Sprintf("No listener of %s allows routes from namespace %s. Its allowedRoutes.namespaces would have to.", p.Object, p.Value), true
	case translate.CodeKindNotAllowed:
		return fmt.Sprintf("No listener of %s takes routes of kind %s. Its protocol and allowedRoutes.kinds would have to.", p.Object, p.Value), true
	case translate.CodeNoHostname:
		return fmt.Sprintf("No host name of the route (%s) is one of the listeners of %s (%s). Use one that both have.", orAny(p.Value), p.Object, orAny(p.Detail)), true
	case translate.CodeOtherKind:
		return fmt.Sprintf("On listener %s the older %s has a host name of this route. One host name cannot have both kinds.", p.Value, p.Object), true
	case translate.CodeShadowed:
		return fmt.Sprintf("Listener %s takes one route and serves the older %s, not this one.", p.Value, p.Object), true
	default:
		return "", false
	}
}

func orAny(hosts string) string {
	if hosts == "" {
		return "any"
	}
	return hosts
}

func ruleSentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodeFilterUnsupported:
		return fmt.Sprintf("%sthe filter %s is not supported here. Remove it.", at(p), quoted(p.Value)), true
	case translate.CodeFilterRepeated:
		return fmt.Sprintf("%sthe filter %s occurs more than once. Put everything into one.", at(p), p.Value), true
	case translate.CodeFilterIncompatible:
		return fmt.Sprintf("%s%s and %s do not go together.", at(p), p.Value, p.Detail), true
	case translate.CodeFilterMalformed:
		return fmt.Sprintf("%sthe filter %s does not say what to do.", at(p), quoted(p.Value)), true
	case translate.CodeValueInvalid:
		return fmt.Sprintf("%s%s is not valid. Allowed: %s.", at(p), quoted(p.Value), p.Detail), true
	case translate.CodeFeatureImpossible:
		return fmt.Sprintf("%sthis cloud cannot do %s.", at(p), p.Feature), true
	case translate.CodeFeatureRefused:
		return fmt.Sprintf("%sthis cloud does %s with a difference: %s. To accept that, annotate the GatewayClass with %s: %s.", at(p), p.Feature, p.Detail,
			translate.ApproximateAnnotation, translate.ApproximateAllow), true
	case translate.CodeFeatureApproximate:
		return fmt.Sprintf("%sthis cloud does %s with a difference: %s.", at(p), p.Feature, p.Detail), true
	case codeRejected:
		return fmt.Sprintf("%sthe cloud rejects it: %s. Change it; until then it is tried again from time to time only.", at(p), p.Detail), true
	case codeRefused:
		if p.Where == "" {
			return fmt.Sprintf("This cloud cannot have all of it: %s.", p.Detail), true
		}
		return fmt.Sprintf("%sthis cloud cannot have it: %s.", at(p), p.Detail), true
	case codeDifferent:
		start := "This"
		if p.Where != "" {
			start = at(p) + "this"
		}
		return fmt.Sprintf("%s cloud does it with a difference: %s.", start, p.Detail), true
	default:
		return "", false
	}
}

func policySentence(p translate.Problem) (string, bool) {
	switch p.Code {
	case translate.CodeConflicted:
		return fmt.Sprintf("%sthe older %s has the same target.", at(p), p.Object), true
	case translate.CodeTargetNotFound:
		return fmt.Sprintf("%s%s has no port with the name %s.", at(p), p.Object, p.Value), true
	case translate.CodeWellKnownCA:
		return fmt.Sprintf("%s%s is not known. Use System.", at(p), quoted(p.Value)), true
	case translate.CodeNoCA:
		return fmt.Sprintf("%sset exactly one of caCertificateRefs and wellKnownCACertificates.", at(p)), true
	default:
		return "", false
	}
}
