// Package permissions compares what a program may do in a cluster with what it did: the rules that manifests grant to service accounts,
// and the API server's audit log. It knows the two file formats and nothing of who runs what; reading either from a cluster is the
// caller's part.
package permissions
