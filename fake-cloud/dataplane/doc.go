// Package dataplane makes the load balancers of the world carry traffic: each has an engine of pkg/proxy, on its own address,
// that serves what the world says.
//
// It follows the world's changes and touches only what changed: a rule edits one routing table, a member replaces one pool. It
// decides where a listener is bound, and reports that to the world. It refuses nothing that the world has accepted, and knows
// nothing of the API.
package dataplane
