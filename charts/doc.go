// Package charts holds the Helm charts and what checks them: that they render, that every object in them is one that Kubernetes knows,
// that flags exist in the programs and metrics in the code, and that permissions are those of the markers.
//
// It knows what a chart says. Whether a cluster does what it says is the business of test/e2e/cluster.
package charts

//go:generate go run ./generate
