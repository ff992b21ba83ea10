// Package apiserver proves how the controller behaves towards a real API server: what it writes and how often, what it does about
// conflicts, what becomes of changes when its leader dies or the API server is away.
//
// It starts etcd and kube-apiserver from the binary that test/cluster builds (or that $CLOUDGATE_KUBE names), and skips where there is none; in CI it fails.
// Two replicas of the controller run as processes, with the service account and the permissions of the chart. Requests are counted
// in the API server's audit log. Load balancers are the fake cloud's, on loopback addresses, and their routes redirect, so that there is
// traffic without pods. TestGatewayServices has a cloud of its own, and its controller in the test's process, for EndpointSlices have no loopback addresses. What is measured and not asserted is printed with the word MEASURED.
package apiserver
