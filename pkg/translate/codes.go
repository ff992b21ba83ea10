package translate

// Code is a sort of Problem.
type Code uint8

// The codes. What stands in a Problem beside Where is said for each.
const (
	// References, of any object. Object is what is referred to.
	CodeNotPermitted Code = iota + 1 // in another namespace, and no ReferenceGrant allows it
	CodeInvalidKind                  // Value is the group/kind, Detail what is supported
	CodeNotFound

	// Backends. Object is the Service.
	CodePortMissing      // the reference has no port
	CodePortNotFound     // Value is the port, Detail the ports there are
	CodePortProtocol     // Value is the protocol of the port, Detail the one that the route needs
	CodeExternalName     // the Service is an alias for a DNS name
	CodeAppProtocol      // Value is the appProtocol, Detail what is supported
	CodeBackendNeedsTLS  // Value is the appProtocol; a BackendTLSPolicy is needed
	CodeBackendTLSPolicy // Object is the BackendTLSPolicy that governs the Service and is invalid
	CodeNoNodePort       // Value is the port, which has none on the nodes, where requests are sent to nodes; Detail the address of a pod that the cloud does not reach, where that is why

	// Certificates. Object is the Secret or ConfigMap.
	CodeCertificateMissing   // no certificateRefs
	CodeCertificateMalformed // Detail says what is wrong with it
	CodeNoAuthority          // no certificate of an authority that could have signed those of clients

	// Listeners.
	CodeUnsupportedProtocol // Value is the protocol
	CodePortUnavailable     // Value is the port
	CodeHostnameInvalid     // Value is the hostname
	CodeSelectorInvalid     // Detail is the error
	CodeFromInvalid         // Value is not one of All, Same, Selector, None
	CodeRouteKind           // Value is the group/kind, Detail the kinds that the protocol takes
	CodeTLSMode             // Value is the mode
	CodeTLSOption           // Value is the key
	CodeTLSNotAllowed       // tls is set for a protocol without TLS; Value is the protocol
	CodeClientMode          // Value is not AllowValidOnly or AllowInsecureFallback
	CodeProtocolConflict    // Value is the port, Detail the other listeners and their protocols
	CodeHostnameConflict    // Value is the hostname, Detail the other listeners
	CodeNameRepeated        // Value is the name of several listeners
	CodeOverlap             // Value is the hostname, Detail the other listeners

	// Gateways and ListenerSets.
	CodeListenersInvalid    // Value lists them
	CodeListenersUnresolved // Value lists them
	CodeParametersRef       // Value is the group/kind
	CodeParametersNamespace // the reference of a class has no namespace
	CodeParametersDenied    // Object is the GatewayClass, which lets its Gateways have no parameters of their own
	CodeParameterValue      // Object is the GatewayConfig, Detail its field, Value what cannot stand there
	CodeClassParameters     // Object is the GatewayClass, whose parameters cannot be read
	CodeAddressType         // Value is the type
	CodeAddressInvalid      // Value is the address
	CodeDefaultScope        // the Gateway wants to be a default Gateway
	CodeSetNotAllowed       // Object is the Gateway
	CodeParentNotAccepted   // Object is the Gateway

	// Routes and their parents. Object is the parent.
	CodeNoListener          // Value is the section name or port that no listener has
	CodeSetNotAttached      // the parent is a ListenerSet that the Gateway does not accept
	CodeNamespaceNotAllowed // Value is the namespace of the route
	CodeKindNotAllowed      // Value is the kind of the route
	CodeNoHostname          // Value lists the hostnames of the route, Detail those of the listeners
	CodeOtherKind           // Object is the older route of the other kind that has the hostname
	CodeShadowed            // Object is the older route that the listener Value serves in place of this one

	// Rules.
	CodeFilterUnsupported  // Value is the type
	CodeFilterRepeated     // Value is the type
	CodeFilterIncompatible // Value and Detail are what does not go together
	CodeFilterMalformed    // Value is the type: what it configures is not set
	CodeValueInvalid       // Value is not what the field takes, Detail says why
	CodeFeatureImpossible  // Feature; the cloud cannot express it
	CodeFeatureRefused     // Feature, Detail: the cloud expresses it with this difference, and the class does not opt in
	CodeFeatureApproximate // Feature, Detail: the class opts in; a note, not a fault

	// Policies.
	CodeConflicted     // Object is the older policy
	CodeTargetNotFound // Object is the Service, Value the port that it does not have
	CodeWellKnownCA    // Value is not System
	CodeNoCA           // neither or both of caCertificateRefs and wellKnownCACertificates are set

	codeEnd
)

// Codes returns every code, for who has to have a word for each.
func Codes() []Code {
	codes := make([]Code, 0, codeEnd)
	for c := CodeNotPermitted; c < codeEnd; c++ {
		codes = append(codes, c)
	}
	return codes
}
