// Package files reads Kubernetes objects from manifests: files, folders and a stream, YAML or JSON, several documents in one file,
// lists. It says of everything that it does not take where it stands and why, and takes what is good in spite of what is not.
//
// It does what an API server does before an object is stored as far as that matters to the reconcilers: strict decoding,
// namespaces, the defaults of core kinds. Absent fields of the Gateway API stay absent: package translate reads them as their
// defaults. It knows no cluster and watches nothing.
package files
