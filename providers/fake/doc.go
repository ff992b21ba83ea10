// Package fake is the provider of the fake cloud: it teaches the controller the cloud that is bundled with Cloudgate, over that
// cloud's native HTTP API.
//
// A Gateway becomes one load balancer, one listener for each port and protocol, one rule for each rule of a route that has one
// action (all its matches and hostnames together), one pool for each backend and one certificate for each key pair. Rules and
// listeners live in the load balancer and go with it.
//
// Everything carries labels: the mark of its owner (cluster and Gateway UID), the Gateway's namespace and name for people, the
// resource's name in the graph, and the labels that the Gateway asks for. A resource without the mark is never changed.
//
// The package knows the API from its documentation alone. It does not import the fake cloud, keeps nothing between calls and
// never retries: that is the controller's.
package fake
