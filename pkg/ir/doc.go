// Package ir is a load balancer in nobody's dialect: what a Gateway and its routes ask for, after every question that
// the Gateway API leaves to an implementation has been answered, and before any cloud's words are used.
//
// Values are finished thought: sorted, deduplicated, valid. A provider that compiles them never sorts rules again, never
// looks up a reference, and never meets a Kubernetes or SDK type. Equal Gateways give equal values.
//
// The package knows nothing of clouds or of Kubernetes and imports the standard library only.
package ir
