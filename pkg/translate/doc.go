// Package translate turns what Kubernetes says about one Gateway into the load balancer that it asks for, and a Report on
// everything that was read: what was accepted, what was refused, and why.
//
// It is total and deterministic: every Snapshot gives an answer, equal Snapshots (in any order) give equal answers, and
// no input makes it panic. A fault costs exactly the thing that has it: a bad certificate its listener, a missing backend its
// share of the weight, an unsupported filter its rule.
//
// The package knows the Gateway API specification. It refuses to know any cloud, beyond the grades in Snapshot.Features,
// and how a status is worded: a Report holds reasons and data, package status makes sentences of them.
package translate
