// Package reconciler is the Kubernetes side of Cloudgate: it gathers what is said about a Gateway into one Snapshot, has it
// translated, compiled and compared with what the cloud has, carries out the plan, and writes back what became of it.
//
// It knows Kubernetes and the order in which things happen. It refuses to know any cloud (providers do), what the Gateway API means
// (package translate does) and how a status is worded (package status does). Whether its objects come from a cluster or from the
// store in package memory is the Manager's business.
//
// # What is remembered
//
// The ledger holds, for each Gateway, the resources that its cloud has. It lives in memory; a digest of it, and the names of the few
// big resources, live in the status of the Gateway's LoadBalancer. A pass whose want equals the ledger makes no call to the
// cloud, and a start with unchanged wants reads nothing for each Gateway. The audit reads the cloud in bulk and repairs what
// somebody else changed.
package reconciler

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 rbac:roleName=cloudgate-controller paths=. output:rbac:dir=../charts/cloudgate/files/rbac
