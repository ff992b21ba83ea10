// Package aws is the provider of AWS: it teaches the controller Application and Network Load Balancers, over the services
// Elastic Load Balancing v2, EC2 and ACM.
//
// The HTTP and HTTPS listeners of a Gateway become an Application Load Balancer, its TCP, UDP and TLS listeners a Network Load Balancer.
// Each rule of a route becomes as few listener rules as its matches allow, each backend a target group, each key pair a certificate in
// ACM. What is within a load balancer goes with it.
//
// Everything carries tags: the mark of its owner (cluster and Gateway UID), the Gateway's namespace and name for people, the
// resource's name in the graph, and the tags that the Gateway and its GatewayConfig ask for. A resource without the mark is never changed.
//
// Compile and Place are pure: what they know of AWS are its documented words, limits and defaults. What an Application Load Balancer
// cannot do is refused by the rule; what it does a little differently is done only where the class opts in, and then said.
//
// The package refuses to know Kubernetes, other clouds, and whether AWS or something in its place answers. It keeps nothing between
// calls but the name of the VPC, waits only for its turn in the rate of calls, and never retries a change: that is the controller's.
package aws
