// Command demo-cluster is what `make demo-cluster` runs: it brings a Kubernetes up, installs Cloudgate and the fake cloud in it from their
// charts, applies the examples, waits until their Gateways are programmed, and sends requests to their addresses from outside the
// cluster. It is a user: it works through make, bin/cluster, helm and kubectl, and knows nothing of how they do it.
package main
