package aws

// What AWS has room for: its quotas for a new account, and the limits that no request raises. A plan that keeps to them is never refused by
// AWS half way.
const (
	mostListeners     = 50   // of a load balancer
	mostRules         = 100  // of an Application Load Balancer, default rules apart
	mostGroups        = 100  // target groups of an Application Load Balancer
	mostActionGroups  = 5    // target groups of one action
	mostCertificates  = 25   // of a load balancer, without the default ones of its listeners
	mostIngress       = 60   // rules of a security group
	mostTargets       = 1000 // of a target group
	mostMatchValues   = 5    // of the conditions of a rule together
	mostWildcards     = 5    // in the conditions of a rule together
	longestMatchValue = 128  // and of an expression in a condition
	longestHeaderName = 40
	longestMethod     = 40
	longestRewrite    = 1024 // of an expression, and of what replaces what it matches
	mostWeight        = 999

	// Targets of a load balancer: one that is in several of its target groups counts in each.
	mostApplicationTargets = 1000
	mostNetworkTargets     = 3000
	mostZoneTargets        = 500 // of a Network Load Balancer in a zone, or in all where each zone sends to all
	fewestMostTargets      = mostZoneTargets
)
