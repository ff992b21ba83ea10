// Package traffic has what end-to-end tests share: visitors that send requests to a load balancer as its users would, clients that keep
// asking and count what goes wrong, and a look into the fake cloud through its API, as anybody could. It knows nothing of where the
// Gateways come from: `cloudgate dev` and a cluster are one to it.
package traffic
