// Package memory is a Kubernetes API server as far as the reconcilers can see: a store of typed objects with the API's rules for
// resource versions, generations, the status sub-resource, finalizers and owners, and a Manager whose cache and informers are
// the real ones, fed from that store. `cloudgate dev` and the tests run in it the very code that runs in a cluster.
//
// It speaks no HTTP, keeps nothing on disk, and knows nothing of the kinds in it: validation and defaulting belong to an Options.Admit.
// Server-side apply is not supported.
package memory
