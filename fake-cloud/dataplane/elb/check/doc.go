// Package check looks after the health of targets as Elastic Load Balancing does: what it asks them, which answer is healthy, how many
// answers it takes to change its mind, and the reason that it gives.
//
// It knows no target group and no load balancer: an address, what is asked of it, and what came of that.
package check
