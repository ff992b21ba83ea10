// Package ports decides on which port of its address a listener of a load balancer answers, for the load balancers of all clouds that
// are served by one process: two never claim the same port, and what may not be bound moves to a port that may.
//
// It knows nothing of what is served there, and binds nothing itself.
package ports
