// Package cluster tells the stories of test/e2e again on a real Kubernetes: charts installed by Helm, backends in pods, manifests through the
// API server, and visitors on the network outside of the cluster. It runs inside of `cluster exec`, by `make e2e-cluster`; elsewhere its
// tests skip. Every test has a namespace of its own, and leaves nothing in the cloud. What is measured and not asserted (times, memory)
// is printed with the word MEASURED, since machines differ.
package cluster
