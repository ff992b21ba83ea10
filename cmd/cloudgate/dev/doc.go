// Package dev is `cloudgate dev`: a whole Cloudgate in one process with no cluster. Manifests come from files that are watched, the
// reconcilers run over an in-memory store, the provider speaks to an embedded fake cloud over its real API, and traffic flows on
// loopback addresses.
//
// It wires and it shows. It knows what a State is, which is read from the statuses that the controller wrote; it decides nothing
// about Gateways.
package dev
