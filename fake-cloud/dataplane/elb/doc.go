// Package elb makes the Application and Network Load Balancers of the fake AWS carry traffic, as Elastic Load Balancing does: rules by
// priority with their globs, expressions and transforms, target groups with their health checks and stickiness, what targets are told
// of clients, and the pages that the load balancer answers with itself.
//
// It follows package world/aws through its View, and reports to it how listeners and targets are. It refuses nothing that the account
// has accepted, and knows nothing of the API. A region is one zone to it: load balancers answer in each of their zones with all
// targets, whatever cross-zone load balancing says.
package elb
